"""Path lengths of a generator whose Jacobian is known."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.stats import chi

from jaxgan import init_game, losses, make_train_step
from jaxgan.games import Turn
from jaxgan.games.terms import Context, PathLength
from jaxgan.networks import mlp, stylegan2

KEY = jax.random.key(4)
LAYERS = (1.0, 2.0, 0.5)  # the image is the sum over layers of this number times scale times w


class Linear(nn.Module):
    """A generator with styles: w is z for each of three layers, and an image their weighted sum."""

    def setup(self):
        self.scale = self.param("scale", nn.initializers.constant(1.5), ())

    def map(self, latents, labels=None, *, train):
        return jnp.repeat(latents[:, None], len(LAYERS), axis=1)

    def synthesize(self, ws, *, train):
        return self.scale * jnp.einsum("blw,l->bw", ws, jnp.array(LAYERS)).reshape(-1, 2, 2, 1)

    def __call__(self, latents, labels=None, *, train):
        return self.synthesize(self.map(latents, train=train), train=train)


def state_of(step, shape=(2, 2, 1), latent_dim=4):
    batch = {"image": jax.ShapeDtypeStruct((4, *shape), jnp.float32)}
    tx = optax.sgd(0.0)
    return init_game(KEY, step.game, batch, g_tx=tx, d_tx=tx, latent_dim=latent_dim)


def step_of(generator=None, **options):
    networks = generator or Linear(), mlp.Discriminator((4,))
    return make_train_step(*networks, losses.hinge, terms=(PathLength(**options),))


def test_lengths_are_those_of_the_jacobian():
    """J^T y of layer l is 1.5 c_l y, and y has 4 normal numbers of deviation 1/2: |y| is half a chi."""
    step, size = step_of(), 4000
    state = state_of(step)
    turn = Turn({"image": jnp.zeros((size, 2, 2, 1))}, KEY, KEY)

    def context(params, mean=0.0):
        return Context(
            step.game, turn, None, None, None, {"params": params}, {}, None, KEY, 4, 0, {"mean": mean}
        )

    lengths = np.asarray(PathLength().lengths(context(state.generator.params)))
    assert lengths.shape == (size // 2,)
    slope = 1.5 * np.sqrt(np.mean(np.square(LAYERS)))
    np.testing.assert_allclose(lengths.mean(), slope * chi(4).mean() / 2, rtol=0.03)
    np.testing.assert_allclose(lengths.std(), slope * chi(4).std() / 2, rtol=0.06)

    def penalty(params):
        added = PathLength(weight=3.0, every=5).generator(context(params, mean=0.7))
        return added.losses["path_length_penalty"]

    value, gradient = jax.value_and_grad(penalty)(state.generator.params)
    np.testing.assert_allclose(value, 15 * np.mean((lengths - 0.7) ** 2), rtol=1e-5)
    by_hand = 15 * np.mean(2 * (lengths - 0.7) * lengths / 1.5)  # a length is proportional to the scale
    np.testing.assert_allclose(gradient["scale"], by_hand, rtol=1e-4)


@pytest.mark.parametrize("first", [0, 3])
def test_it_is_due_every_fourth_step_and_its_mean_follows(first):
    step = step_of(weight=2.0, decay=0.1, first=first)
    state, run = state_of(step), jax.jit(step)
    batch, mean, rows = {"image": jnp.zeros((40, 2, 2, 1))}, 0.0, []
    for t in range(6):
        before = mean
        state, metrics = run(state, batch, KEY)
        mean = float(metrics["path_length"])
        np.testing.assert_allclose(mean, state.terms["path_length"]["mean"])
        rows.append(float(metrics["path_length_penalty"]))
        assert (mean != before) == (t % 4 == first)
        if t == first:  # the first mean length is ten times the running mean
            assert 0.5 < 10 * mean / (1.5 * np.sqrt(np.mean(np.square(LAYERS))) * chi(4).mean() / 2) < 1.5
    assert [row > 0 for row in rows] == [t % 4 == first for t in range(6)]


def test_a_generator_without_styles_is_refused():
    step = step_of(mlp.Generator((2, 2, 1), (4,)))
    state = state_of(step)
    with pytest.raises(ValueError, match="needs a generator with styles, such as stylegan2"):
        step(state, {"image": jnp.zeros((4, 2, 2, 1))}, KEY)
    for wrong in (
        {"every": 0},
        {"weight": -1.0},
        {"decay": 2.0},
        {"shrink": 0},
        {"first": 4},
        {"weight": float("nan")},
    ):
        with pytest.raises(ValueError, match="must be"):
            PathLength(**wrong)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [None, pytest.param(jnp.bfloat16, marks=pytest.mark.long)])
def test_stylegan2_has_finite_lengths_and_learns_by_them(dtype):
    generator = stylegan2.Generator((8, 8, 1), 32, 4, mapping_layers=1, w_dim=4, num_classes=3)
    discriminator = stylegan2.Discriminator(32, 4, num_classes=3)
    batch = {"image": jnp.zeros((4, 8, 8, 1)), "label": jnp.arange(4) % 3}
    after = []
    for terms in ((), (PathLength(),)):
        step = make_train_step(generator, discriminator, losses.non_saturating, terms=terms, dtype=dtype)
        tx = optax.sgd(0.01)
        state = init_game(KEY, step.game, batch, g_tx=tx, d_tx=tx, latent_dim=4)
        state, metrics = jax.jit(step)(state, batch, KEY)
        after.append(state.generator.params)
    assert 0 < metrics["path_length_penalty"] < 1e4
    differences = jax.tree.map(lambda a, b: float(jnp.abs(a - b).max()), *after)
    assert max(jax.tree.leaves(differences)) > 1e-6
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after))
