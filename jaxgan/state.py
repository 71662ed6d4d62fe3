"""Everything that training changes, in one pytree.

It holds no random key and no position in the data: both are functions of ``(seed, step)``. So a run can go on
exactly where it stopped, given its state and its seed.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import flax.struct
import jax
import jax.numpy as jnp
import optax
from flax.training import train_state
from jaxtyping import Array, Key

from jaxgan.system.pieces import check_array, check_module, check_optimizer
from jaxgan.system.settings import converted

Variables = dict[str, Any]  # linen's {"params": ..., "batch_stats": ...}


class TrainState(train_state.TrainState):
    """Flax's TrainState, with the network's other collections (batch statistics) beside the parameters."""

    step: Any  # int32 scalar; transformations put shapes and shardings in the place of arrays
    params: Any = flax.struct.field(pytree_node=True)  # flax says FrozenDict, linen makes a dict
    collections: Variables = flax.struct.field(default_factory=dict)

    @property
    def variables(self) -> Variables:
        """The variables that ``module.apply`` takes."""
        return {"params": self.params, **self.collections}


class GANState(flax.struct.PyTreeNode):
    """A GAN in training.

    Attributes:
        step: number of calls of the step so far, an int32 scalar; the one counter that drives schedules and
            keys.
        generator: the generator's parameters, optimizer state and other collections.
        discriminator: the discriminator's.
        ema: exponential moving average of the generator's parameters and batch statistics, with a copy of
            its other collections; samples are drawn with it.
        latent_dim: length of a latent vector (static).
        terms: what the game's terms remember, scalars by the terms' names (`jaxgan.games.terms`); empty for a
            game whose terms remember nothing.
    """

    step: Any
    generator: TrainState
    discriminator: TrainState
    ema: Variables
    latent_dim: int = flax.struct.field(pytree_node=False)
    terms: dict[str, Any] = flax.struct.field(default_factory=dict, kw_only=True)


def init_state(
    key: Key[Array, ""],
    generator: nn.Module,
    discriminator: nn.Module,
    *,
    image_shape: Sequence[int],
    latent_dim: int,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    num_classes: int | None = None,
) -> GANState:
    """Return the state before the first step, made in one compiled call.

    Args:
        key: a typed key, ``jax.random.key(seed)``.
        generator: module ``(latents, labels, *, train) -> images``.
        discriminator: module ``(images, labels, *, train) -> logits``.
        image_shape: shape of one image.
        latent_dim: length of a latent vector, >= 1.
        g_tx: the generator's optimizer.
        d_tx: the discriminator's optimizer.
        num_classes: number of classes for conditional networks; None otherwise.

    Returns:
        A `GANState` at step 0, whose EMA is a copy of the generator's variables.

    Raises:
        ValueError: if a network is no linen module or an optimizer none of Optax; if the generator does not
            make images of `image_shape`, or the discriminator does not return one logit per image.
    """
    for role, module, optimizer in (("generator", generator, g_tx), ("discriminator", discriminator, d_tx)):
        check_module(role, module)
        check_optimizer(role, optimizer)
    shape: tuple[int, ...] = converted("image_shape", image_shape, tuple[int, ...])
    latent_dim = converted("latent_dim", latent_dim, int)
    num_classes = converted("num_classes", num_classes, int | None)
    if latent_dim < 1:
        raise ValueError(f"`latent_dim` is at least 1, got {latent_dim}")

    def init(key):
        labels = None if num_classes is None else jnp.zeros(1, jnp.int32)
        latents, images = jnp.zeros((1, latent_dim)), jnp.zeros((1, *shape))
        networks = _Networks(generator, discriminator, latents, images, labels, labels, lambda _: images)
        return _init(key, networks, _one_logit, g_tx, d_tx, latent_dim)

    return jax.jit(init)(key)


def init_game(
    key: Key[Array, ""],
    game: Any,
    batch: Mapping[str, Any],
    *,
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    latent_dim: int | None = None,
) -> GANState:
    """Return the state of a game before its first step, made in one compiled call.

    For the plain game it is the state of `init_state`, bit for bit.

    Args:
        key: a typed key, ``jax.random.key(seed)``.
        game: a `jaxgan.games.Game`.
        batch: a batch, or its shapes (`jax.ShapeDtypeStruct`); only shapes and dtypes matter.
        g_tx: the optimizer of the generator's player. For an optimizer for each of its networks, use
            ``optax.multi_transform`` with the networks' names.
        d_tx: the discriminator's optimizer.
        latent_dim: length of a latent vector, >= 1; None if the game has a prior, which knows it.

    Returns:
        A `GANState` at step 0, whose EMA is a copy of the variables of the generator's player.

    Raises:
        ValueError: if the networks, the batch and the game do not fit each other.
    """
    for role, optimizer in (("generator", g_tx), ("discriminator", d_tx)):
        check_optimizer(role, optimizer)
    size = latent_dim if game.prior is None else game.prior.size
    if size is None:
        raise ValueError("a game without a prior needs `latent_dim`, the length of a latent vector")
    if latent_dim not in (None, size):
        raise ValueError(f"`latent_dim` is {latent_dim}, and the latents of the prior have length {size}")
    game.check_batch(batch)

    def init(key):
        turn = game.first_turn(batch)
        shapes = jax.eval_shape(lambda: game.inputs(turn, size))
        inputs = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        shown = partial(game.first_shown, turn=turn, latent_dim=size)
        networks = _Networks(
            game.generator,
            game.discriminator,
            inputs,
            turn.real,
            turn.labels,
            game.judged_labels(turn),
            shown,
        )
        state = _init(key, networks, lambda output: game.verdict(output, 1), g_tx, d_tx, size)
        return state.replace(terms=game.first_terms())

    return jax.jit(init)(key)


class _Networks(NamedTuple):
    """Two networks and what each is initialized with, one example of everything."""

    generator: nn.Module
    discriminator: nn.Module
    inputs: Any
    images: jax.Array
    labels: jax.Array | None
    judged_labels: jax.Array | None
    shown: Callable[[Variables], Any]  # the generator's variables -> what the discriminator is shown


def _init(
    key: jax.Array,
    networks: _Networks,
    check_logits: Callable[[Any], Any],
    g_tx: optax.GradientTransformation,
    d_tx: optax.GradientTransformation,
    latent_dim: int,
) -> GANState:
    generator, discriminator, inputs, images, labels, judged_labels, shown = networks
    generator_key, discriminator_key = jax.random.split(key)
    fakes, generator_variables = generator.init_with_output(generator_key, inputs, labels, train=False)
    check_array(fakes, "the generator returns images [B, H, W, C] alone")
    if fakes.shape != images.shape:
        cure = _cure_of_images(fakes.shape[1:], images.shape[1:])
        raise ValueError(
            f"the generator makes images of shape {fakes.shape[1:]}, not {images.shape[1:]}{cure}"
        )
    output, discriminator_variables = discriminator.init_with_output(
        discriminator_key, shown(dict(generator_variables)), judged_labels, train=False
    )
    check_logits(output)
    return GANState(
        step=jnp.zeros((), jnp.int32),
        generator=_train_state(generator, generator_variables, g_tx),
        discriminator=_train_state(discriminator, discriminator_variables, d_tx),
        ema=jax.tree.map(jnp.copy, generator_variables),  # sharing buffers would forbid donation
        latent_dim=latent_dim,
    )


def _one_logit(logits: Any) -> None:
    check_array(logits, "the discriminator returns logits [B] alone")
    if logits.shape != (1,):
        cure = cure_of_logits(logits.shape)
        raise ValueError(f"a discriminator returns logits of shape [B], got {logits.shape} for B = 1{cure}")


def cure_of_logits(shape: Sequence[int]) -> str:
    """Return how one logit for each image, of shape [B, 1] or [B, 1, 1, 1], becomes [B]; else ""."""
    if len(shape) < 2 or set(shape[1:]) != {1}:
        return ""
    return (
        ": squeeze the last axis, logits[:, 0]" if len(shape) == 2 else ": flatten them, logits.reshape(-1)"
    )


def _cure_of_images(made: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Return how images of another layout get the wanted one, or ""."""
    if len(wanted) != 3:
        return ""
    height, width, channels = wanted
    if made == (channels, height, width):
        return ": its channels come first, and images.transpose(0, 2, 3, 1) turns them"
    if made == (height, width) and channels == 1:
        return ": images[..., None] gives gray images a channel"
    if math.prod(made) == math.prod(wanted):
        return f": images.reshape(-1, {height}, {width}, {channels}) gives them their shape"
    return ""


def _train_state(module: nn.Module, variables: Any, tx: optax.GradientTransformation) -> TrainState:
    collections = {name: value for name, value in variables.items() if name != "params"}
    state = TrainState.create(
        apply_fn=module.apply, params=variables.get("params", {}), tx=tx, collections=collections
    )
    return state.replace(step=jnp.zeros((), jnp.int32))  # a Python 0 would retrace the second step


def named_leaves(tree: Any) -> dict[str, Any]:
    """Return a pytree's leaves by path, e.g. ``"generator/params/Dense_0/kernel"``.

    Files are written by these names, so what they hold depends on no class of flax or optax.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    named = {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
    if len(named) != len(leaves):
        raise ValueError("two leaves of the tree have the same path")
    return named


def with_leaves(tree: Any, leaves: dict[str, Any]) -> Any:
    """Return `tree` with its leaves replaced by those of `leaves`: the inverse of `named_leaves`."""
    return jax.tree.unflatten(jax.tree.structure(tree), [leaves[name] for name in named_leaves(tree)])
