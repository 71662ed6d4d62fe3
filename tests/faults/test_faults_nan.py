"""Row 9: NaN and infinity at a known step."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import data, losses, parallel, train
from jaxgan.config import Config
from jaxgan.networks import dcgan
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.nan import NotFiniteError
from jaxgan.state import init_state
from jaxgan.step import make_train_step
from tiny_runs import tiny, train_tiny

BAD_STEP = 6  # of 0, 1, ...: the state after it has step 7


def poison(kind, is_on=None):
    """A penalty that is NaN or infinite at one step, in its value alone or in its gradient."""

    def penalty(critic, real, fake, *, keys, step):
        logits = critic(real)
        on = True if is_on is None else jax.pure_callback(is_on, jax.ShapeDtypeStruct((), bool))
        value = jnp.where((step == BAD_STEP) & on, jnp.inf, 0.0)
        return value * logits if kind == "gradient" else value + 0 * jax.lax.stop_gradient(logits)

    return penalty


def rows(folder):
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [
        json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} in metrics.jsonl"))
        for line in lines
    ]


@pytest.mark.parametrize(
    ("kind", "log_every"),
    [
        ("gradient", 5),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in (("loss", 1), ("loss", 5), ("gradient", 1))
        ),
    ],
)
def test_it_stops_within_a_logging_interval_and_says_what_went_in(tmp_path, kind, log_every):
    """A loss that is NaN at one step only is seen too, though that step may be no call's last."""
    config = tiny(tmp_path / "run", steps=40, log_every=log_every, d_steps=2, sample_every=100)
    with pytest.raises(NotFiniteError, match="NaN or infinity at step") as caught:
        train_tiny(config, penalty=poison(kind))
    assert BAD_STEP < caught.value.step <= BAD_STEP + log_every
    folder = tmp_path / "run"
    status = json.loads((folder / "status.json").read_text())
    assert status["state"] == "failed"
    assert "NaN or infinity" in status["why"]
    assert [path.name for path in (folder / "checkpoints").iterdir()] == ["4"]
    assert all(math.isfinite(value) for row in rows(folder) for value in row.values())
    (file,) = (folder / "crash").iterdir()
    assert file.name == f"step_{caught.value.step:08d}-stop.json"
    crash = json.loads(file.read_text())
    expected = data.batch_indices(config.seed, BAD_STEP, batch_size=16, size=40, xp=np)
    assert crash["batches"][str(BAD_STEP)] == expected.tolist()
    train_key = jax.random.split(jax.random.key(config.seed), 3)[1]
    assert crash["key"] == jax.random.key_data(train_key).tolist()
    assert {"discriminator_loss", "penalty"} <= crash["metrics"].keys()


@pytest.mark.slow
def test_rollback_goes_on_with_other_draws_and_exactly_so_after_a_stop(tmp_path):
    def with_fault(config):
        is_on = lambda: np.bool_(not (tmp_path / config.workdir / "crash").exists())
        labels = {"penalty": "poison"}  # it closes over the config, which changes
        return train_tiny(config, penalty=poison("gradient", is_on), labels=labels)

    whole = with_fault(tiny(tmp_path / "whole", on_nan="rollback"))
    assert whole.status == "done"
    (file,) = (whole.workdir / "crash").iterdir()
    assert file.name.endswith("-rollback-1.json")
    assert [row["step"] for row in rows(whole.workdir)] == list(range(1, 13))
    assert "rolled back 1x" in (whole.workdir / "log.txt").read_text()
    for steps in (9, 12):
        pieces = with_fault(tiny(tmp_path / "pieces", on_nan="rollback", steps=steps))
    leaves = [jax.tree.leaves(result.state) for result in (whole, pieces)]
    for a, b in zip(*leaves, strict=True):
        np.testing.assert_array_equal(a, b)
    clean = train_tiny(tiny(tmp_path / "clean"), penalty=poison("loss", lambda: np.bool_(False)))
    ours, theirs = (rows(result.workdir) for result in (whole, clean))
    assert ours[:4] == theirs[:4]  # up to the checkpoint it is the same run
    assert ours[4] != theirs[4]


@pytest.mark.slow
def test_rollbacks_are_counted(tmp_path):
    """Without a checkpoint a rollback starts over; the last one that is allowed is the last."""
    config = tiny(tmp_path / "run", save_every=100, on_nan="rollback", rollbacks=2)
    for _ in range(2):  # also when it is run again
        with pytest.raises(NotFiniteError):
            train_tiny(config, penalty=poison("gradient"))
    names = sorted(path.name.split("-", 1)[1] for path in (tmp_path / "run/crash").iterdir())
    assert names == ["rollback-1.json", "rollback-2.json", "stop.json"]
    keys = {tuple(json.loads(path.read_text())["key"]) for path in (tmp_path / "run/crash").iterdir()}
    assert len(keys) == 3


@pytest.mark.parametrize("part", ["ema", pytest.param("generator", marks=pytest.mark.slow)])
def test_parameters_that_are_not_finite_are_never_saved(tmp_path, part):
    """No metric shows the moving average: it is looked at before the save."""
    compile_run = parallel.compile_run

    def compile_bad_run(*inputs):
        advance = compile_run(*inputs)

        def run(state, *rest):
            state, metrics = advance(state, *rest)
            if state.step == BAD_STEP:
                name = "params" if part == "generator" else "ema"
                owner = state.generator if part == "generator" else state
                bad = jax.tree.map(lambda leaf: leaf.at[(0,) * leaf.ndim].set(jnp.inf), getattr(owner, name))
                owner = owner.replace(**{name: bad})
                state = state.replace(generator=owner) if part == "generator" else owner
            return state, metrics

        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "compile_run", compile_bad_run)
        with pytest.raises(NotFiniteError, match="ema/params/Dense_0/bias" if part == "ema" else "loss"):
            train_tiny(tiny(tmp_path / "run"))
    assert [path.name for path in (tmp_path / "run/checkpoints").iterdir()] == ["4"]


def test_a_checkpoint_refuses_nan_by_name(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(NotFiniteError, match="at step 3: b, c"):
            checkpoints.save(3, {"a": jnp.ones(3), "b": jnp.array([1, jnp.nan]), "c": jnp.float16(jnp.inf)})
        assert checkpoints.latest_step() is None


def test_the_program_ends_with_one_sentence(tmp_path, monkeypatch, capsys):
    def run(config, *, dataset):
        raise NotFiniteError(["generator_loss"], 7)

    monkeypatch.setattr(train, "run", run)
    with pytest.raises(SystemExit) as caught:
        train.main(Config(), "Test.", ["--workdir", str(tmp_path)])
    assert caught.value.code == 1
    assert capsys.readouterr().err == "error: NaN or infinity at step 7: generator_loss\n"


@pytest.mark.parametrize("bad_step", [None, 1, 3])
@pytest.mark.slow
def test_where_the_step_is_called_once_for_each_a_fault_stays_too(bad_step):
    """The form of `compile_run` for convolutions on CPU; and four steps later all is well again."""
    networks = dcgan.Generator((8, 8, 1), 2), dcgan.Discriminator(2, "none")

    def penalty(critic, real, fake, *, keys, step):
        return jnp.where(step == -1 if bad_step is None else step == bad_step, jnp.nan, 0.5) + jnp.zeros(4)

    step = make_train_step(*networks, losses.hinge, penalty=penalty)
    tx = optax.sgd(1e-3)
    key = jax.random.key(0)
    state = init_state(key, *networks, image_shape=(8, 8, 1), latent_dim=3, g_tx=tx, d_tx=tx)
    batch = {"image": jnp.zeros((4, 8, 8, 1))}
    run = parallel.compile_run(step, lambda data, step: data, state, batch, key)
    state, metrics = run(state, batch, key, 4)
    assert np.isnan(metrics["penalty"]) == (bad_step is not None)
    assert np.isfinite(metrics["generator_loss"])
    assert run(state, batch, key, 2)[1]["penalty"] == 0.5
