"""The experiment files: each is its config, fits its data, and names its command."""

import importlib.util
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from choosing import slow_but
from jaxgan import build, cli, data, train
from jaxgan.data.mixtures import mixture
from jaxgan.system import command_line

DATA = Path(os.environ.get("JAXGAN_TEST_DATA") or Path(__file__).parents[3] / "shared/data")
FOLDER = Path(__file__).parents[2] / "experiments"
FILES = sorted(file for file in FOLDER.glob("*.py") if "CONFIG = Config(" in file.read_text())
SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3), "pictures": (32, 32, 3), "digits": (8, 8, 1)}
SHAPES |= {"runs/brain_slices.npz": (112, 96, 3)}
MIXTURES = ("ring", "grid")
SMALL = ("ring", "digits_mlp", "mnist_infogan", "mnist_inpainting", "wine")  # what is built in no time


def module(file):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def config_of(name):
    return module(FILES[[file.stem for file in FILES].index(name)]).CONFIG


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_experiment_names_its_command_and_its_run(file):
    experiment = module(file)
    assert f"python experiments/{file.name}" in experiment.__doc__
    assert experiment.CONFIG.check().workdir == f"runs/{file.stem}"


@pytest.mark.parametrize("name", slow_but(SMALL, [file.stem for file in FILES]))
def test_an_experiment_fits_its_data(name):
    config = config_of(name).check()
    count = 2 * config.batch_size
    if config.game.learns_tables:
        dataset = build.dataset(config)  # scikit-learn holds them
    elif config.data in MIXTURES:
        dataset = mixture(config.data, count)
    else:
        images = np.zeros((count, *SHAPES[config.data]), np.uint8)
        others = {"unpaired": images[1:]} if config.game.learns_unpaired else {}
        others |= {"sources": images[..., :1]} if config.game.learns_pairs else {}
        dataset = data.from_arrays(images, np.arange(count) % 10, **others)
    build.experiment(config, dataset)


@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixtures_command_line_gives_back_its_config(name):
    config = config_of(name)
    assert command_line.parse(config, description="", args=[]) == config


@pytest.mark.slow
@pytest.mark.parametrize("name", MIXTURES)
def test_a_mixture_is_learned_evaluated_and_drawn(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        train.main(config_of(name), "", ["--steps", "4", "--evaluate-every", "2", "--hidden", "8,8"])
    assert ended.value.code == 0
    rows = [json.loads(line) for line in Path(f"runs/{name}/evaluations.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert all(0 <= row["modes_modes"] <= 25 and row["sliced_wasserstein"] > 0 for row in rows)
    with Image.open(f"runs/{name}/samples/step_00000004.png") as picture:
        colors = np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)
    assert any(
        green > red + 50 and green > blue + 50 for red, green, blue in colors.astype(int)
    )  # real points


@pytest.mark.slow
def test_seeds_of_a_mixture_are_ranked_by_a_distance(tmp_path):
    options = [
        "--seeds",
        "2",
        "--grid",
        "steps=2",
        "--grid",
        "hidden=8,8",
        "--workdir",
        str(tmp_path / "sweep"),
    ]
    cli.main(["sweep", str(FOLDER / "ring.py"), *options])
    rows = json.loads((tmp_path / "sweep/table.json").read_text())
    distances = [row["sliced_wasserstein"] for row in rows]
    assert distances == sorted(distances)
    assert {"modes_modes", "modes_high_quality"} < set(rows[0])


@pytest.mark.slow
def test_a_folder_of_pictures_becomes_a_run(tmp_path):
    """Gray and color pictures, two classes, and a damaged file that is left out with a note."""
    rng = np.random.default_rng(0)
    for i in range(12):
        path = tmp_path / "pictures" / ("cats" if i % 2 else "dogs") / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (20 + i, 24, 3), np.uint8)
        Image.fromarray(pixels if i % 3 else pixels[..., 0]).save(path)
    (tmp_path / "pictures/cats/broken.png").write_bytes(b"\x89PNG")
    config = config_of("folder_dcgan").replace(
        data=str(tmp_path / "pictures"),
        workdir=str(tmp_path / "run"),
        image_size=(12, 16),
        conditional=True,
        width=4,
        batch_size=4,
        steps=3,
    )
    result = train.run(config)
    log = (result.workdir / "log.txt").read_text()
    assert "12 images 12x16x3" in log
    assert re.search(r"note: .*broken\.png", log)
    assert result.status == "done"
    with Image.open(result.workdir / "reals.png") as picture:
        assert picture.mode == "RGB"


@pytest.mark.slow
@pytest.mark.skipif(
    not (DATA / "cifar10_jpeg").is_dir(), reason="needs the CIFAR-10 (JPEG) of the developers"
)
def test_the_cifar10_experiment_trains_on_color_photographs(tmp_path):
    with np.load(DATA / "cifar10_jpeg/cifar10_jpeg_test.npz", allow_pickle=False) as arrays:
        content, offsets, labels = arrays["jpeg"].tobytes(), arrays["offsets"], arrays["labels"]
    for i in range(0, 10_000, 50):
        path = tmp_path / f"photographs/{labels[i]}/{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content[offsets[i] : offsets[i + 1]])
    config = config_of("cifar10_dcgan").replace(
        data=str(tmp_path / "photographs"), workdir=str(tmp_path / "run"), conditional=True, steps=4, width=16
    )
    result = train.run(config)
    assert result.status == "done"
    metrics = result.workdir.joinpath("metrics.jsonl").read_text()
    assert "NaN" not in metrics
    assert "200 images 32x32x3" in (result.workdir / "log.txt").read_text()
