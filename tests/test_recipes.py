"""Recipes: settings for any data, and `jaxgan train`, which begins with one."""

import json
from itertools import product

import numpy as np
import pytest
from PIL import Image

from choosing import each_once, shares
from jaxgan import build, cli
from jaxgan.config import Config
from jaxgan.data import from_arrays
from jaxgan.recipes import OF_TABLES, RECIPES, Facts, choose
from jaxgan.rules import Tables
from jaxgan.system.errors import UserError

PHOTOGRAPHS = Facts((64, 64, 3), 50_000, None, "cpu")
OF_LATENTS = ["auto", *(name for name in RECIPES if name not in ("cyclegan", *OF_TABLES))]


MACHINES = [((8, 8, 1), "cpu"), ((12, 20, 3), "gpu")]
IMAGES = [((28, 28, 1), 3), ((32, 32, 3), None), ((48, 80, 3), None), ((64, 64, 3), None), ((64, 64, 3), 3)]


@pytest.mark.parametrize(
    ("name", "machine"),
    shares(
        product(OF_LATENTS, MACHINES),
        fast=product(OF_LATENTS[::4], MACHINES[:1]),
        slow=each_once(OF_LATENTS, MACHINES[::-1]),
    ),
)
def test_every_recipe_has_settings_that_a_run_takes(name, machine):
    shape, platform = machine
    config, line = choose(name, Facts(shape, 40, None, platform))
    config = config.replace(width=4) if config.network == "dcgan" else config
    assert config.batch_size <= 40
    assert line.startswith(f"recipe {name}: ")
    images = from_arrays(np.zeros((40, *shape), np.uint8))
    build.experiment(config.replace(batch_size=2).check(), images)


@pytest.mark.parametrize(
    ("name", "images"),
    shares(
        product(OF_LATENTS, IMAGES),
        fast=product(OF_LATENTS[1::4], IMAGES[:1]),
        slow=each_once(OF_LATENTS, IMAGES[1:]),
    ),
)
def test_every_recipe_learns_images_with_and_without_labels(name, images):
    shape, classes = images
    config, _ = choose(name, Facts(shape, 40, classes, "cpu"))
    labels = None if classes is None else np.arange(40) % classes
    config = config.replace(conditional=classes is not None, batch_size=4)
    build.experiment(config.check(), from_arrays(np.zeros((40, *shape), np.uint8), labels))


@pytest.mark.long
@pytest.mark.parametrize("name", ["sngan", "sagan", "biggan", "stylegan2", "r3gan", "fastgan"])
def test_the_published_settings_fit_images_of_the_papers_sizes(name):
    for shape, classes in (((32, 32, 3), None), ((64, 64, 3), 10), ((256, 256, 3), None)):
        config, _ = choose(name, Facts(shape, 64, classes, "gpu"))
        labels = None if classes is None else np.arange(64) % 10
        assert config.conditional == (classes is not None and name in ("sagan", "biggan"))
        build.experiment(config.check(), from_arrays(np.zeros((64, *shape), np.uint8), labels))


def test_two_sets_without_pairs_have_a_recipe():
    for platform, images, (batch_size, steps) in (("cpu", 5, (5, 4000)), ("gpu", 1000, (1, 200_000))):
        facts = Facts((128, 128, 3), images, None, platform, "cycle")
        config, line = choose("auto", facts)
        assert line == "recipe auto: cyclegan, since the data are two sets without pairs"
        assert (config.batch_size, config.steps, config.loss) == (batch_size, steps, "least_squares")
        assert config == choose("cyclegan", facts)[0]
    with pytest.raises(UserError, match="`recipe` cyclegan is of the game cycle, and `game` is gan"):
        choose("cyclegan", PHOTOGRAPHS)


@pytest.mark.parametrize("name", ["auto", "mlp"])
def test_points_have_a_recipe(name):
    config, _ = choose(name, Facts((2,), 1000, None, "cpu"))
    build.experiment(config.check(), from_arrays(np.zeros((1000, 2), np.float32)))
    with pytest.raises(UserError, match="`recipe` dcgan learns images, and these data are points"):
        choose("dcgan", Facts((2,), 1000, None, "cpu"))


@pytest.mark.parametrize("rows", [2, 7, 9, 569, 50_000])
def test_a_table_has_a_recipe_whatever_its_size(rows):
    facts, default = Facts((11,), rows, None, "cpu", "table"), Config(game=Tables())
    for name in ("auto", *OF_TABLES):
        config = choose(name, facts, default)[0].check()
        assert config.batch_size <= rows
    assert config.game.pack == (8 if rows > 8 else 1)  # of the last one, CTGAN's
    config, line = choose("auto", facts, default)
    assert (f"a table of {rows:,} rows: few" in line) == (rows < 1000) == (config.game.modes == 0)
    for name, data, message in (
        ("dcgan", facts, "`recipe` dcgan cannot learn these data, which are a table"),
        ("table", PHOTOGRAPHS, "`recipe` table cannot learn these data, which are no table"),
    ):
        with pytest.raises(UserError, match=message):
            choose(name, data, default)


@pytest.mark.parametrize(
    ("shape", "images", "platform", "recipe", "clauses"),
    [
        (
            (64, 64, 3),
            300,
            "cpu",
            "fastgan",
            ["few steps", "narrow networks suit a CPU", "300 images are few"],
        ),
        ((64, 64, 3), 50_000, "cpu", "fastgan", ["few steps", "narrow networks suit a CPU"]),
        ((64, 64, 3), 5000, "gpu", "fastgan", ["few steps", "5,000 images are few"]),
        ((64, 64, 3), 50_000, "gpu", "r3gan", ["50,000 images suit the networks"]),
        ((32, 32, 3), 50_000, "cpu", "dcgan", ["convolutions suit", "narrow networks suit a CPU"]),
        ((32, 32, 3), 300, "gpu", "dcgan", ["convolutions suit", "300 images are few"]),
        ((28, 28, 1), 60_000, "cpu", "dcgan", ["convolutions suit", "narrow networks suit a CPU"]),
        ((67, 67, 3), 300, "cpu", "dcgan", ["convolutions suit"]),  # 67 pixels have no half
        ((418, 418, 3), 300, "cpu", "dcgan", ["convolutions suit"]),  # their half has none
        ((8, 8, 1), 300, "cpu", "mlp", ["8x8 pixels leave little room"]),
    ],
)
def test_auto_chooses_by_size_number_and_device_and_says_why(shape, images, platform, recipe, clauses):
    config, line = choose("auto", Facts(shape, images, None, platform))
    assert line.startswith(f"recipe auto: {recipe}, since ")
    for clause in clauses:
        assert clause in line
    assert ("few, so" in line) == ((images == 300 and recipe != "mlp") or "5,000" in line)
    assert config.network == recipe
    if recipe == "dcgan":
        assert config.augment == (("color", "translation", "cutout") if images == 300 else ())
        assert config.width == (32 if platform == "cpu" else 64)
    if recipe == "fastgan":
        assert (config.augment, config.width) == (("color", "translation"), 16 if platform == "cpu" else 64)


def test_wgan_gp_is_the_papers():
    """Gulrajani et al. 2017, algorithm 1."""
    config = choose("wgan_gp", PHOTOGRAPHS)[0].check()
    assert (config.loss, config.penalty, config.penalty_weight) == ("wasserstein", "gradient_penalty", 10.0)
    rates = config.generator_learning_rate, config.discriminator_learning_rate
    assert (config.d_steps, rates, config.beta1, config.beta2) == (5, (1e-4, 1e-4), 0.0, 0.9)


def test_published_settings_are_the_papers():
    """Miyato 2018; Zhang 2019; Karras 2020 (ADA), auto; Huang 2024, table 9, FFHQ; Liu 2021."""

    def settings(name, side, images=50_000):
        return choose(name, Facts((side, side, 3), images, None, "gpu"))[0].check()

    sngan = settings("sngan", 32)
    assert (sngan.width, sngan.batch_size, sngan.d_steps, sngan.steps) == (128, 64, 5, 50_000)
    assert sngan.generator_batch == 2
    assert (sngan.learning_rate_schedule, sngan.decay_steps, sngan.beta2) == ("linear", 50_000, 0.9)
    sagan = settings("sagan", 128)
    assert (sagan.generator_learning_rate, sagan.discriminator_learning_rate) == (1e-4, 4e-4)
    for side, latents in ((32, 128), (64, 120), (128, 120), (256, 140), (512, 160)):
        assert settings("biggan", side).latent_dim == latents
    for side, batch_size, gamma, base in ((64, 32, 0.0256, 16_384), (256, 16, 0.8192, 16_384)):
        stylegan2 = settings("stylegan2", side)
        assert (stylegan2.batch_size, stylegan2.width * side) == (batch_size, base)
        np.testing.assert_allclose(stylegan2.penalty_weight, gamma)
        assert stylegan2.penalty_every == 16
        assert (stylegan2.ema_half_life, stylegan2.terms) == (batch_size * 10_000 / 32, ("path_length",))
    for side, gamma, width in ((64, 2, 384), (256, 150, 96)):
        r3gan = settings("r3gan", side)
        np.testing.assert_allclose([r3gan.penalty_weight, r3gan.final_penalty_weight], [gamma, gamma / 10])
        assert (r3gan.width, r3gan.batch_size, r3gan.decay_steps) == (width, 256, 20_000_000 // 256)
        half_lives = r3gan.ema_half_life, r3gan.final_ema_half_life, r3gan.ema_ramp
        assert (half_lives, r3gan.fresh_reals, r3gan.mirror) == ((0, 500_000, None), True, True)
    assert settings("r3gan", 32).width == 768
    assert (settings("fastgan", 256).width, settings("fastgan", 256).batch_size) == (64, 8)
    few = settings("stylegan2", 64, images=900)
    assert (few.augment, few.augment_target) == (("bgc",), 0.6)
    assert settings("stylegan2", 64).augment == ()


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


@pytest.mark.slow
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
