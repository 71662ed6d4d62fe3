"""The game cycle as a run: two sets without pairs, both directions of its translators, and what is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import build, cli, data, evaluate, export, metrics, train
from jaxgan.config import Config, config_of
from jaxgan.images import to_float, to_uint8
from jaxgan.rules import Cycle, Paired
from jaxgan.sampling import grid
from jaxgan.system.errors import UserError, exits
from jaxgan.translate import translate

SMALL = {"translator": "srresnet", "translator_width": 2, "blocks": 0, "patch_width": 2, "identity_weight": 0}
STEPS = {"batch_size": 4, "steps": 2, "quiet": True, "loss": "least_squares", "generator_learning_rate": 0.01}
RNG = np.random.default_rng(0)
SOURCES = RNG.integers(0, 256, (12, 8, 8, 1)).astype(np.uint8)
IMAGES = np.maximum(RNG.integers(0, 256, (20, 8, 8, 1)), RNG.integers(0, 256, (20, 8, 8, 1))).astype(np.uint8)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    np.savez(folder / "images.npz", images=IMAGES)
    np.savez(folder / "sources.npz", images=SOURCES)
    return folder / "images.npz", folder / "sources.npz"


@pytest.fixture(scope="module")
def config(sets):
    return Config(data=str(sets[0]), game=Cycle(source=str(sets[1]), **SMALL), diagnose_every=None, **STEPS)


@pytest.fixture(scope="module")
def run(config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "cycle"
    return train.run(config.replace(workdir=str(folder)))


def directions(state, sources, images):
    """Return what both ways make of sources and images, by the run's own modules."""
    player = build.experiment(Config(game=Cycle(**SMALL), **STEPS).check(), DATASET).generator
    forth, back = (
        lambda x, method=method: player.apply(state.ema, to_float(jnp.asarray(x)), train=False, method=method)
        for method in ("__call__", "back_again")
    )
    return forth(sources), back(images)


DATASET = data.from_arrays(IMAGES, unpaired=SOURCES)


@pytest.mark.slow
def test_both_directions_are_exported_and_read_again(run):
    made, made_sources = directions(run.state, SOURCES[:3], IMAGES[:3])
    forward, backward = (export.load_translator(run.workdir, direction=each) for each in export.DIRECTIONS)
    np.testing.assert_allclose(forward(SOURCES[:3]), made, atol=1e-5)
    np.testing.assert_allclose(backward(IMAGES[:3]), made_sources, atol=1e-5)
    assert np.abs(made - to_float(jnp.asarray(SOURCES[:3]))).max() > 0.01
    judge = export.load_discriminator(run.workdir)
    assert judge(IMAGES[:3]).shape[0] == 3
    row = json.loads((run.workdir / "metrics.jsonl").read_text().splitlines()[-1])
    assert "cycle" in row
    assert "identity" not in row  # its weight is 0
    (file,) = sorted((run.workdir / "samples").glob("step_00000002.png"))
    with Image.open(file) as picture:
        assert picture.size == grid(np.zeros((60, 8, 8, 1), np.uint8), columns=10).size


@pytest.mark.long
def test_a_folder_is_translated_in_either_direction(run, tmp_path):
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    Image.fromarray(IMAGES[0, ..., 0]).save(pictures / "a.png")
    made, made_sources = directions(run.state, IMAGES[:1], IMAGES[:1])
    for direction, expected in (("forward", made), ("backward", made_sources)):
        command = ["translate", str(run.workdir), str(pictures), "--out", str(tmp_path / direction)]
        cli.main([*command, "--direction", direction])
        with Image.open(tmp_path / direction / "a.png") as picture:
            np.testing.assert_allclose(
                np.asarray(picture).astype(int), np.asarray(to_uint8(expected))[0, ..., 0].astype(int), atol=1
            )
    with pytest.raises(UserError, match="holds images of another translator"):
        translate(run.workdir, pictures, out=tmp_path / "forward", direction="backward")
    with pytest.raises(UserError, match="`direction` sideways"):
        translate(run.workdir, pictures, out=tmp_path / "new", direction="sideways")


@pytest.mark.slow
def test_what_goes_there_and_back_is_measured(run, tmp_path):
    made, made_sources = directions(run.state, SOURCES, IMAGES)
    again = directions(run.state, made_sources, made)
    for direction, name, whole, back in (
        ("forward", "cycle", SOURCES, again[1]),
        ("backward", "backward_cycle", IMAGES, again[0]),
    ):
        report = evaluate.evaluate(run.workdir, metrics="cycle", direction=direction, out=tmp_path)
        expected = np.abs(np.asarray(to_uint8(back)).astype(float) - whole).mean() / 127.5
        assert report.scalars[name] == pytest.approx(expected, abs=2e-3)
        assert report.protocol["direction"] == direction
        assert report.protocol["n_fake"] == len(whole)
        assert "these are the images that it was trained on" in report.notes[0]
    assert {file.name for file in tmp_path.iterdir()} == {"metric-cycle.json", "metric-backward-cycle.json"}
    for name in ("psnr", "accuracy"):
        with pytest.raises(UserError, match=rf"`metrics` {name} compares .* learned no pairs$"):
            evaluate.evaluate(run.workdir, metrics=name, out=tmp_path)


@pytest.mark.slow
def test_each_set_is_compared_by_features(sets, tmp_path, digits_cnn):
    game = Cycle(source=str(sets[1]), **SMALL)
    with pytest.raises(UserError, match=r"`held_out` 0.03 of 12 images leaves no image"):
        train.run(Config(data="digits", game=game, held_out=0.03, workdir=str(tmp_path / "none"), **STEPS))
    folder = tmp_path / "two"
    options = {"evaluate_every": 2, "evaluate_n": 60, "metrics": ("kid",), "diagnose_every": None}
    train.run(Config(data="digits", game=game, workdir=str(folder), **STEPS, **options))
    (row,) = [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]
    report = evaluate.evaluate(folder, metrics="kid", n=60, out=tmp_path)
    made = np.asarray(to_uint8(export.load_translator(folder)(SOURCES)))
    reals = data.digits().images[np.random.default_rng(0).permutation(1797)[:60]]
    expected = metrics.kernel_distance(digits_cnn(reals), digits_cnn(made)).value
    assert report.scalars["kid"] == pytest.approx(expected, rel=1e-3, abs=1e-4)
    assert row["kid"] == pytest.approx(expected, rel=1e-3, abs=1e-4)


@pytest.mark.slow
def test_a_run_is_resumed_exactly_on_the_device_and_from_a_stream(config, tmp_path):
    for kind, device_data, parts in (("device", 2.0, (2, 5)), ("stream", 0.0, (3, 5))):
        options = {"device_data": device_data, "diagnose_every": 1}
        folders = {"whole": (5,), "parts": parts}
        whole, resumed = (
            [
                train.run(config.replace(workdir=str(tmp_path / kind / name), steps=steps, **options))
                for steps in calls
            ][-1]
            for name, calls in folders.items()
        )
        jax.tree.map(np.testing.assert_array_equal, whole.state.ema, resumed.state.ema)
        assert len((tmp_path / kind / "whole/diagnostics.jsonl").read_text().splitlines()) == 5


def test_the_command_takes_two_sets_without_pairs(sets, monkeypatch, capsys):
    seen = []

    def start(config, dataset):
        with exits():
            seen.append((config.check(), dataset))

    monkeypatch.setattr(cli, "start", start)
    both = ["--data", str(sets[0]), "--source", str(sets[1])]
    cli.train([*both, "--unpaired"])
    cli.train([*both, "--game", "cycle", "--recipe", "cyclegan", "--batch-size", "3"])
    for config, dataset in seen:
        assert (config.game.NAME, config.game.source) == ("cycle", str(sets[1]))
        assert (config.loss, config.game.cycle_weight) == ("least_squares", 2.5)
        np.testing.assert_array_equal(dataset.unpaired, SOURCES)
    assert (seen[0][0].batch_size, seen[1][0].batch_size) == (8, 3)
    assert "recipe auto: cyclegan" in capsys.readouterr().out
    for arguments, sentence in (
        ([*both, "--unpaired", "--game", "paired"], "--unpaired is the game cycle, and --game is paired"),
        ([*both[:2], "--unpaired"], "name the other one by --source"),
        ([*both[:2], "--recipe", "cyclegan"], "--recipe cyclegan is of the game cycle, and --game is gan"),
        ([*both[:2], "--source", str(sets[0]), "--unpaired"], "the game cycle learns two sets"),
        ([*both, "--unpaired", "--width", "8"], "--width 8 has no effect with --game cycle"),
    ):
        with pytest.raises(SystemExit) as caught:
            cli.train(arguments)
        assert caught.value.code == 2
        assert sentence in capsys.readouterr().err


def test_names_of_data_sets_and_paths_are_kept_as_they_mean_the_same(sets, monkeypatch):
    monkeypatch.chdir(sets[0].parent)
    assert Cycle(source="sources.npz").source == str(sets[1])
    assert Cycle(source="MNIST").source == "mnist"
    with pytest.raises(UserError, match="`source` is empty: give the name of a data set or a path"):
        Cycle(source=" ")
    config = Config(game=Cycle(source="sources.npz"))
    assert config_of(config.settings()).game == config.game


@pytest.mark.parametrize(
    ("game", "dataset", "sentence"),
    [
        (Cycle(), data.from_arrays(IMAGES), "name the other one by `source`"),
        (Cycle(), data.from_arrays(IMAGES, unpaired=np.repeat(SOURCES, 3, 3)), "got 8x8x1 and 8x8x3: set"),
        (Cycle(), data.from_arrays(IMAGES, unpaired=SOURCES[:, :4]), "got 8x8x1 and 4x8x1: set `image_size`"),
        (Cycle(), data.from_arrays(np.zeros((20, 2), np.float32)), "these data are points"),
        (Cycle(dropout=0.5), DATASET, "`dropout` 0.5 has no effect with `translator` auto, which is resnet"),
        (
            Paired("denoising", blocks=4),
            data.from_arrays(IMAGES),
            "`blocks` 4 has no effect with `translator` auto, which is unet for these sources: it needs resnet",
        ),
        (
            Paired(dropout=0.5),
            data.from_arrays(IMAGES, sources=np.zeros((20, 4, 4, 1), np.uint8)),
            "`dropout` 0.5 has no effect with `translator` auto, which is srresnet",
        ),
    ],
)
def test_sets_and_options_that_do_not_fit_are_refused(game, dataset, sentence):
    config = Config(game=game, batch_size=4)
    with pytest.raises(UserError, match=sentence):
        build.experiment(config.check(), build.dataset(config, dataset))


def test_the_papers_networks_are_those_of_its_sizes():
    def networks(size, **options):
        return Cycle(**options).networks(None, None, (size, size, 3), None, (size, size, 3))

    for size, blocks in ((128, 6), (256, 9)):
        pair, judges = networks(size)
        assert (pair.forth.blocks, pair.back.blocks, pair.forth.width) == (blocks, blocks, 64)
        assert (judges.of_images.layers, judges.of_sources.width) == (3, 64)
    assert networks(128, translator="unet")[0].back.depth == 7
