import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import losses, parallel
from jaxgan.networks import dcgan, mlp
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.state import init_state, named_leaves
from jaxgan.step import make_train_step
from jaxgan.system.errors import UserError

GENERATOR, DISCRIMINATOR = dcgan.Generator((8, 8, 1), 4), dcgan.Discriminator(4, "spectral")
KEY = jax.random.key(0)


def make_state(generator=GENERATOR, discriminator=DISCRIMINATOR, tx=None):
    tx = optax.adam(1e-3) if tx is None else tx
    return init_state(KEY, generator, discriminator, image_shape=(8, 8, 1), latent_dim=4, g_tx=tx, d_tx=tx)


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, named_leaves(a), named_leaves(b))


@pytest.mark.slow
def test_a_save_is_not_touched_by_the_steps_that_follow(tmp_path):
    """The state is donated right after an asynchronous save has begun."""
    small = mlp.Generator((8, 8, 1), (8,)), mlp.Discriminator((8,))
    step = parallel.jit(make_train_step(*small, losses.hinge))
    batch = {"image": jax.random.normal(KEY, (8, 8, 8, 1))}
    state, _ = step(make_state(*small), batch, KEY)
    expected = jax.tree.map(lambda leaf: np.array(leaf), state)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        checkpoints.save(1, state)
        for _ in range(5):
            state, _ = step(state, batch, KEY)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        restored = checkpoints.restore(jax.eval_shape(lambda: make_state(*small)))
    assert_same(restored, expected)
    step(restored, batch, KEY)  # it can be trained on, donation included


def test_the_newest_are_kept_and_the_newest_is_restored(tmp_path):
    state = make_state()
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.latest_step() is None
        for step in (10, 20, 30, 30):  # the same step again is left alone
            checkpoints.save(step, state.replace(step=jnp.int32(step)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["20", "30"]
    with Checkpoints(tmp_path) as checkpoints:
        assert checkpoints.latest_step() == 30
        assert checkpoints.restore(state).step == 30


def test_a_save_that_is_on_its_way_counts(tmp_path):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(3, {"a": np.random.default_rng(0).normal(size=4_000_000)})
        assert checkpoints.latest_step() == 3


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (
            {"generator": dcgan.Generator((8, 8, 1), 8)},
            r"ema/params/BatchNorm_0/bias is float32\[4\], not float32\[8\]",
        ),
        ({"discriminator": mlp.Discriminator()}, r"discriminator/params/Conv_0/bias is not in this model"),
        ({"tx": optax.sgd(0.1)}, r"mu/.* is not in this model; .* more"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused_leaf_by_leaf(tmp_path, other, what):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(7, make_state())
        with pytest.raises(UserError, match=what):
            checkpoints.restore(make_state(**other))


def test_another_dtype_is_never_cast(tmp_path):
    state = make_state()
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(7, state)
        half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), state.ema)
        with pytest.raises(UserError, match=r"is float32\[4\], not bfloat16\[4\]"):
            checkpoints.restore(state.replace(ema=half))


def test_no_checkpoint_is_said(tmp_path):
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(UserError, match=f"no checkpoint in {tmp_path}"):
        checkpoints.restore(make_state())


ARRAYS = {"a": np.arange(5.0, dtype=np.float32)}


def test_a_folder_whose_name_is_no_text_keeps_checkpoints(tmp_path):
    folder = tmp_path / "n\udcff"
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(1, ARRAYS)
    with Checkpoints(folder) as checkpoints:
        assert checkpoints.latest_step() == 1
        assert_same(checkpoints.restore(ARRAYS), ARRAYS)
    assert [path.name for path in folder.iterdir()] == ["1"]


def test_an_exhausted_device_is_no_damage(tmp_path, monkeypatch):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, ARRAYS)
        checkpoints.save(2, ARRAYS)

    def exhausted(*_, **__):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    monkeypatch.setattr("orbax.checkpoint.Checkpointer.restore", exhausted)
    with Checkpoints(tmp_path) as checkpoints, pytest.raises(jax.errors.JaxRuntimeError):
        checkpoints.restore(ARRAYS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]


@pytest.mark.parametrize("name", ["meta", "arrays"])
def test_a_checkpoint_that_may_not_be_read_is_no_damage(tmp_path, monkeypatch, name):
    with Checkpoints(tmp_path) as checkpoints:
        checkpoints.save(1, ARRAYS)
        checkpoints.save(2, ARRAYS)

    def fails(*_, **__):
        raise PermissionError("Permission denied")

    where = {"meta": "pathlib.Path.read_bytes", "arrays": "orbax.checkpoint.Checkpointer.restore"}
    monkeypatch.setattr(where[name], fails)
    monkeypatch.setattr("os.access", lambda path, mode: str(path) != str(tmp_path / "2"))
    with (
        Checkpoints(tmp_path) as checkpoints,
        pytest.raises(UserError, match="2 may not be read by this user"),
    ):
        checkpoints.restore(ARRAYS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
