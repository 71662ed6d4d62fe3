"""A translator beside what its sources are without it: the numbers, the pairs, and what is refused."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import cli, data, evaluate, export, metrics, train
from jaxgan.config import Config
from jaxgan.evaluate.translations import enlarged
from jaxgan.games import degradations
from jaxgan.images import to_float, to_uint8
from jaxgan.rules import Paired
from jaxgan.system.errors import UserError

SMALL = {"translator_width": 2, "blocks": 0, "patch_width": 2}
STEPS = {"batch_size": 8, "steps": 2, "quiet": True, "diagnose_every": None}
ROWS = np.random.default_rng(0).permutation(1797)[:70]  # of `jaxgan.evaluate.fakes.random_rows`


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "digits"
    game = Paired("super_resolution", scale=2, **SMALL)
    train.run(Config(game=game, workdir=str(folder), generator_learning_rate=0.05, **STEPS))
    return folder


@pytest.fixture
def pairs(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        f"{split}_{name}": rng.integers(0, 256, (count, 8, 8, channels), np.uint8)
        for split, count in (("train", 20), ("test", 12))
        for name, channels in (("images", 3), ("source", 1))
    }
    np.savez(tmp_path / "pairs.npz", **arrays)
    return tmp_path / "pairs.npz", arrays


def test_images_are_measured_beside_bicubic_ones(run, tmp_path, digits_cnn):
    report = evaluate.evaluate(run, n=70, seed=3, metrics="psnr,ssim,kid,accuracy", out=tmp_path)
    reals, labels = data.digits().images[ROWS], data.digits().labels[ROWS]
    sources = degradations.super_resolution(scale=2)(
        to_float(jnp.asarray(reals)), keys=jax.random.split(jax.random.key(0), 70)
    )
    made = np.asarray(to_uint8(export.load_translator(run)(sources)))
    bicubic = [
        np.asarray(Image.fromarray(x[..., 0]).resize((8, 8), Image.Resampling.BICUBIC))[..., None]
        for x in np.asarray(to_uint8(sources))
    ]
    for prefix, images in (("", made), ("bicubic_", np.stack(bicubic))):
        assert report.scalars[f"{prefix}psnr"] == pytest.approx(metrics.psnr(reals, images).value, abs=1e-3)
        assert report.scalars[f"{prefix}ssim"] == pytest.approx(metrics.ssim(reals, images).value, abs=1e-4)
        kid = metrics.kernel_distance(digits_cnn(reals), digits_cnn(images)).value
        assert report.scalars[f"{prefix}kid"] == pytest.approx(kid, rel=1e-3, abs=1e-4)
        read = digits_cnn.outputs(images).logits.argmax(axis=1)
        assert report.scalars[f"{prefix}accuracy"] == pytest.approx((read == labels).mean())
    assert "PSNR of bicubic" in evaluate.table(report)
    protocol = json.loads((tmp_path / "metric-bicubic-psnr.json").read_text())["protocol"]
    assert (protocol["baseline"], protocol["step"], protocol["seed"]) == ("bicubic", 2, 3)


def test_by_itself_it_measures_psnr_ssim_and_fid(run, tmp_path, digits_cnn):
    report = evaluate.evaluate(run, n=70, out=tmp_path)
    names = {f"{prefix}{name}" for prefix in ("", "bicubic_") for name in ("psnr", "ssim", "fid")}
    assert set(report.scalars) == names


@pytest.mark.slow
def test_held_out_images_are_measured_or_a_note_says_that_they_were_learned(run, tmp_path):
    learned = "these are the images that it was trained on: train with `held_out` 0.1 to measure on others"
    assert learned in evaluate.evaluate(run, metrics="psnr", n=20, out=tmp_path).notes
    game, folder = Paired("super_resolution", scale=2, **SMALL), tmp_path / "run"
    train.run(Config(game=game, held_out=0.02, workdir=str(folder), **STEPS))
    report = evaluate.evaluate(folder, metrics="psnr")
    assert learned not in report.notes
    rows = np.random.default_rng(0).permutation(1797)[:36]  # of `held_out_rows`
    reals = data.digits().images[np.sort(rows)]
    assert report.protocol["n_real"] == 36
    sources = degradations.super_resolution(scale=2)(
        to_float(jnp.asarray(reals)), keys=jax.random.split(jax.random.key(0), 36)
    )
    made = np.asarray(to_uint8(export.load_translator(folder)(sources)))
    assert report.scalars["psnr"] == pytest.approx(metrics.psnr(reals, made).value, abs=1e-3)


@pytest.mark.slow
def test_draws_depend_on_the_seed_and_the_image_alone(tmp_path):
    game = Paired("inpainting", translator="srresnet", **SMALL)
    train.run(Config(game=game, workdir=str(tmp_path / "run"), **STEPS))
    psnr = [
        evaluate.evaluate(tmp_path / "run", metrics="psnr", n=50, seed=seed).scalars["source_psnr"]
        for seed in (1, 1, 2)
    ]
    assert psnr[0] == psnr[1] != psnr[2]


@pytest.mark.slow
def test_pairs_are_measured_on_the_split_that_was_not_learned(pairs, tmp_path):
    file, arrays = pairs
    folder = tmp_path / "run"
    train.run(
        Config(data=str(file), game=Paired(translator="srresnet", **SMALL), workdir=str(folder), **STEPS)
    )
    report = evaluate.evaluate(folder, metrics="psnr")
    made = np.asarray(to_uint8(export.load_translator(folder)(arrays["test_source"])))
    expected = metrics.psnr(arrays["test_images"], made).value
    assert report.scalars["psnr"] == pytest.approx(expected, abs=1e-3)
    gray = np.repeat(arrays["test_source"], 3, axis=3)
    baseline = metrics.psnr(arrays["test_images"], gray).value
    assert report.scalars["source_psnr"] == pytest.approx(baseline, abs=1e-6)
    assert (report.protocol["split"], report.protocol["n_real"]) == ("test", 12)


@pytest.mark.slow
def test_colors_are_measured_beside_those_of_reals_and_sources(pairs, tmp_path):
    file, arrays = pairs
    folder = tmp_path / "run"
    train.run(
        Config(data=str(file), game=Paired(translator="srresnet", **SMALL), workdir=str(folder), **STEPS)
    )
    report = evaluate.evaluate(folder, metrics="colorfulness")
    made = np.asarray(to_uint8(export.load_translator(folder)(arrays["test_source"])))
    assert set(report.scalars) == {"colorfulness", "real_colorfulness", "source_colorfulness"}
    assert report.scalars["colorfulness"] == pytest.approx(metrics.colorfulness(made).value, rel=1e-3)
    real = metrics.colorfulness(arrays["test_images"]).value
    assert report.scalars["real_colorfulness"] == pytest.approx(real)
    assert report.scalars["source_colorfulness"] == 0
    assert "colorfulness of real" in evaluate.table(report)


@pytest.mark.slow
def test_a_run_is_evaluated_while_it_trains(tmp_path, digits_cnn):
    folder = tmp_path / "run"
    options = {"evaluate_every": 2, "evaluate_n": 60, "metrics": ("kid",)}
    game = Paired("super_resolution", scale=2, **SMALL)
    train.run(Config(game=game, workdir=str(folder), **STEPS, **options))
    (row,) = [json.loads(line) for line in (folder / "evaluations.jsonl").read_text().splitlines()]
    assert np.isfinite(row["kid"])
    assert export.load_translator(folder / "best").scale == 2
    assert json.loads((folder / "evaluation.json").read_text())["latents"] is None


def test_sources_are_enlarged_and_get_the_images_channels():
    sources = np.random.default_rng(0).integers(0, 256, (2, 4, 3, 3)).astype(np.uint8)
    assert enlarged(sources, (4, 3, 3)) is sources
    assert enlarged(sources, (8, 6, 3)).shape == (2, 8, 6, 3)
    gray = enlarged(sources[..., :1], (4, 3, 3))
    np.testing.assert_array_equal(gray, np.repeat(sources[..., :1], 3, axis=3))
    np.testing.assert_array_equal(enlarged(np.full((1, 2, 2, 1), 9, np.uint8), (6, 6, 1)), 9)


def test_what_cannot_be_measured_is_refused(run, digits_run, tmp_path, capsys):
    with pytest.raises(UserError, match="`metrics` psnr compares an image with the one that it should be"):
        evaluate.evaluate(digits_run, metrics="psnr,fid", out=tmp_path)
    with pytest.raises(UserError, match="`metrics` accuracy compares an image with the one that it should"):
        evaluate.evaluate(digits_run, metrics="accuracy", out=tmp_path)
    with pytest.raises(UserError, match=r"`metrics` cycle is of a run of the game cycle, and .* is none"):
        evaluate.evaluate(run, metrics="cycle", out=tmp_path)
    with pytest.raises(UserError, match="`metrics` colorfulness is of a run that makes images of sources"):
        evaluate.evaluate(digits_run, metrics="colorfulness", out=tmp_path)
    with pytest.raises(UserError, match=r"colorfulness: color images have shape \[N, H, W, 3\]"):
        evaluate.evaluate(run, metrics="colorfulness", n=20, out=tmp_path)
    with pytest.raises(UserError, match="`direction` backward is of a run of the game cycle"):
        evaluate.evaluate(run, metrics="psnr", direction="backward", out=tmp_path)
    with pytest.raises(UserError, match="has no effect with `metrics` psnr"):
        evaluate.evaluate(run, metrics="psnr", extractor="own", out=tmp_path)
    alone = tmp_path / "alone"
    alone.mkdir()
    for name in ("config.json", "generator.safetensors"):
        (alone / name).write_bytes((run / "export" / name).read_bytes())
    with pytest.raises(UserError, match="does not say how its sources are made"):
        evaluate.evaluate(alone, against="digits", metrics="psnr", out=tmp_path)
    with pytest.raises(SystemExit) as caught:
        cli.main(["evaluate", str(run), "--metrics", "psrn"])
    assert caught.value.code == 2
    assert "did you mean psnr?" in capsys.readouterr().err
