"""Convolutions whose derivatives are as fast as they are, on CPU too.

A strided convolution of images ``x`` with a kernel ``k``, paired with features ``y``, is a trilinear form

    T(x, k, y) = sum over batch, position p, tap t and channels of  x[s p + t] k[t] y[p],

and has three faces, each linear in two of them: `correlate` (x, k -> y) is the convolution, `spread`
(y, k -> x) the transposed one, and `overlap` (x, y -> k) the gradient by the kernel. The derivative of a face
by one argument is another face, so three primitives are closed under differentiation: gradients of every
order, in both modes, are computed by these three and never by what a compiler makes of them.

That matters on CPU, where XLA knows one fast convolution: NHWC images, HWIO kernels. The gradients that JAX
writes have other layouts, and in loops (`jax.lax.scan`, `fori_loop`) they take up to a hundred times as long
(``python benchmarks/kernels.py``). There the faces are lowered to that one form with explicit transposes
(`jaxgan.layers.kernels.lowerings`) or, where channels are many, to matrix products of fewer multiplications
(`jaxgan.layers.kernels.winograd`). On GPU and TPU they are what `jax.lax` would have computed.

A nearest-neighbour upsampling before a convolution, and an average pooling after one, are convolutions of
stride 2 with a box-filtered kernel: `upsample_conv` and `conv_downsample` do less than half of the work.

References:
    Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning, chapter 4,
    https://arxiv.org/abs/1603.07285
"""

from collections.abc import Callable, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from jaxgan.layers.kernels import lowerings, winograd
from jaxgan.layers.kernels.lowerings import Window

Face = Callable[..., jax.Array]
Images = Float[Array, "member batch height width channel"]
Kernels = Float[Array, "member rows columns channel feature"]
Features = Float[Array, "member batch vertical horizontal feature"]


def _bind(primitive: Primitive, first: jax.Array, second: jax.Array, window: Window) -> jax.Array:
    """Apply a primitive to arrays that vary alike over the axes of a `jax.shard_map`."""
    axes = [jax.typeof(x).manual_axis_type.varying for x in (first, second)]
    if missing := tuple(axes[1] - axes[0]):
        first = jax.lax.pcast(first, missing, to="varying")
    if missing := tuple(axes[0] - axes[1]):
        second = jax.lax.pcast(second, missing, to="varying")
    return primitive.bind(first, second, window=window)


def _primitive(
    name: str,
    shape: Callable,
    general: Face,
    cpu: Face,
    by_tiles: Face,
    *,
    axes: tuple[int, int],
    second_is_kernel: bool,
) -> Primitive:
    """Make a face.

    Args:
        name: of the primitive.
        shape: ``(shape of the first, of the second, window) -> shape`` of the result, without members.
        general: the face for one member, as `jax.lax` computes it.
        cpu: the face for one member, of canonical convolutions.
        by_tiles: the face for one member, of fewer multiplications.
        axes: that the face sums over where both arguments are matrices.
        second_is_kernel: the first argument then has examples that a mapped axis may join.
    """
    primitive = Primitive(name)

    def result(first, second, *, window):  # which varies over a mesh as the first argument does
        members = first.shape[0]
        return first.update(shape=(members, *shape(first.shape[1:], second.shape[1:], window)))

    def batch(arguments, axes, *, window):
        (first, second), size = arguments, _mapped_size(arguments, axes)
        if second_is_kernel and axes[1] is None:
            first = jnp.moveaxis(first, axes[0], 1)
            joined = first.reshape(first.shape[0], -1, *first.shape[3:])
            out = _bind(primitive, joined, second, window)
            return out.reshape(*first.shape[:3], *out.shape[2:]), 1
        first, second = (
            jnp.broadcast_to(x, (size, *x.shape)) if axis is None else jnp.moveaxis(x, axis, 0)
            for x, axis in zip(arguments, axes, strict=True)
        )
        first, second = (x.reshape(-1, *x.shape[2:]) for x in (first, second))
        out = _bind(primitive, first, second, window)
        return out.reshape(size, -1, *out.shape[1:]), 0

    def at_a_point(first, second, *, window):
        def face(first, second):
            result = shape(first.shape, second.shape, window)
            return lowerings.product(first, second, axes).reshape(result)

        return jax.vmap(face)(first, second)

    def lower(first, second, *, window):
        if window.point:
            return at_a_point(first, second, window=window)
        return jax.vmap(partial(general, window=window))(first, second)

    def lower_cpu(first, second, *, window):  # one member after the other: grouped convolutions are slow
        if window.point:
            return at_a_point(first, second, window=window)
        channels = second.shape[-2] if second_is_kernel else first.shape[-1]
        face = by_tiles if winograd.suits(window, first.shape[1], channels, second.shape[-1]) else cpu
        if len(first) == 1:
            return face(first[0], second[0], window)[None]
        return jax.lax.map(lambda pair: face(*pair, window), (first, second))

    primitive.def_impl(jax.jit(primitive.bind, static_argnames="window"))
    primitive.def_abstract_eval(result)
    batching.primitive_batchers[primitive] = batch
    mlir.register_lowering(primitive, mlir.lower_fun(lower, multiple_results=False))
    mlir.register_lowering(primitive, mlir.lower_fun(lower_cpu, multiple_results=False), platform="cpu")
    return primitive


def _mapped_size(arguments: Sequence[jax.Array], axes: Sequence[int | None]) -> int:
    return next(x.shape[axis] for x, axis in zip(arguments, axes, strict=True) if axis is not None)


_correlate_p = _primitive(
    "correlate",
    lambda images, kernel, window: (images[0], *window.positions, kernel[3]),
    lowerings.correlate,
    lowerings.correlate,
    winograd.correlate,
    axes=(1, 0),
    second_is_kernel=True,
)
_spread_p = _primitive(
    "spread",
    lambda features, kernel, window: (features[0], *window.image, kernel[2]),
    lowerings.lax_spread,
    lowerings.spread,
    winograd.spread,
    axes=(1, 1),
    second_is_kernel=True,
)
_overlap_p = _primitive(
    "overlap",
    lambda images, features, window: (*window.taps, images[3], features[3]),
    lowerings.lax_overlap,
    lowerings.overlap,
    winograd.overlap,
    axes=(0, 0),
    second_is_kernel=False,
)


def correlate(images: Images, kernels: Kernels, *, window: Window) -> Features:
    """Return the features of a convolution, ``[G, B, *window.positions, F]``.

    Args:
        images: ``[G, B, *window.image, C]``: G members, each with a kernel of its own.
        kernels: ``[G, *window.taps, C, F]``.
        window: sizes.
    """
    return _bind(_correlate_p, images, kernels, window)


def spread(features: Features, kernels: Kernels, *, window: Window) -> Images:
    """Return what `correlate` is the adjoint of by its images: ``[G, B, *window.image, C]``.

    Args:
        features: ``[G, B, *window.positions, F]``.
        kernels: ``[G, *window.taps, C, F]``.
        window: sizes of the convolution.
    """
    return _bind(_spread_p, features, kernels, window)


def overlap(images: Images, features: Features, *, window: Window) -> Kernels:
    """Return what `correlate` is the adjoint of by its kernels: ``[G, *window.taps, C, F]``.

    Args:
        images: ``[G, B, *window.image, C]``.
        features: ``[G, B, *window.positions, F]``.
        window: sizes of the convolution.
    """
    return _bind(_overlap_p, images, features, window)


# The derivative of a face by either argument, applied to a cotangent, is the face that has what is left.
ad.defbilinear(
    _correlate_p,
    lambda features, images, kernels, *, window: spread(features, kernels, window=window),
    lambda features, images, kernels, *, window: overlap(images, features, window=window),
)
ad.defbilinear(
    _spread_p,
    lambda images, features, kernels, *, window: correlate(images, kernels, window=window),
    lambda images, features, kernels, *, window: overlap(images, features, window=window),
)
ad.defbilinear(
    _overlap_p,
    lambda kernels, images, features, *, window: spread(features, kernels, window=window),
    lambda kernels, images, features, *, window: correlate(images, kernels, window=window),
)
