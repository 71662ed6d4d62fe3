"""The variational autoencoder: its bound against SciPy, and a run that `jaxgan` reads."""

import importlib.util
import json
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import stats

from jaxgan import cli, evaluate, export

FILE = Path(__file__).parents[2] / "experiments/mnist_vae.py"


@pytest.fixture(scope="module")
def vae():
    spec = importlib.util.spec_from_file_location(FILE.stem, FILE)
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[FILE.stem] = loaded  # dataclasses look their module up
    spec.loader.exec_module(loaded)
    return loaded


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (1.3, 0.4), (-0.2, 2.5)])
def test_the_divergence_is_that_of_two_gaussians(vae, mean, deviation):
    """Against the integral of q log(q / p) by the trapezoidal rule, in two dimensions that add up."""
    points = np.linspace(mean - 12 * deviation, mean + 12 * deviation, 200_001)
    posterior, prior = stats.norm(mean, deviation), stats.norm()
    integrand = posterior.pdf(points) * (posterior.logpdf(points) - prior.logpdf(points))
    expected = 2 * np.trapezoid(integrand, points)
    divergence = vae.divergence(jnp.full((3, 2), mean), jnp.full((3, 2), 2 * np.log(deviation)))
    np.testing.assert_allclose(divergence, np.full(3, expected), rtol=1e-5, atol=1e-6)


def test_the_likelihood_is_that_of_bernoulli_pixels(vae):
    rng = np.random.default_rng(0)
    images, shares = rng.integers(0, 2, (4, 3, 2, 1)), rng.uniform(0.05, 0.95, (4, 3, 2, 1))
    expected = stats.bernoulli(shares).logpmf(images).sum(axis=(1, 2, 3))
    likelihood = vae.log_likelihood(jnp.float32(2 * images - 1), jnp.float32(2 * shares - 1))
    np.testing.assert_allclose(likelihood, expected, rtol=1e-4)
    wrong = vae.log_likelihood(jnp.ones((1, 2)), -jnp.ones((1, 2)))
    assert np.isfinite(wrong).all()


@pytest.mark.slow
def test_it_learns_and_its_decoder_is_read_by_every_command(vae, tmp_path, digits_cnn):
    folder = tmp_path / "vae"
    options = [
        "--data=digits",
        "--width=4",
        "--latent-dim=8",
        "--batch-size=32",
        "--steps=60",
        "--log-every=25",
    ]
    vae.main([*options, f"--workdir={folder}"])
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [25, 50, 60]
    assert rows[-1]["bound"] > rows[0]["bound"]
    for row in rows:
        assert row["bound"] == pytest.approx(row["likelihood"] - row["kl"], rel=1e-5)
        assert row["kl"] >= 0
    description = export.read_description(folder)
    assert (description["network"], description["latent_dim"], description["step"]) == ("dcgan", 8, 60)
    cli.main(["sample", str(folder), "--n", "4", "--out", str(tmp_path / "grid.png")])
    with Image.open(tmp_path / "grid.png") as picture, Image.open(folder / "samples.png") as own:
        assert min(picture.size + own.size) > 100
    report = evaluate.evaluate(folder, metrics="fid", n=200)  # against the digits that config.json names
    assert report.scalars["fid"] > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--workdir=."], "error: . is not empty: choose another --workdir"),
        (["--steps=0"], "error: --steps must be at least 1, got 0"),
        (["--seed=-1"], "error: --seed must be in [0, 2**32), got -1"),
    ],
)
def test_mistakes_are_one_sentence(vae, tmp_path, monkeypatch, capsys, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as ended:
        vae.main(options)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith(message)
