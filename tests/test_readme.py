"""The Python that the documents show works as it stands, and what they name exists."""

import re

import numpy as np
import pytest

from jaxgan import train
from jaxgan.config import Config


def blocks(root, file="README.md"):
    """Return the Python blocks of a document, with one round of a hundred steps in the place of sixty."""
    code = re.findall(r"```python\n(.*?)```", (root / file).read_text(), re.DOTALL)
    return [block.replace("range(60)", "range(1)") for block in code]


def run_block(root, *, containing, file="README.md"):
    """Run the one block that contains this text, and return its names."""
    (block,) = [block for block in blocks(root, file) if containing in block]
    scope = {}
    exec(block, scope)
    return scope


BUILT = {
    "_build",
    "_extra",
    "_pages",
    "api",
    "jupyter_execute",
    "node_modules",
}  # what building the site leaves


def documents(root):
    files = [
        root / "README.md",
        root / "CONTRIBUTING.md",
        root / "SECURITY.md",
        root / "benchmarks/README.md",
    ]
    pages = [path for path in sorted(root.glob("docs/**/*.md")) if not BUILT & set(path.parts)]
    return [path.relative_to(root).as_posix() for path in [*files, *pages]]


def test_one_function_alone(request, capsys):
    scope = run_block(request.config.rootpath, containing="losses.hinge")
    weights, real, fake = np.ones(2), np.asarray(scope["real"]), np.asarray(scope["fake"])
    hinge = fake[1 + fake @ weights > 0].sum(axis=0) / 8 - real[1 - real @ weights > 0].sum(axis=0) / 8
    penalty = 10.0 * 2 * (1 - 2**-0.5) * weights  # of 10 (|w| - 1)^2: the critic's gradient is w everywhere
    np.testing.assert_allclose(scope["gradient"], hinge + penalty, rtol=1e-5)
    assert "value" in capsys.readouterr().out


@pytest.mark.slow
def test_the_training_loop(request, capsys):
    scope = run_block(request.config.rootpath, containing="make_train_step")
    assert scope["fakes"].shape == (64, 8, 8, 1)
    assert "100 {'discriminator_gradient_norm'" in capsys.readouterr().out


def test_a_generator_comes_back(request, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train.run(Config(steps=2, batch_size=8, workdir="runs/digits_mlp", quiet=True))
    scope = run_block(request.config.rootpath, containing="load_generator", file="docs/guides/pictures.md")
    assert scope["images"].shape == (64, 8, 8, 1)
    assert (tmp_path / "grid.png").exists()


@pytest.mark.slow
def test_the_verdict_on_a_game(request, capsys):
    run_block(request.config.rootpath, containing="game_field", file="docs/guides/stability.md")
    assert "largest real part" in capsys.readouterr().out


def test_every_block_of_the_readme_is_run_by_a_test(request):
    assert len(blocks(request.config.rootpath)) == 2


def test_links_lead_somewhere(request):
    root, broken = request.config.rootpath, []
    for name in [*documents(root), "CHANGELOG.md"]:
        for link in re.findall(r"\]\(([^)\s]+)\)", (root / name).read_text()):
            path, _, heading = link.partition("#")
            target = (root / name).parent / path if path else root / name
            if "://" not in link and not (target.exists() and heading in ["", *anchors(target)]):
                broken.append(f"{name}: {link}")
    assert not broken


def anchors(file):
    """Return the anchors that GitHub gives to the headings of a document."""
    titles = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE) if file.suffix == ".md" else []
    return [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]


def test_files_that_are_named_exist(request):
    root = request.config.rootpath
    path = r"(?<![\w/.-])(?:experiments|benchmarks|tests|jaxgan|docs)/[\w/.-]+\.(?:py|json|png|md)\b"
    named = {(name, file) for name in documents(root) for file in re.findall(path, (root / name).read_text())}
    assert sorted(f"{name}: {file}" for name, file in named if not (root / file).exists()) == []


def test_every_picture_is_in_the_gallery(request):
    root = request.config.rootpath
    text = (root / "docs/gallery.md").read_text()
    for picture in [*root.glob("docs/images/*.png"), *root.glob("docs/results/*.png")]:
        assert f"({picture.parent.name}/{picture.name})" in text, f"docs/gallery.md lacks {picture.name}"
