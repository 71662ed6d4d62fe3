"""The latents that are looked at: their length, how they are drawn, and how far a step of size 1 moves them.

Generators are looked at in their latents z. A StyleGAN2 is looked at in its intermediate latents w first, as
its directions are straighter there (Karras et al. 2019).

A step of size 1 is a standard deviation. That is 1 for a normal block of z and 1 / sqrt(3) for a uniform
block. A category is kept, as it has no values in between: its scale is 0. All numbers of w have one scale,
the root mean square of their deviations from their means.

References:
    Karras et al. 2019, A Style-Based Generator Architecture for GANs, https://arxiv.org/abs/1812.04948
"""

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial
from jaxtyping import Float, Int

from jaxgan import export
from jaxgan.explain.inside import recorded
from jaxgan.export import Network
from jaxgan.networks import stylegan2
from jaxgan.prior import Prior, draw_rows
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key

BATCH_SIZE = 64  # rows that go through a generator at a time
PIXELS = 2**18  # that are derived, or compared, at a time: those of 256 images of 32x32
_SCALES = {"normal": 1.0, "uniform": 1 / math.sqrt(3), "one_hot": 0.0}
_MANY = 1024  # latents that give the spread of w


class Space(NamedTuple):
    """Latents that can be moved, and the images that they make.

    Attributes:
        name: "z", or "w" for the intermediate latents of a StyleGAN2; "source" for a translator's sources.
        size: length of a latent vector.
        scale: length of a step of size 1 along each coordinate, ``[size]``; 0 where latents are kept.
        generate: ``(latents [B, size], labels [B] or None) -> images [B, H, W, C]``, compiled, which can be
            part of another compiled function and be differentiated.
        draw: ``(key, labels [n] or None, n) -> latents [n, size]``.
        kernel: the kernels of all layers that take in the latents as they are, side by side, ``[size, k]``;
            None where no layer does.
    """

    name: str
    size: int
    scale: Float[np.ndarray, " latent"]
    generate: Callable[..., jax.Array]
    draw: Callable[..., jax.Array]
    kernel: Float[np.ndarray, "latent feature"] | None


def spaces_of(generator: Network) -> list[Space]:
    """Return the spaces of a generator that was read, the one to look at first.

    Raises:
        UserError: if the generator makes points or images that are not finite.
    """
    if len(generator.image_shape) != 3:
        raise UserError("this generator makes no images, and only generators of images are looked into")
    plain = _z(generator)
    few = rows_that_fit(generator.image_shape, BATCH_SIZE)  # most often as many as all parts look at
    fakes = in_batches(plain.generate, plain.draw(seed_key(0), None, few), labels_of(generator, few))
    if not np.isfinite(fakes).all():
        raise UserError("the images of this generator are not finite numbers: there is nothing to look at")
    return [_w(generator, plain), plain] if has_w(generator.module) else [plain]


def space_of_sources(generator: Network, sources: Float[np.ndarray, "n h w c"]) -> Space:
    """Return some sources of a translator in the place of latents; they cannot be moved.

    Raises:
        UserError: if the translator makes images that are not finite.
    """
    module = generator.module

    def make(variables: Any, sources: Any, labels: Any = None) -> jax.Array:
        return jnp.asarray(module.apply(variables, sources, labels, train=False))

    def draw(key: jax.Array, labels: Any, n: int) -> jax.Array:
        del key, labels
        return jnp.asarray(np.resize(sources, (n, *sources.shape[1:])))

    generate = Partial(jax.jit(make), generator.variables)
    few = rows_that_fit(generator.image_shape, BATCH_SIZE)
    if not np.isfinite(in_batches(generate, sources[:few])).all():
        raise UserError("the images of this translator are not finite numbers: there is nothing to look at")
    return Space("source", 0, np.zeros(0, np.float32), generate, draw, None)


def space_of(generator: Network) -> Space:
    """Return the space to look at first: w where a generator has one, else z."""
    return spaces_of(generator)[0]


def has_w(module: nn.Module) -> bool:
    """Return whether a generator has intermediate latents."""
    return isinstance(module, stylegan2.Generator)


def labels_of(generator: Network, n: int) -> Int[np.ndarray, " n"] | None:
    """Return the labels 0, 1, ... over and over for n images of a conditional generator; None for others."""
    if generator.num_classes is None:
        return None
    return (np.arange(n) % generator.num_classes).astype(np.int32)


def batches(count: int, size: int = BATCH_SIZE) -> Iterable[tuple[Int[np.ndarray, " size"], int]]:
    """Yield rows in batches of one size, so that a function compiles once, and how many of them are new.

    The last batch repeats its last row.
    """
    size = min(size, count)
    for first in range(0, count, size):
        yield np.minimum(np.arange(first, first + size), count - 1), min(size, count - first)


def rows_that_fit(image_shape: tuple[int, ...], most: int) -> int:
    """Return how many images to make at a time: `most` of small ones, and fewer of large ones, at least 1."""
    return max(1, min(most, PIXELS // math.prod(image_shape[:2])))


def rows_of(array: Any, rows: Any) -> jax.Array | None:
    """Return rows of an array; None stays None."""
    return None if array is None else jnp.asarray(np.asarray(array)[rows])  # jnp would compile each indexing


def in_batches(generate: Callable[..., Any], latents: Any, labels: Any = None) -> np.ndarray:
    """Return the images of latents on the host, float, made in batches."""
    parts = [
        np.asarray(generate(rows_of(latents, rows), rows_of(labels, rows)))[:new]
        for rows, new in batches(len(latents))
    ]
    return np.concatenate(parts)


def drawn(prior: Prior, key: jax.Array, n: int) -> jax.Array:
    """Return n latents of a prior, as `jaxgan.prior.draw_rows` does; one program draws up to 1,024."""
    return _draw_rows(prior, key, -(-n // _MANY) * _MANY)[:n]


_draw_rows = jax.jit(draw_rows, static_argnums=(0, 2))


def _z(generator: Network) -> Space:
    module, size = generator.module, generator.description["latent_dim"]
    prior = export.prior_of(generator.description)
    scale = np.concatenate([np.full(length, _SCALES[kind], np.float32) for kind, length in prior.blocks])

    def make(variables: Any, latents: Any, labels: Any = None) -> jax.Array:
        return jnp.asarray(module.apply(variables, latents, labels, train=False))

    def draw(key: jax.Array, labels: Any, n: int) -> jax.Array:
        del labels  # z knows no class
        return drawn(prior, key, n)

    labels = labels_of(generator, 2)
    kernel = _first_kernel(make, generator.variables, draw(seed_key(0), labels, 2), labels)
    return Space("z", size, scale, Partial(jax.jit(make), generator.variables), draw, kernel)


def _w(generator: Network, plain: Space) -> Space:
    module: Any = generator.module

    @jax.jit
    def w_of(variables: Any, latents: Any, labels: Any) -> jax.Array:
        return module.apply(variables, latents, labels, train=False, method="map")[:, 0]

    def draw(key: jax.Array, labels: Any, n: int) -> jax.Array:
        return w_of(generator.variables, plain.draw(key, labels, n), labels)

    labels = labels_of(generator, _MANY)
    w = draw(seed_key(0), labels, _MANY)
    one = plain.draw(seed_key(0), labels, 1), None if labels is None else labels[:1]
    mapping = partial(module.apply, train=False, method="map")
    layers = jax.eval_shape(mapping, generator.variables, *one).shape[1]

    def make(variables: Any, w: Any, labels: Any = None) -> jax.Array:
        del labels  # w knows the class
        ws = jnp.repeat(w[:, None], layers, axis=1)
        return jnp.asarray(module.apply(variables, ws, train=False, method="synthesize"))

    size = w.shape[1]
    scale = np.full(size, max(float(jnp.sqrt(jnp.var(w, axis=0).mean())), 1e-12), np.float32)
    kernel = _first_kernel(make, generator.variables, w[:2], None)
    return Space("w", size, scale, Partial(jax.jit(make), generator.variables), draw, kernel)


def _first_kernel(
    make: Callable[..., Any], variables: Any, latents: jax.Array, labels: Any
) -> np.ndarray | None:
    """Return the rows of kernels that are multiplied by the latents themselves, ``[Z, k]``, or None.

    These are kernels of dense layers, and of convolutions of a single pixel. A layer may take in labels
    beside the latents, or a part of the latents only. So its inputs are compared with the latents, number by
    number.
    """

    @jax.jit
    def first(variables: Any, latents: Any, labels: Any) -> list[tuple[jax.Array, jax.Array]]:
        found = recorded(lambda: make(variables, latents, labels))[1]
        pairs = [(call.inputs, call.kernel) for call in found]
        pairs = [_as_matrices(*pair) for pair in pairs]
        return [pair for pair in pairs if pair is not None]

    kernels = []
    numbers = {np.asarray(column).tobytes(): i for i, column in enumerate(np.asarray(latents).T)}
    try:
        found = first(variables, latents, labels)
    except jax.errors.UnexpectedTracerError:  # layers in flax.linen.scan and the like cannot be listened to
        return None
    for inputs, kernel in found:
        places = [numbers.get(np.ascontiguousarray(column).tobytes()) for column in np.asarray(inputs).T]
        whole = np.zeros((latents.shape[1], kernel.shape[1]), np.float32)
        for row, place in zip(np.asarray(kernel), places, strict=True):
            if place is not None:
                whole[place] = row
        if whole.any():
            kernels.append(whole)
    return np.concatenate(kernels, axis=1) if kernels else None


def _as_matrices(inputs: jax.Array, kernel: jax.Array) -> tuple[jax.Array, jax.Array] | None:
    """Return what a layer takes in, ``[B, C]``, and its kernel, ``[C, k]``; None if it sees many pixels."""
    if inputs.ndim == kernel.ndim == 2:
        return inputs, kernel
    if inputs.ndim == kernel.ndim == 4 and inputs.shape[1:3] == (1, 1):
        return inputs[:, 0, 0], jnp.moveaxis(kernel, 2, 0).reshape(kernel.shape[2], -1)
    return None
