"""What the README shows works as it stands."""

import re

import numpy as np

from jaxgan import train
from jaxgan.config import Config


def blocks(root, language):
    return re.findall(rf"```{language}\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)


def test_the_training_loop(request, capsys):
    code = blocks(request.config.rootpath, "python")[0]
    assert "range(60)" in code
    scope = {}
    exec(code.replace("range(60)", "range(1)"), scope)
    assert scope["fakes"].shape == (64, 8, 8, 1)
    assert "100 {'discriminator_accuracy'" in capsys.readouterr().out


def test_a_generator_comes_back(request, tmp_path, monkeypatch):
    code = blocks(request.config.rootpath, "python")[1]
    monkeypatch.chdir(tmp_path)
    train.run(Config(steps=2, batch_size=8, workdir="runs/digits_mlp", quiet=True))
    scope = {}
    exec(code, scope)
    assert scope["images"].shape == (64, 8, 8, 1)
    assert (tmp_path / "grid.png").exists()


def test_one_loss_alone(request):
    code = blocks(request.config.rootpath, "python")[2]
    scope = {}
    exec(code, scope)
    np.testing.assert_allclose(scope["gradient"], [-2.0, -2.0])  # both hinges are active


def test_pictures_and_files_that_are_named_exist(request):
    root = request.config.rootpath
    for name in re.findall(r"\]\(([^)#]+)\)", (root / "README.md").read_text()):
        assert (root / name).exists(), name
    for name in re.findall(r"experiments/\w+\.py", (root / "README.md").read_text()):
        assert (root / name).exists(), name
