"""Recipes: settings for any data, and `jaxgan train`, which begins with one."""

import json

import numpy as np
import pytest
from PIL import Image

from jaxgan import build, cli
from jaxgan.config import Config
from jaxgan.data import from_arrays
from jaxgan.recipes import RECIPES, Facts, choose
from jaxgan.system.errors import UserError

PHOTOGRAPHS = Facts((64, 64, 3), 50_000, None, "cpu")


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
@pytest.mark.parametrize("shape", [(8, 8, 1), (12, 20, 3)])
@pytest.mark.parametrize("name", ["auto", *RECIPES])
def test_every_recipe_has_settings_that_a_run_takes(name, shape, platform):
    config, line = choose(name, Facts(shape, 40, None, platform))
    config = config.replace(width=4) if config.network == "dcgan" else config
    assert config.batch_size <= 40
    assert line.startswith(f"recipe {name}: ")
    images = from_arrays(np.zeros((40, *shape), np.uint8))
    build.experiment(config.replace(batch_size=2).check(), images)


SHAPES = {(28, 28, 1): None, (32, 32, 3): 3, (48, 80, 3): None, (64, 64, 3): 3}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["auto", *RECIPES])
def test_every_recipe_learns_images_with_and_without_labels(name, shape):
    classes = SHAPES[shape]
    config, _ = choose(name, Facts(shape, 40, classes, "cpu"))
    labels = None if classes is None else np.arange(40) % classes
    config = config.replace(conditional=classes is not None, batch_size=4)
    build.experiment(config.check(), from_arrays(np.zeros((40, *shape), np.uint8), labels))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sngan", "sagan", "biggan", "stylegan2", "r3gan", "fastgan"])
def test_the_published_settings_fit_images_of_the_papers_sizes(name):
    for shape, classes in (((32, 32, 3), None), ((64, 64, 3), 10), ((256, 256, 3), None)):
        config, _ = choose(name, Facts(shape, 64, classes, "gpu"))
        labels = None if classes is None else np.arange(64) % 10
        assert config.conditional == (classes is not None and name in ("sagan", "biggan"))
        build.experiment(config.check(), from_arrays(np.zeros((64, *shape), np.uint8), labels))


@pytest.mark.parametrize("name", ["auto", "mlp"])
def test_points_have_a_recipe(name):
    config, _ = choose(name, Facts((2,), 1000, None, "cpu"))
    build.experiment(config.check(), from_arrays(np.zeros((1000, 2), np.float32)))
    with pytest.raises(UserError, match="`recipe` dcgan learns images, and these data are points"):
        choose("dcgan", Facts((2,), 1000, None, "cpu"))


def test_auto_chooses_by_size_number_and_device_and_says_why():
    config, line = choose("auto", PHOTOGRAPHS)
    assert (config.network, config.augment, config.width) == ("dcgan", (), 32)
    assert (
        line == "recipe auto: dcgan, since convolutions suit images of this size, and narrow networks a CPU"
    )
    config, line = choose("auto", PHOTOGRAPHS._replace(images=300, platform="gpu"))
    assert (config.augment, config.width) == (("color", "translation", "cutout"), 128)
    assert "300 images are few" in line
    config, line = choose("auto", PHOTOGRAPHS._replace(image_shape=(8, 8, 1)))
    assert (config.network, config.penalty) == ("mlp", "r1")
    assert "8x8 pixels leave little room" in line


def test_wgan_gp_is_the_papers():
    """Gulrajani et al. 2017, algorithm 1."""
    config = choose("wgan_gp", PHOTOGRAPHS)[0].check()
    assert (config.loss, config.penalty, config.penalty_weight) == ("wasserstein", "gradient_penalty", 10.0)
    rates = config.generator_learning_rate, config.discriminator_learning_rate
    assert (config.d_steps, rates, config.beta1, config.beta2) == (5, (1e-4, 1e-4), 0.0, 0.9)


def train(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.main(["train", *map(str, arguments)])
    return caught.value.code


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i, image in enumerate(np.random.default_rng(0).integers(0, 256, (20, 20, 24, 3), np.uint8)):
        Image.fromarray(image).save(folder / f"{i}.png")
    return folder


def test_a_folder_of_pictures_is_trained_by_one_command(pictures, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ("--data", pictures, "--image-size", 16, "--steps", 2, "--width", 2, "--diagnose-every", "None")
    options += ("--augment", "none", "--no-compilation-cache")
    assert train(*options) == 0
    out = capsys.readouterr().out
    assert "recipe auto: dcgan" in out
    assert "20 images are few" in out
    settings = json.loads((tmp_path / "runs/pictures/config.json").read_text())
    assert (settings["network"], settings["width"], settings["batch_size"]) == ("dcgan", 2, 20)
    assert (tmp_path / "runs/pictures/samples/step_00000002.png").exists()
    assert train(*options) == 0  # the same command is the same run
    assert "goes on at step 2" in capsys.readouterr().out


def test_options_win_over_the_recipe_and_mistakes_are_one_sentence(pictures, tmp_path, capsys):
    run = ("--data", pictures, "--workdir", tmp_path / "run", "--image-size", 16, "--dry-run")
    assert train(*run, "--recipe", "wgan-gp", "--width", 4, "--penalty-weight", 3) == 0
    assert "--penalty-weight                3.0" in capsys.readouterr().out
    for options, sentence in (
        (("--recipe", "wgan-gpp"), "--recipe wgan-gpp is unknown: did you mean wgan_gp?"),
        (
            ("--recipe", "dcgan", "--penalty-weight", 3),
            "--penalty-weight 3.0 has no effect with --penalty none",
        ),
        (("--loss", "hing"), "--loss hing is unknown: did you mean hinge?"),
        (("--data", tmp_path / "nowhere"), "nowhere"),
    ):
        assert train(*run, *options) == 2
        message = capsys.readouterr().err
        assert sentence in message
        assert message.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_the_recipes_are_listed_with_source_and_cost(capsys):
    cli.main(["recipes"])
    out = capsys.readouterr().out
    for name, recipe in RECIPES.items():
        for text in (name, recipe.title, recipe.source, recipe.cost):
            assert text in out


def test_default_settings_are_kept():
    config, _ = choose("mlp", PHOTOGRAPHS, Config(seed=7, workdir="mine"))
    assert (config.seed, config.workdir) == (7, "mine")
