"""StyleGAN2 in steps: a batch in parts, a population, and what a config makes of the family."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan import losses
from jaxgan.config import Config
from jaxgan.names import FAMILIES
from jaxgan.networks import stylegan2
from jaxgan.rules import InfoGAN
from jaxgan.state import init_state
from jaxgan.step import make_train_step
from jaxgan.system.errors import UserError

SHAPE = (4, 4, 1)
TX = optax.sgd(0.1)
IMAGES = jax.random.normal(jax.random.key(1), (8, *SHAPE))


def networks(**options):
    """Return networks of one block, which compile fast; without groups, so that a part is like the whole."""
    return (
        stylegan2.Generator(SHAPE, 8, 2, mapping_layers=1, w_dim=3, **options),
        stylegan2.Discriminator(8, 2, group_size=1),
    )


def first_state(generator, discriminator, seed=0):
    sizes = {"image_shape": SHAPE, "latent_dim": 3, "g_tx": TX, "d_tx": TX}
    return init_state(jax.random.key(seed), generator, discriminator, **sizes)


def one_step(*modules, **options):
    """Return ``state -> state``."""
    step = make_train_step(*modules, losses.non_saturating, **options)
    return lambda state: step(state, {"image": IMAGES}, jax.random.key(0))[0]


def assert_close(one, other):
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5), one, other)


@pytest.mark.slow
def test_a_batch_in_parts_gives_the_gradients_of_the_whole():
    modules = networks(noise=False, mixing=0.0)
    state = first_state(*modules)
    whole, parts = (jax.jit(one_step(*modules, accumulate=n))(state) for n in (1, 2))
    assert_close(parts, whole)


@pytest.mark.long
def test_members_of_a_population_are_single_runs():
    modules = networks()
    step = one_step(*modules)
    members = [first_state(*modules)]
    members.append(jax.tree.map(lambda leaf: (1.1 * leaf).astype(leaf.dtype), members[0]))
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    together = jax.jit(jax.vmap(step))(stacked)
    for i, member in enumerate(members):
        assert_close(jax.tree.map(lambda leaf, i=i: leaf[i], together), jax.jit(step)(member))


@pytest.mark.parametrize(
    ("width", "channels"), [(64, [512, 512, 256, 128, 64]), (512, [512] * 5), (1, [16, 8, 4, 2, 1])]
)
def test_the_width_of_a_config_is_that_of_the_layer_next_to_the_image(width, channels):
    config = Config(network="stylegan2", width=width, batch_size=6)
    generator, discriminator = FAMILIES["stylegan2"].make(config, (64, 64, 3), None)
    sizes = stylegan2.block_sizes(64, 64, channel_base=generator.channel_base)
    assert [each.channels for each in sizes] == channels
    assert (generator.w_dim, generator.mapping_layers) == (channels[0], 2)
    assert (discriminator.channel_base, discriminator.group_size) == (64 * width, 2)


def test_codes_are_not_mixed_and_points_are_refused():
    config = Config(network="stylegan2", width=2, game=InfoGAN())
    generator, _ = config.game.networks(FAMILIES["stylegan2"], config, (8, 8, 1), None)
    assert generator.mixing == 0
    with pytest.raises(UserError, match="`network` stylegan2 makes images"):
        FAMILIES["stylegan2"].make(config, (2,), None)


def test_a_note_names_the_nearest_good_size():
    assert stylegan2.note_on(64, 48) is None
    assert "StyleGAN2" in stylegan2.note_on(418, 418)
    assert stylegan2.note_on(418, 418).endswith("with `image_size` 416x416 they begin at 13x13")
