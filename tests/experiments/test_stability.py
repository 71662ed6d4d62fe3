"""The stability experiments: their commands run, and the documentation says what their JSON files hold."""

import dataclasses
import json
import re
import sys
from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.names import SCHEDULES
from jaxgan.system.errors import UserError


@pytest.fixture
def experiments(request, monkeypatch):
    """The folder, importable as its scripts have it."""
    folder = request.config.rootpath / "experiments"
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in (
        "alarms",
        "laboratory",
        "results",
        "ring",
        "mixture",
        "stability",
        "stability_figures",
        "stacked_mnist",
    ):
        sys.modules.pop(name, None)


def test_the_documentation_says_what_the_calibration_measured(request, experiments):
    import alarms

    runs = json.loads((request.config.rootpath / "docs/stability/alarms.json").read_text())["rows"]
    assert [sum(run["kind"] == kind for run in runs) for kind in alarms.KINDS] == [14, 13, 13, 40]
    told = alarms.judge(runs).splitlines()[-1]
    true, false = re.search(r"true alarms ([\d.]+)% of 40, false alarms ([\d.]+)% of 40", told).groups()
    text = (request.config.rootpath / "docs/stability.md").read_text()
    assert f"True alarms {true} % of 40, false alarms {false} % of 40" in text
    assert float(true) >= 90
    assert float(false) <= 5


def test_drawing_again_needs_no_training(experiments, run_program, tmp_path):
    rows = [
        {"arena": "digits", "norm": norm, "g_rate": rate, "d_rate": rate, "seed": seed, "fid": 5.0 + seed}
        for norm in ("batch", "none")
        for rate in (1e-4, 1e-3)
        for seed in (0, 1)
    ]
    (tmp_path / "norms.json").write_text(json.dumps({"study": "norms", "rows": rows}))
    result = run_program(experiments / "stability.py", "norms", "--redraw", "--out", tmp_path, cwd=tmp_path)
    assert "5.5 ± 0.5 (5 to 6)" in result.stdout
    assert (tmp_path / "norms.png").stat().st_size > 1000


@pytest.mark.slow
def test_a_study_trains_writes_and_draws(experiments, run_program, tmp_path):
    options = ("--steps", 2, "--seeds", 1, "--out", tmp_path)
    run_program(experiments / "stability.py", "losses", *options, cwd=tmp_path)
    rows = json.loads((tmp_path / "losses.json").read_text())["rows"]
    assert len(rows) == 24
    assert all(row["fid"] > 0 for row in rows)
    assert (tmp_path / "losses.png").stat().st_size > 1000
    assert not list(tmp_path.glob("*.part.json"))


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("rate", "--redraw"), "there is no study rate: there are rates, optimizers, d-steps"),
        (("rates", "--redraw"), "run without --redraw first"),
        (("rates", "--seeds", 0), "--seeds must be at least 1"),
    ],
)
def test_mistakes_are_one_sentence(experiments, run_program, tmp_path, arguments, what):
    program = experiments / "stability.py"
    result = run_program(program, *arguments, "--out", tmp_path, cwd=tmp_path, expect=2)
    assert what in result.stderr
    assert "Traceback" not in result.stderr


def test_a_mixtures_member_without_numbers_has_no_modes(experiments):
    import mixture

    import ring

    generator = mixture.mlp.Generator((2,), (4,), squash=False)
    variables = generator.init(jax.random.key(0), jnp.zeros((1, 3)), train=False)
    broken = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf * jnp.nan]), variables)
    trained = mixture.Trained(ring.MIXTURE, generator, None, SimpleNamespace(ema=broken, latent_dim=3))
    fine, none = (ring.MIXTURE.score(points) for points in trained.points())
    assert fine.n_modes == none.n_modes == 8
    assert (none.modes, none.high_quality) == (0, 0)


def test_a_thousand_modes_are_counted_for_one_run_only(experiments, tmp_path, capsys):
    import stacked_mnist

    file, settings = tmp_path / "modes.json", {"recipe": "mlp", "width": 8, "steps": 20}
    assert stacked_mnist.counted(file, settings) == []
    rows = [{"step": 10, "modes": 3, "kl": 2.0}]
    file.write_text(json.dumps({"settings": settings, "rows": rows}))
    assert stacked_mnist.counted(file, {**settings, "steps": 40}) == rows
    assert "step 10: modes 3" in capsys.readouterr().out
    with pytest.raises(UserError, match="another --width: choose another --workdir"):
        stacked_mnist.counted(file, {**settings, "width": 16})
    settings["recipe"] = "r3gan"  # whose learning rate falls over its steps
    file.write_text(json.dumps({"settings": settings, "rows": rows}))
    with pytest.raises(UserError, match="another --steps"):
        stacked_mnist.counted(file, {**settings, "steps": 40})


def test_the_recipes_of_a_thousand_modes(experiments):
    import stacked_mnist

    chosen = stacked_mnist.Settings(steps=40, learning_rate=3e-4, penalty_every=4)
    config = stacked_mnist.settings_of(chosen)
    schedule = SCHEDULES[config.learning_rate_schedule]
    rate = schedule(config.generator_learning_rate, config.decay_steps)
    np.testing.assert_allclose([rate(0), rate(20), rate(40)], [3e-4, 1.5e-4, 0], atol=1e-10)
    real, penalty = jnp.ones((2, 2, 2, 3)), stacked_mnist.lazy_penalty(chosen)
    seen = [float(penalty(lambda x: x.sum((1, 2, 3)), real, -real, step=step)[0]) for step in range(5)]
    assert seen == [4 * 12, 0, 0, 0, 4 * 12]  # R1 and R2 are gamma / 2 times 12, each
    for recipe in ("dcgan", "mlp"):
        other = dataclasses.replace(chosen, recipe=recipe)
        assert stacked_mnist.settings_of(other).learning_rate_schedule == "constant"
    assert stacked_mnist.lazy_penalty(dataclasses.replace(chosen, recipe="dcgan")) is None


def test_the_networks_of_a_thousand_modes_start_near_the_data(experiments):
    """At the start pixels have about unit variance, whatever the width, and are centred for each image."""
    import stacked_mnist

    latents = jax.random.normal(jax.random.key(1), (64, 64))
    for width in (4, 8):
        generator, discriminator = stacked_mnist.modules(stacked_mnist.Settings(width=width))
        images, _ = jax.jit(partial(generator.init_with_output, train=False))(jax.random.key(0), latents)
        assert images.shape == (64, 28, 28, 3)
        assert 0.5 < float(images.std()) < 1.5
        assert float(jnp.abs(images.mean(axis=0)).max()) < 0.6  # apart from each other, not moved alike
        logits, _ = jax.jit(partial(discriminator.init_with_output, train=False))(jax.random.key(2), images)
        assert logits.shape == (64,)
        assert 0.1 < float(logits.std()) < 3


def test_a_stopped_study_goes_on_where_it_was(experiments, tmp_path):
    import results

    file, head, computed = tmp_path / "x.json", results.head_of(study="x", steps=3), []

    def part(i):
        if i == 2 and computed.count(2) == 0:
            computed.append(i)
            raise KeyboardInterrupt
        computed.append(i)
        return [{"part": i, "fid": float(i)}]

    parts = [partial(part, i) for i in range(4)]
    with pytest.raises(KeyboardInterrupt):
        results.collect(parts, file, head, name="x")
    assert not file.exists()
    with pytest.raises(UserError, match="steps 3 there, 4 here"):
        results.collect(parts, file, {**head, "steps": 4}, name="x")
    with pytest.raises(UserError, match=r"device .* there, another here"):
        results.collect(parts, file, {**head, "device": "another"}, name="x")
    results.collect(parts, file, head, name="x")
    assert computed == [0, 1, 2, 2, 3]
    assert [row["part"] for row in results.read(file)["rows"]] == [0, 1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def test_a_study_does_not_take_the_place_of_another(experiments, run_program, tmp_path):
    """The committed ones are of other settings than a trial, and what is no study stays as it is."""
    for name, options in {"norms": ("--steps", 2), "rates": ("--seeds", 1)}.items():
        result = run_program(experiments / "stability.py", name, *options, cwd=tmp_path, expect=2)
        assert "holds another study" in result.stderr
        assert "choose another --out" in result.stderr
    (tmp_path / "losses.json").write_text('{"study": "lo')
    options = ("losses", "--redraw", "--out", tmp_path)
    result = run_program(experiments / "stability.py", *options, cwd=tmp_path, expect=2)
    assert "is not JSON" in result.stderr
    assert "Traceback" not in result.stderr


def test_what_is_committed_says_what_it_was_asked_for(request, experiments):
    """So that a trial is told from it."""
    import results

    for name in ("rates", "optimizers", "d_steps", "losses", "norms", "alarms", "created_equal"):
        found = results.read(request.config.rootpath / f"docs/stability/{name}.json")
        assert {"steps", "device", "jax", "seconds"} < set(found), name
        if "seeds" in found:
            assert {row["seed"] for row in found["rows"]} == set(range(found["seeds"])), name
        if name == "created_equal":
            assert len(found["rows"]) == 8 * found["members"]
