"""The experiment files: each is its config, fits its data, and says its command."""

import importlib.util
import json
import os
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jaxgan import build, data, train

DATA = Path(os.environ.get("JAXGAN_TEST_DATA") or Path(__file__).parents[3] / "shared/data")
FOLDER = Path(__file__).parents[2] / "experiments"
FILES = sorted(file for file in FOLDER.glob("*.py") if "CONFIG = Config(" in file.read_text())
SHAPES = {"mnist": (28, 28, 1), "cifar10": (32, 32, 3), "pictures": (32, 32, 3), "digits": (8, 8, 1)}


def module(file):
    spec = importlib.util.spec_from_file_location(file.stem, file)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def config_of(name):
    return module(FILES[[file.stem for file in FILES].index(name)]).CONFIG


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_experiment_fits_its_data_and_says_its_command(file):
    experiment = module(file)
    assert f"python experiments/{file.name}" in experiment.__doc__
    config = experiment.CONFIG.check()
    assert config.workdir == f"runs/{file.stem}"
    count, shape = 2 * config.batch_size, SHAPES[config.data]
    images = np.zeros((count, *shape), np.uint8)
    build.experiment(config, data.from_arrays(images, np.arange(count) % 10))


@pytest.mark.slow
def test_a_folder_of_pictures_becomes_a_run(tmp_path):
    """Grey and colour, two classes, and a damaged file that is left out with a note."""
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
        image_size="12x16",
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
def test_the_cifar10_experiment_trains_on_colour_photographs(tmp_path):
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


@pytest.mark.parametrize(
    "name", [pytest.param("ring", marks=pytest.mark.slow), pytest.param("grid", marks=pytest.mark.long)]
)
def test_a_mixture_is_learnt_scored_and_drawn(name, tmp_path, run_program):
    run = partial(run_program, FOLDER / f"{name}.py", "--seeds", "2", "--width", "8", cwd=tmp_path)
    result = run("--steps", "50", "--penalty", "gradient-penalty", "--loss", "wasserstein")
    assert "seed 1: mode coverage" in result.stdout
    folder = tmp_path / "runs" / name
    scores = json.loads((folder / "result.json").read_text())
    assert len(scores["modes"]) == len(scores["high_quality"]) == 2
    with Image.open(folder / "samples.png") as picture, Image.open(folder / "training.gif") as film:
        assert picture.size[0] > 400
        assert film.n_frames == 40
    refused = run("--loss", "wassersteine", expect=2)
    assert "did you mean wasserstein?" in refused.stderr
    assert "Traceback" not in refused.stderr
    refused = run("--steps", "0", expect=2)
    assert refused.stderr.startswith("error: --steps must be at least 1")
