"""A config names its game; the game's options are settings like any other."""

import json
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import each_once, slow_pairs_but
from jaxgan import build, cli, data, evaluate, export, representation, train
from jaxgan.config import INFO, Config, config_of, upgrade
from jaxgan.data import Dataset
from jaxgan.games import BiGame, ClassGame, InfoGame
from jaxgan.images import to_float
from jaxgan.names import FAMILIES
from jaxgan.rules import ACGAN, GAMES, BiGAN, InfoGAN, Paired, Rules
from jaxgan.rules.pictures import Translating
from jaxgan.system.errors import UserError
from jaxgan.system.settings import info_of

TINY = {"hidden": (8,), "batch_size": 8, "steps": 2, "latent_dim": 4, "quiet": True, "diagnose_every": 1}
PLAYED = [InfoGAN((3, 2), 2), InfoGAN((), 1), ACGAN(), ACGAN(discriminative=True), BiGAN()]
KINDS = {"infogan": InfoGame, "acgan": ClassGame, "bigan": BiGame}


def experiment_of(config):
    return build.experiment(config.check(), build.dataset(config))


def test_no_option_of_a_game_is_named_like_a_setting_or_another_games():
    translating = {name for kind in GAMES.values() if issubclass(kind, Translating) for name in info_of(kind)}
    others = [kind for kind in GAMES.values() if not issubclass(kind, Translating)]
    names = [*translating, *(name for kind in others for name in info_of(kind))]
    assert len({*names, *INFO, "game", "own_data", "fingerprint", "own"}) == len(names) + len(INFO) + 4


@pytest.mark.parametrize("name", GAMES)
def test_a_runs_settings_are_flat_and_give_the_config_back(name):
    config = Config(game=GAMES[name](), conditional=name == "acgan").check()
    saved = json.loads(json.dumps(config.settings()))
    assert saved["game"] == name
    assert not any(isinstance(value, dict) for value in saved.values())
    assert config_of(saved) == config
    assert upgrade(saved) == config.settings()


def test_a_run_of_an_older_version_plays_the_plain_game():
    saved = {name: value for name, value in Config().settings().items() if name != "game"}
    assert config_of(saved).game == Rules()
    assert upgrade(saved)["game"] == "gan"


def test_options_are_replaced_by_their_names():
    config = Config(game=InfoGAN()).replace(categories="4,3", steps=7, information_weight=2)
    assert (config.game.categories, config.game.information_weight, config.steps) == ((4, 3), 2.0, 7)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (lambda: Config(game=InfoGAN(categories=(), continuous_codes=0)), "at least one code"),
        (
            lambda: Config(game=InfoGAN(categories=(1,))),
            "`categories` takes numbers of at least 2 and .*, got 1",
        ),
        (
            lambda: Config(game=InfoGAN(categories=(5, 0))),
            "`categories` takes numbers of at least 2 and .* 0",
        ),
        (lambda: Config(game=InfoGAN(categories=(10**11,))), "at most 2,147,483,647, got 100,000,000,000"),
        (lambda: Config(game=InfoGAN(continuous_codes=-1)), "`continuous_codes` must be 0 or a positive"),
        (lambda: Config(game=InfoGAN(information_weight=float("nan"))), "or a positive number, got nan"),
        (lambda: Config(game=ACGAN(class_weight=-1), conditional=True), "`class_weight` must be 0 or a pos"),
        (lambda: Config(game=InfoGAN(information_weight=-1)), "`information_weight` must be 0 or a positive"),
        (lambda: Config(game=InfoGAN(categories="a,b")), "such as 10 or 10,5, got a,b"),
        (lambda: Config(game=ACGAN()), "it needs `conditional` True"),
        (lambda: Config(game=ACGAN(on_fakes=True, discriminative=True), conditional=True), "has no effect"),
        (lambda: Config(game=BiGAN(pair_width=0)), "`pair_width` must be at least 1"),
        (lambda: Config(game="infogan"), "`game` is one of jaxgan.rules"),
        (
            lambda: Config(game=Paired(degrade="blur")),
            "`degrade` blur is unknown: .*there are none, super_res",
        ),
        (
            lambda: Config(game=Paired(scale=2)),
            "`scale` 2 has no effect with `degrade` none: it needs super_",
        ),
        (
            lambda: Config(game=Paired("coloring", hole=0.3)),
            "`hole` 0.3 has no effect with `degrade` coloring: it needs inpainting",
        ),
        (
            lambda: Config(game=Paired("inpainting", hole=1)),
            "`hole` must be at least 0.01 and at most 0.99, got 1.0",
        ),
        (
            lambda: Config(game=Paired("coloring", source="x")),
            "`source` has no effect with `degrade` coloring",
        ),
        (
            lambda: Config(game=Paired("coloring", translator="unet", blocks=3)),
            "`blocks` 3 has no effect with `translator` unet",
        ),
        (lambda: Config(game=Paired("coloring", adversarial_weight=-1)), "`adversarial_weight` must be 0 or"),
        (
            lambda: Config(game=Paired("coloring"), network="dcgan"),
            "`network` dcgan has no effect with `game` paired",
        ),
        (lambda: Config(game=Paired("coloring"), latent_dim=3), "`latent_dim` 3 has no effect with `game`"),
        (lambda: Config(game=Paired("coloring"), conditional=True), "`conditional` True has no effect with"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(config, sentence):
    with pytest.raises(UserError, match=sentence):
        config().check()


def test_the_command_line_has_the_options_of_the_game_and_of_no_other(capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(train, "start", seen.append)
    train.main(Config(game=InfoGAN()), "", args=["--categories", "5", "--steps", "3"])
    assert (seen[0].game, seen[0].steps) == (InfoGAN(categories=(5,)), 3)
    with pytest.raises(SystemExit):
        train.main(Config(), "", args=["--categories", "5"])
    assert "--categories" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("game", "network"),
    slow_pairs_but(each_once(PLAYED, ["dcgan", "mlp"]), PLAYED, ["mlp", "dcgan"]),
)
def test_every_family_plays_every_game(network, game):
    sizes = {"hidden": (8,)} if network == "mlp" else {"width": 4}
    config = Config(
        network=network, game=game, conditional=game.NAME == "acgan", latent_dim=4, **sizes
    ).check()
    experiment = build.experiment(config, build.dataset(config))
    assert isinstance(experiment.step.game, KINDS[game.NAME])


@pytest.mark.slow
@pytest.mark.parametrize("network", sorted({*FAMILIES} - {"mlp", "dcgan"}))
def test_every_family_of_pictures_has_an_encoder(network):
    images = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
    labels = (np.arange(16) % 2).astype(np.int32)
    own = {"conditional": "biggan" in network, "discriminator_norm": "none" if network == "fastgan" else None}
    own = {name: value for name, value in own.items() if value}
    config = Config(network=network, game=BiGAN(), latent_dim=8, width=8, batch_size=4, **own)
    dataset = Dataset("own", images, labels, 2)
    experiment = build.experiment(config.check(), dataset)
    encoder = experiment.generator.encoder
    assert (encoder.size, encoder.most_channels) == (8, 64)
    kernels = jax.tree.leaves(experiment.shapes.generator.params["encoder"])
    assert max(kernel.shape[-1] for kernel in kernels) <= 64


@pytest.mark.parametrize(
    "name", [name for name, kind in GAMES.items() if name != "table" and not issubclass(kind, Translating)]
)
def test_a_family_that_cannot_learn_the_data_says_so_in_a_sentence(name):
    config = Config(data="ring", network="dcgan", game=GAMES[name](), conditional=name == "acgan").check()
    with pytest.raises(UserError, match=r"a DCGAN takes images of shape .*, got \(2,\)"):
        build.experiment(config, build.dataset(config))


@pytest.mark.parametrize("game", [InfoGAN(categories=(2_000_000_000,)), InfoGAN(continuous_codes=10**12)])
def test_codes_that_no_memory_holds_are_refused_in_a_sentence(game):
    config = Config(game=game).check()
    with pytest.raises(UserError, match=r"needs at least .* GB of memory"):
        build.experiment(config, data.digits())


def test_what_was_wrong_leaves_no_folder(tmp_path, capsys):
    workdir = tmp_path / "run"
    for game, options in (
        (InfoGAN(), ["--categories", "none", "--continuous-codes", "0"]),
        (InfoGAN(), ["--data", "ring", "--network", "dcgan"]),
        (ACGAN(), ["--no-conditional"]),
    ):
        config = Config(game=game, conditional=game.NAME == "acgan", workdir=str(workdir))
        with pytest.raises(SystemExit) as caught:
            train.main(config, "", args=options)
        assert caught.value.code == 2
        assert capsys.readouterr().err.count("\n") == 1
        assert not workdir.exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["infogan", "acgan", "bigan"])
def test_a_run_of_a_game_is_resumed_diagnosed_exported_and_sampled(name, tmp_path):
    game = InfoGAN((3,), 1) if name == "infogan" else GAMES[name]()
    config = Config(game=game, conditional=name == "acgan", **TINY, log_every=1)
    whole = train.run(config.replace(workdir=str(tmp_path / "whole"), steps=3))
    for steps in (2, 3):
        parts = train.run(config.replace(workdir=str(tmp_path / "parts"), steps=steps))
    leaves = [jax.tree.leaves(result.state.ema) for result in (whole, parts)]
    jax.tree.map(np.testing.assert_array_equal, *leaves)
    rows = [json.loads(line) for line in (tmp_path / "parts/metrics.jsonl").read_text().splitlines()]
    assert set(KINDS[name].LINE) <= set(rows[-1])
    assert len((tmp_path / "parts/diagnostics.jsonl").read_text().splitlines()) == 3

    description = export.read_description(tmp_path / "parts")
    assert description["network"] == "mlp"
    assert description["format_version"] == (2 if name == "infogan" else 1)
    assert export.prior_of(description).size == description["latent_dim"] == whole.state.latent_dim
    images = jnp.asarray(data.digits().images[:6])
    labels = jnp.asarray(data.digits().labels[:6]) if config.conditional else None
    expected = experiment_of(config).step.game.read(parts.state, to_float(images), labels)
    reader = representation.open_reader(tmp_path / "parts")
    found = {"latents": reader.encode(images)} if name == "bigan" else reader.reads(images)
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), found, expected)
    judge, variables = experiment_of(config).discriminator, parts.state.discriminator.variables
    shown = (to_float(images), expected["latents"]) if name == "bigan" else to_float(images)
    output = judge.apply(variables, shown, train=False)
    logits = output if name == "bigan" else output[0]
    np.testing.assert_allclose(reader.discriminate(images), logits, rtol=1e-4, atol=1e-4)
    files = {path.name for path in (tmp_path / "parts/export").iterdir()}
    assert {name.split(".")[0] for name in files} >= {"config", "generator", "discriminator"}
    assert ("encoder.safetensors" in files) == (name == "bigan")
    cli.sample(tmp_path / "parts", n=6, out=Path(tmp_path / "six.npz"))
    with np.load(tmp_path / "six.npz") as stored:
        assert stored["images"].shape == (6, 8, 8, 1)


def test_a_grid_has_a_category_a_column_and_a_sweep_below():
    game = build.experiment(Config(game=InfoGAN((4, 2), 2), **TINY).check(), data.digits()).step.game
    latents = game.lay_out(jax.random.normal(jax.random.key(0), (24, game.prior.size)), 4).reshape(6, 4, -1)
    noise, category, _, codes = game.prior.split(latents)
    assert game.columns == 4
    np.testing.assert_array_equal(noise, noise[:, :1].repeat(4, axis=1))
    np.testing.assert_array_equal(category, np.broadcast_to(np.eye(4), (6, 4, 4)))
    np.testing.assert_array_equal(codes[:4], 0)
    np.testing.assert_allclose(codes[5, :, 0], np.linspace(-1, 1, 4), rtol=1e-6)
    np.testing.assert_allclose(codes[4, :, 1], np.linspace(-1, 1, 4), rtol=1e-6)
    np.testing.assert_array_equal([codes[5, :, 1], codes[4, :, 0]], 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["infogan", pytest.param("acgan", marks=pytest.mark.slow), pytest.param("bigan", marks=pytest.mark.slow)],
)
def test_a_run_of_a_game_is_evaluated_while_it_trains_and_after(name, tmp_path, digits_cnn):
    options = {"evaluate_every": 2, "evaluate_n": 60, "metrics": ("kid",), "steps": 2}
    folder = tmp_path / "run"
    train.run(Config(game=GAMES[name](), conditional=name == "acgan", **TINY | options, workdir=str(folder)))
    (row,) = [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]
    report = evaluate.evaluate(folder, metrics="kid", n=60)
    prior = export.prior_of(export.read_description(folder))
    assert ("normal, not" in report.protocol["latents"]) == (len(prior.blocks) == 1)
    assert np.isfinite([row["kid"], report.scalars["kid"]]).all()


PAIRS = data.from_arrays(
    np.random.default_rng(0).integers(0, 256, (20, 8, 8, 3), np.uint8),
    sources=np.random.default_rng(1).integers(0, 256, (20, 4, 4, 1), np.uint8),
)
SMALL = {"translator_width": 2, "blocks": 0, "patch_width": 2}
STEPS = {"batch_size": 4, "log_every": 1, "diagnose_every": 1, "quiet": True}


@pytest.mark.slow
def test_a_run_of_pairs_is_resumed_exactly_diagnosed_and_exported(tmp_path):
    config = Config(game=Paired(**SMALL), **STEPS)
    whole = train.run(config.replace(workdir=str(tmp_path / "whole"), steps=3), dataset=PAIRS)
    for steps in (2, 3):
        parts = train.run(config.replace(workdir=str(tmp_path / "parts"), steps=steps), dataset=PAIRS)
    jax.tree.map(np.testing.assert_array_equal, *(jax.tree.leaves(each.state.ema) for each in (whole, parts)))
    rows = [json.loads(line) for line in (tmp_path / "parts/metrics.jsonl").read_text().splitlines()]
    assert set(experiment_game(config).LINE) <= set(rows[-1])
    assert len((tmp_path / "parts/diagnostics.jsonl").read_text().splitlines()) == 3
    description = export.read_description(tmp_path / "parts")
    assert (description["inputs"], description["latent_dim"]) == ({"source": [4, 4, 1]}, 0)
    translate = export.load_translator(tmp_path / "parts")
    made = translate(PAIRS.sources[:2])
    expected = build.experiment(config.check(), PAIRS).generate(
        parts.state.ema, to_float(jnp.asarray(PAIRS.sources[:2]))
    )
    np.testing.assert_allclose(made, expected, atol=1e-5)
    judge = export.load_discriminator(tmp_path / "parts")
    assert judge((made, PAIRS.sources[:2])).shape == (2, 4)
    assert (tmp_path / "parts/samples/step_00000003.png").exists()
    with pytest.raises(UserError, match="not of latents"):
        representation.open_reader(tmp_path / "parts")
    other = PAIRS._replace(sources=PAIRS.sources[::-1])
    with pytest.raises(UserError, match="sources are others"):
        train.run(config.replace(workdir=str(tmp_path / "parts"), steps=4), dataset=other)


def experiment_game(config):
    return build.experiment(config.check(), PAIRS).step.game


@pytest.mark.slow
def test_the_translator_fits_the_sources():
    images = data.from_arrays(np.zeros((8, 24, 20, 3), np.uint8))
    cases = {
        "super_resolution": "SRResNet",
        "coloring": "UNet",
        "inpainting": "UNet",
        "denoising": "UNet",
    }
    for degrade, network in cases.items():
        config = Config(game=Paired(degrade, translator_width=2, patch_width=2), batch_size=4).check()
        experiment = build.experiment(config, images)
        assert type(experiment.generator).__name__ == network
        assert experiment.discriminator.layers == 1
        assert experiment.shapes.latent_dim == 0
    unet = build.experiment(Config(game=Paired("coloring", patch_width=2), batch_size=4).check(), images)
    assert (unet.generator.depth, unet.generator.channels) == (4, 3)
    blocks = Config(game=Paired("super_resolution", scale=2, blocks=1), batch_size=4).check()
    assert build.experiment(blocks, images).generator.blocks == 1


@pytest.mark.parametrize(
    ("game", "dataset", "sentence"),
    [
        (Paired(), data.digits(), "learns from pairs: name the folder of sources by `source`, or choose"),
        (
            Paired(translator="unet"),
            PAIRS,
            "`translator` unet makes images of its source's size, and these are 2",
        ),
        (Paired("super_resolution", scale=3), data.digits(), "`scale` 3 does not divide images of 8x8"),
        (Paired("super_resolution", scale=5), PAIRS, "`scale` 5 does not divide"),
        (Paired("coloring"), data.digits(), "color images of 3 channels, got 1"),
        (Paired(patch_layers=3), PAIRS, "takes images of at least 24x24 pixels, got 8x8"),
        (Paired("denoising"), data.from_arrays(np.zeros((20, 2), np.float32)), "these data are points"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(game, dataset, sentence):
    with pytest.raises(UserError, match=sentence):
        build.experiment(Config(game=game, batch_size=4).check(), build.dataset(Config(game=game), dataset))


def test_jaxgan_train_plays_any_game(capsys, monkeypatch):
    seen = []
    monkeypatch.setattr(cli, "start", lambda config, dataset: seen.append(config))
    cli.train(["--game", "paired", "--degrade", "super-resolution", "--scale", "2", "--data", "digits"])
    assert (seen[0].game, seen[0].network) == (Paired("super_resolution", scale=2), "mlp")
    cli.train(["--data=digits", "--game=infogan", "--categories", "5"])
    assert seen[1].game == InfoGAN(categories=(5,))
    cli.train(["--data", "digits"])
    assert seen[2].game == Rules()
    for arguments in (["--game", "pairs"], ["--degrade", "coloring"]):
        with pytest.raises(SystemExit) as caught:
            cli.train([*arguments, "--data", "digits"])
        assert caught.value.code == 2
    capsys.readouterr()
