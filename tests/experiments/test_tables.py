"""The table VAE and the studies of tables: likelihoods against SciPy, summaries, and whole studies, tiny."""

import importlib
import json

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats


@pytest.fixture
def script(experiments):
    return importlib.import_module


def test_the_likelihood_is_that_of_gaussians_and_categories(script):
    vae = script("table_vae")
    rng = np.random.default_rng(0)
    places, means, deviations = rng.uniform(-1, 1, (5, 2)), rng.uniform(-1, 1, (5, 2)), np.array([0.3, 0.8])
    chances, codes = rng.dirichlet(np.ones(3), 5), rng.integers(0, 3, 5)
    rows = np.concatenate([places, np.eye(3)[codes]], axis=1)
    numbers = (stats.norm(means, deviations).logpdf(places) + np.log(2 * np.pi) / 2).sum(axis=1)
    expected = 2 * (numbers + np.log(chances[np.arange(5), codes]))
    decoded = jnp.float32(means), jnp.float32(deviations), jnp.log(jnp.float32(chances))
    np.testing.assert_allclose(vae.log_likelihood(jnp.float32(rows), decoded), expected, rtol=1e-4, atol=1e-4)


def test_a_summary_has_the_mean_and_the_deviation_over_seeds(script):
    module = script("table_baselines")
    rows = [{"source": "GAN", "seed": seed, "shapes": score} for seed, score in ((0, 0.8), (1, 0.9))]
    lines = module.summary([*rows, {"source": "real", "seed": 0, "shapes": 1.0}]).splitlines()
    assert lines == [
        "| rows | shapes |",
        "| --- | --- |",
        f"| GAN | 0.850 ± {np.std([0.8, 0.9], ddof=1):.3f} |",
        "| real | 1.000 |",
    ]
    few = script("few_rows")
    rows = [
        {"learned": name, "seed": seed, "auc": auc, "auc_linear": auc, "auc_trees": auc}
        for seed, scores in enumerate(((0.8, 0.9), (0.9, 0.8)))
        for name, auc in zip((few.BASELINE, few.WITH_FAKES), scores, strict=True)
    ]
    assert few.summary(rows).endswith(
        "The GAN's rows add +0.000 ± 0.141 to the real ones, and help 1 of 2 seeds."
    )


@pytest.mark.parametrize(
    ("module", "options", "message"),
    [
        ("table_vae", "--steps 0", "--steps must be at least 1, got 0"),
        ("table_vae", "--data none.csv", "there is no file none.csv"),
        ("table_baselines", "--data vine", "did you mean wine"),
        ("table_baselines", "--seeds 0", "--seeds and --steps must be at least 1"),
        ("few_rows", "--fakes 1", "--fakes at least 10"),
        ("few_rows", "--rows 5", "--rows is at least 10 and below 284, got 5"),
    ],
)
def test_mistakes_are_one_sentence(script, command, tmp_path, monkeypatch, module, options, message):
    monkeypatch.chdir(tmp_path)
    code, printed = command(script(module), *options.split())
    assert code == 2
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.long
def test_a_study_compares_all_ways_and_goes_on(script, command, tmp_path):
    module = script("table_baselines")
    options = ("--data", "wine", "--seeds", 1, "--steps", 2, "--workdir", tmp_path)
    code, printed = command(module, *options)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "tables_wine.json").read_text())["rows"]
    assert [row["source"] for row in rows] == ["GAN", "TVAE", "copula", "independent", "bootstrap", "real"]
    copied = next(row for row in rows if row["source"] == "bootstrap")
    assert copied["copies"] == 1
    assert 0 <= rows[0]["requests"] <= 1
    assert rows[-1]["auc"] > 0.9
    assert "copies" in rows[-1]
    assert (tmp_path / "tables_wine.png").is_file()


@pytest.mark.slow
def test_few_rows_are_learned_with_and_without_fakes(script, command, tmp_path):
    few = script("few_rows")
    options = ["--data", "wine", "--rows", "20", "--seeds", "1", "--steps", "2", "--fakes", "20"]
    code, printed = command(few, *options, "--workdir", tmp_path)
    assert code == 0, printed.err
    rows = json.loads((tmp_path / "few_rows.json").read_text())["rows"]
    assert [row["learned"] for row in rows][:3] == ["real", "GAN", "real and GAN"]
    assert rows[-1]["auc"] > 0.9


@pytest.mark.slow
def test_a_vae_writes_rows_of_the_tables_columns(script, command, tmp_path):
    vae = script("table_vae")
    options = ["--data", "wine", "--steps", "3", "--rows", "20", "--latent-dim", "4", "--hidden", "8"]
    code, _ = command(vae, *options, "--workdir", tmp_path)
    assert code == 0
    lines = (tmp_path / "rows.csv").read_text().splitlines()
    assert len(lines) == 21
    assert lines[0].startswith("alcohol,malic_acid,")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["table_baselines", "few_rows", "mnist_baselines"])
def test_a_study_finds_the_experiments_from_any_folder(name, run_program, request, tmp_path):
    run_program(request.config.rootpath / f"experiments/studies/{name}.py", "--help", cwd=tmp_path)
