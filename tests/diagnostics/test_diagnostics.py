"""What a look finds, against NumPy; what is alarming; that a look changes nothing."""

import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.spatial.distance import pdist

from dirac_gan import Discriminator, Generator
from jaxgan import build, diagnostics, losses, train
from jaxgan.config import Config
from jaxgan.diagnostics.probe import dead_units, directions, last_features, spread
from jaxgan.networks import dcgan, mlp
from jaxgan.run import diagnosis
from jaxgan.state import init_state
from jaxgan.step import make_train_step

KEY = jax.random.key(0)


def look(generator, discriminator, images, *, loss=losses.non_saturating, params=None):
    tx = optax.sgd(0.1)
    shape = images.shape[1:]
    state = init_state(KEY, generator, discriminator, image_shape=shape, latent_dim=3, g_tx=tx, d_tx=tx)
    if params:
        state = state.replace(generator=state.generator.replace(params=params(state.generator.params)))
    step = make_train_step(generator, discriminator, loss)
    probe = jax.jit(diagnostics.make_probe(step.players, step.game))
    return state, {name: float(x) for name, x in probe(state, images, None, jax.random.key(1)).items()}


def test_the_spread_is_the_mean_distance_of_pairs():
    points = 7 + np.random.default_rng(0).normal(size=(20, 3, 2)).astype(np.float32)
    np.testing.assert_allclose(spread(jnp.asarray(points)), pdist(points.reshape(20, 6)).mean(), rtol=1e-5)


def test_the_directions_are_the_participation_ratio_of_the_covariance():
    points = np.random.default_rng(0).normal(size=(50, 4)) * [3, 2, 1, 0.1] + 5
    values = np.linalg.eigvalsh(np.cov(points.T))
    count = directions(jnp.asarray(points, jnp.float32))
    np.testing.assert_allclose(count, values.sum() ** 2 / (values**2).sum(), rtol=1e-4)
    line = jnp.linspace(-1, 1, 9)[:, None] * jnp.ones((1, 5))
    np.testing.assert_allclose(directions(line), 1, rtol=1e-5)


def test_dead_units_have_no_gradient_in_any_batch():
    first = {"kernel": jnp.array([[0.0, 1, 0, 0], [0, 0, 0, 2]]), "bias": jnp.zeros(4)}
    second = {"kernel": jnp.array([[0.0, 0, 3, 0], [0, 0, 0, 0]]), "bias": jnp.zeros(4)}
    assert dead_units(first) == 0.5
    assert dead_units(first, second) == 0.25
    assert dead_units({"scale": jnp.zeros(3)}) == 0


def test_the_last_features_are_what_the_head_takes():
    images = jax.random.normal(KEY, (5, 8, 8, 1))
    module = mlp.Discriminator((7, 6))
    variables = module.init(KEY, images, train=False)
    features = last_features(module, variables, images, None)
    head = variables["params"]["Dense_2"]
    np.testing.assert_allclose(
        (features @ head["kernel"])[:, 0] + head["bias"][0],
        module.apply(variables, images, train=False),
        1e-5,
    )
    for norm in ("spectral", "batch"):
        module = dcgan.Discriminator(4, norm)
        assert last_features(module, module.init(KEY, images, train=False), images, None).shape == (
            5,
            64,
        )


def test_the_last_features_of_a_projection_discriminator_are_not_its_labels():
    images, labels = jax.random.normal(KEY, (5, 8, 8, 1)), jnp.arange(5) % 3
    module = dcgan.Discriminator(4, num_classes=3)
    variables = module.init(KEY, images, labels, train=False)
    features = last_features(module, variables, images, labels)
    np.testing.assert_array_equal(features, last_features(module, variables, images, labels[::-1]))
    assert features.shape == (5, 64)


def test_the_dirac_gan_looked_at():
    """theta 1, psi 0.5, data at 0, by hand: gradients theta sigmoid(psi theta) and -psi sigmoid(-psi theta)."""
    _, findings = look(Generator(), Discriminator(), jnp.zeros((8, 1)))
    up, down = 1 / (1 + np.exp(-0.5)), 1 / (1 + np.exp(0.5))
    np.testing.assert_allclose(findings["discriminator_gradient_norm"], up, rtol=1e-5)
    np.testing.assert_allclose(findings["generator_gradient_norm"], 0.5 * down, rtol=1e-5)
    np.testing.assert_allclose(findings["discriminator_update_ratio"], 0.1 * up / 0.5, rtol=1e-5)
    np.testing.assert_allclose(findings["generator_update_ratio"], 0.05 * down, rtol=1e-5)
    assert findings["generator_gradient_noise"] == 0  # no latent matters
    assert findings["diversity"] == 0
    np.testing.assert_allclose([findings["real_logit"], findings["fake_logit"]], [0, 0.5])


@pytest.mark.slow
def test_a_dead_generator_and_a_collapsed_one_are_seen():
    images = jax.random.normal(KEY, (64, 8, 8, 1))
    modules = mlp.Generator((8, 8, 1), (16,)), mlp.Discriminator((16,))
    _, healthy = look(*modules, images)
    assert 0 < healthy["generator_gradient_noise"] < 2
    assert healthy["generator_dead_units"] < 0.5
    sunk = lambda params: {**params, "Dense_0": {**params["Dense_0"], "bias": jnp.full(16, -1e3)}}
    _, dead = look(*modules, images, params=sunk)
    np.testing.assert_allclose(dead["generator_dead_units"], 1)  # nothing reaches the other layer either
    assert dead["diversity"] == 0


HEALTHY = {
    "step": 900, "diversity": 0.9, "rank": 0.9, "real_logit": 1.0, "fake_logit": -1.0, "accuracy": 0.8,
    "generator_update_ratio": 1e-3, "discriminator_update_ratio": 1e-3, "generator_gradient_norm": 0.1,
    "generator_dead_units": 0.0, "discriminator_dead_units": 0.1, "oscillation": 0.2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "finding"),
    [
        ("mode collapse", {"diversity": 0.05}),
        ("divergence", {"fake_logit": -1e4}),
        ("divergence", {"rank": np.nan}),
        ("steps too large", {"discriminator_update_ratio": 0.5}),
        ("discriminator saturation", {"accuracy": 1.0, "generator_gradient_norm": 1e-7}),
        ("dead units", {"generator_dead_units": 0.99}),
        ("oscillation", {"oscillation": 0.99}),
    ],
)
def test_each_alarm_has_its_finding(name, finding):
    assert diagnostics.alarms([HEALTHY] * 12) == []
    bad = HEALTHY | finding
    (alarm,) = diagnostics.alarms([HEALTHY] * 5 + [bad] * 3)
    assert alarm.name == name
    assert str(alarm).startswith(f"{name} suspected at step 900: ")
    assert "; try " in str(alarm)
    if all(map(np.isfinite, bad.values())):  # of what is finite, one look or two are noise
        assert diagnostics.alarms([HEALTHY] * 5 + [bad] * 2) == []
        assert diagnostics.alarms([bad] * 4) == []  # a fresh generator
        assert diagnostics.alarms([bad] * 3 + [HEALTHY]) == []


def test_the_oscillation_index_knows_waves_from_noise_and_drift():
    time, rng = np.arange(64), np.random.default_rng(0)
    noise = rng.normal(size=64)
    assert diagnostics.oscillation_index(np.sin(time / 2)) > 0.9
    assert diagnostics.oscillation_index(np.sin(time / 2) + 3 * time) > 0.9
    assert 0.5 < diagnostics.oscillation_index(2 * np.sin(time / 2) + noise) < 0.95
    assert np.mean([diagnostics.oscillation_index(rng.normal(size=64)) for _ in range(50)]) < 0.4
    assert diagnostics.oscillation_index(1e-3 * time) == diagnostics.oscillation_index([1.0] * 64) == 0
    assert (
        diagnostics.oscillation_index(np.sin(time[:31] / 2))
        == diagnostics.oscillation_index([np.nan] * 20)
        == 0
    )


class Grey(nn.Module):
    """A generator that has collapsed for good."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        level = nn.Dense(1)(0 * latents[:, :1])
        return jnp.tanh(level)[:, :, None, None] * jnp.ones((1, 8, 8, 1))


def run(folder, steps, every):
    config = Config(steps=steps, workdir=str(folder), diagnose_every=every, batch_size=8, log_every=2)
    config = config.replace(sample_every=100, save_every=100, quiet=True, progress=False)
    return train.run(config, generator=Grey(), discriminator=mlp.Discriminator((4,)))


@pytest.mark.slow
def test_a_run_warns_and_a_look_changes_nothing(tmp_path):
    looked, plain = run(tmp_path / "looked", 12, 2), run(tmp_path / "plain", 12, None)
    for a, b in zip(jax.tree.leaves(looked.state), jax.tree.leaves(plain.state), strict=True):
        np.testing.assert_array_equal(a, b)
    rows = [json.loads(line) for line in (tmp_path / "looked/diagnostics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4, 6, 8, 10, 12]
    assert [("mode collapse" in row["alarms"]) for row in rows] == [False] * 4 + [True] * 2
    log = (tmp_path / "looked/log.txt").read_text()
    assert log.count("warning: mode collapse suspected at step 10: diversity 0.00 of real") == 1
    status = json.loads((tmp_path / "looked/status.json").read_text())
    assert status["state"] == "done"
    assert any(line.startswith("mode collapse suspected at step 10") for line in status["warnings"])
    assert not (tmp_path / "plain/diagnostics.jsonl").exists()
    assert "warnings" not in json.loads((tmp_path / "plain/status.json").read_text())

    longer = run(tmp_path / "looked", 16, 2)  # goes on from its last step, and has not forgotten
    assert longer.state.step == 16
    rows = (tmp_path / "looked/diagnostics.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [2, 4, 6, 8, 10, 12, 14, 16]
    assert (tmp_path / "looked/log.txt").read_text().count("warning: mode collapse") == 1

    file = tmp_path / "looked/status.json"
    text = file.read_text()
    assert "mode collapse suspected at step 10" in text
    run(tmp_path / "looked", 16, 2)  # there is nothing left to do, and nothing is forgotten either
    assert file.read_text() == text


@pytest.mark.parametrize(("batch", "parts"), [(8, 1), (12, 4), (192, 3), (1024, 128), (6, 6), (2, 1)])
def test_each_half_of_a_look_is_of_all_the_data_and_divides_into_parts(batch, parts):
    config = Config(batch_size=batch, accumulate=parts)
    rows = diagnosis.examples(5000, config)
    assert len(set(rows.tolist())) == len(rows) >= 4
    assert len(rows) <= max(4, min(128, batch), 2 * parts)
    halves = np.split(rows, 2)
    for half in halves:
        assert len(half) % parts == 0
        assert half.min() <= 5000 / len(half)
        assert half.max() >= 4999 - 5000 / len(half)
    assert len(diagnosis.examples(3, config)) == 0


def test_every_cure_is_something_one_can_ask_for():
    """Options and names in the cures exist."""
    options = {f"--{name.replace('_', '-')}" for name in Config.__dataclass_fields__}
    for rule in diagnostics.RULES:
        words = rule.cure({}).replace(",", " ").split()
        for word in words:
            assert not word.startswith("--") or word in options, word
        for cure in rule.cures:
            assert set(cure.not_with) <= set(Config.__dataclass_fields__)
            Config(**cure.not_with, decay_steps=9 if "cosine" in cure.text else None).check()
    assert {"relativistic", "non_saturating"} <= set(build.LOSSES)


def test_a_cure_that_is_in_use_is_not_offered():
    row = dict.fromkeys(("real_logit", "fake_logit", "accuracy", "oscillation", "rank"), 0.1) | {"step": 9}
    names = ("update_ratio", "dead_units", "gradient_norm")
    row |= {f"{player}_{name}": 1e-3 for player in ("generator", "discriminator") for name in names}
    collapsed = [row | {"diversity": 0.1}] * 3
    (plain,) = diagnostics.alarms(collapsed, warm_up=0, settings=vars(Config()))
    assert plain.cure == (
        "`penalty` r1 with `penalty_weight` 1 to 10, `loss` relativistic, or a smaller `generator_learning_rate`"
    )
    tried = Config(loss="relativistic", penalty="r1", penalty_weight=1.0)
    (alarm,) = diagnostics.alarms(collapsed, warm_up=0, settings=vars(tried))
    assert alarm.cure == "a larger `penalty_weight` or a smaller `generator_learning_rate`"


@pytest.mark.long
def test_a_warning_ends_with_its_cause(tmp_path):
    run(tmp_path / "run", 12, 2)
    file = tmp_path / "run/diagnostics.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    recovered = [row | {"diversity": 1.0, "alarms": []} if row["step"] > 10 else row for row in rows]
    file.write_text("".join(json.dumps(row) + "\n" for row in recovered))
    run(tmp_path / "run", 14, 2)  # the generator is as gray as it was, but three looks are needed again
    status = json.loads((tmp_path / "run/status.json").read_text())
    assert not any("collapse" in line for line in status.get("warnings", []))
    run(tmp_path / "run", 16, 2)
    status = json.loads((tmp_path / "run/status.json").read_text())
    assert not any("collapse" in line for line in status.get("warnings", []))
    run(tmp_path / "run", 18, 2)
    status = json.loads((tmp_path / "run/status.json").read_text())
    assert any("collapse suspected at step 18" in line for line in status["warnings"])
