import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.networks import dcgan, mlp
from jaxgan.state import init_state, named_leaves, with_leaves


def make(generator, discriminator, image_shape=(8, 8, 1), **options):
    return init_state(
        jax.random.key(0),
        generator,
        discriminator,
        image_shape=image_shape,
        latent_dim=5,
        g_tx=optax.adam(1e-3),
        d_tx=optax.sgd(1e-3),
        **options,
    )


def test_the_average_starts_at_the_generator_in_buffers_of_its_own():
    state = make(dcgan.Generator((8, 8, 1), 4), dcgan.Discriminator(4))
    assert set(state.ema) == {"params", "batch_stats"}
    for ours, theirs in zip(
        jax.tree.leaves(state.ema), jax.tree.leaves(state.generator.variables), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
        assert ours.unsafe_buffer_pointer() != theirs.unsafe_buffer_pointer()


def test_the_two_players_start_from_different_keys_and_each_has_its_optimizer():
    module = mlp.Discriminator((4,))

    class Same(mlp.Generator):  # a generator whose parameters have the discriminator's shapes
        def __call__(self, latents, labels=None, *, train):
            return latents.reshape(-1, 5)

    state = make(Same((5,), hidden=()), module, image_shape=(5,))
    assert state.generator.params == {}
    assert "trace" not in str(state.discriminator.opt_state)
    state = make(mlp.Generator((8, 8, 1)), mlp.Discriminator())
    assert any("/mu/" in name for name in named_leaves(state.generator))
    assert not any("/mu/" in name for name in named_leaves(state.discriminator))


def test_every_leaf_has_a_fixed_type():
    """A weak type would change at the first update and compile the step twice."""
    state = make(dcgan.Generator((8, 8, 1), 4), dcgan.Discriminator(4, "spectral"))
    for name, leaf in named_leaves(state).items():
        assert not leaf.weak_type, name
    assert state.step == 0


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"\(4, 4, 1\), not \(8, 8, 1\)"):
        make(mlp.Generator((4, 4, 1)), mlp.Discriminator())

    class TwoLogits(mlp.Discriminator):
        def __call__(self, images, labels=None, *, train):
            return jnp.zeros((images.shape[0], 1))

    with pytest.raises(ValueError, match=r"\[B\], got \(1, 1\)"):
        make(mlp.Generator((8, 8, 1)), TwoLogits())


def test_leaves_by_name_and_back():
    state = make(mlp.Generator((8, 8, 1), (3,)), dcgan.Discriminator(4, "spectral"))
    named = named_leaves(state)
    assert "generator/params/Dense_0/kernel" in named
    assert len(named) == len(jax.tree.leaves(state))
    back = with_leaves(jax.eval_shape(lambda: state), named)
    assert jax.tree.structure(back) == jax.tree.structure(state)
    assert all(a is b for a, b in zip(jax.tree.leaves(back), jax.tree.leaves(state), strict=True))
    with pytest.raises(ValueError, match="same path"):
        named_leaves({"a": {"b": 1}, "a/b": 2})


@pytest.mark.parametrize(
    ("made", "wanted", "cure"),
    [
        ((3, 8, 6), (8, 6, 3), ": its channels come first, and images.transpose(0, 2, 3, 1) turns them"),
        ((1, 8, 8), (8, 8, 1), ": its channels come first, and images.transpose(0, 2, 3, 1) turns them"),
        ((8, 6), (8, 6, 1), ": images[..., None] gives gray images a channel"),
        ((144,), (8, 6, 3), ": images.reshape(-1, 8, 6, 3) gives them their shape"),
        ((8, 6, 1), (8, 6, 3), ""),
        ((3,), (2,), ""),
    ],
)
def test_a_generator_of_another_layout_is_told_how_to_turn_its_images(made, wanted, cure):
    with pytest.raises(ValueError, match="the generator makes images") as caught:
        make(mlp.Generator(made, (4,)), mlp.Discriminator((4,)), image_shape=wanted)
    assert str(caught.value) == f"the generator makes images of shape {made}, not {wanted}{cure}"


@pytest.mark.parametrize(
    ("axes", "cure"),
    [
        ((1,), ": squeeze the last axis, logits[:, 0]"),
        ((1, 1, 1), ": flatten them, logits.reshape(-1)"),
        ((2,), ""),
    ],
)
def test_a_discriminator_of_columns_is_told_how_to_squeeze_them(axes, cure):
    class Columns(mlp.Discriminator):
        def __call__(self, images, labels=None, *, train):
            return jnp.zeros((images.shape[0], *axes))

    with pytest.raises(ValueError, match="a discriminator returns logits") as caught:
        make(mlp.Generator((8, 8, 1), (4,)), Columns())
    assert str(caught.value).endswith(f"got {(1, *axes)} for B = 1{cure}")


def test_a_latent_has_a_length():
    with pytest.raises(ValueError, match="`latent_dim` is at least 1, got 0"):
        init_state(
            jax.random.key(0),
            mlp.Generator((8, 8, 1)),
            mlp.Discriminator(),
            image_shape=(8, 8, 1),
            latent_dim=0,
            g_tx=optax.sgd(0.1),
            d_tx=optax.sgd(0.1),
        )
