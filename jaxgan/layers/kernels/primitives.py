"""Convolution primitives whose gradients of every order run at the forward pass's speed on CPU.

A strided convolution of images ``x`` with a kernel ``k``, paired with features ``y``, is a trilinear form

    T(x, k, y) = sum over batch, position p, tap t and channels of  x[s p + t] k[t] y[p].

Differentiating T with respect to one of the three gives an operation that is linear in the other two:

| operation | computes | is |
|---|---|---|
| `conv` | y from x, k | the convolution |
| `conv_input_grad` | x from y, k | its gradient with respect to the images; the transposed convolution |
| `conv_kernel_grad` | k from x, y | its gradient with respect to the kernel |

The derivative of each operation by one of its arguments is another of the three. So three primitives are
closed under differentiation: gradients of every order, in forward and in reverse mode, consist of these three
operations.

This matters on CPU, where XLA has a fast convolution for one layout only: NHWC images and HWIO kernels. The
gradients that JAX derives have other layouts; in loops (`jax.lax.scan`, `fori_loop`) they take up to a
hundred times as long (``python benchmarks/kernels.py``). On CPU the three operations are therefore lowered to
the fast layout with explicit transposes (`jaxgan.layers.kernels.lowerings`), or, where there are many
channels, to matrix products with fewer multiplications (`jaxgan.layers.kernels.winograd`). On GPU and TPU
they are lowered to the convolutions of `jax.lax`, those of small groups on TPU as fewer and larger groups.

References:
    Dumoulin and Visin 2016, A guide to convolution arithmetic for deep learning, chapter 4,
    https://arxiv.org/abs/1603.07285
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax._src.dispatch import prim_requires_devices_during_lowering  # it has no public name
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir
from jaxtyping import Array, Float

from jaxgan.layers.kernels import lowerings, winograd
from jaxgan.layers.kernels.lowerings import Window

Lowering = Callable[..., jax.Array]  # (first, second, window) -> result
Images = Float[Array, "member batch height width channel"]
Kernels = Float[Array, "member rows columns channel feature"]
Features = Float[Array, "member batch vertical horizontal feature"]


def _bind(primitive: Primitive, first: jax.Array, second: jax.Array, window: Window) -> jax.Array:
    """Apply a primitive to arrays that are first made to vary over the same axes of a `jax.shard_map`."""
    axes = [jax.typeof(x).manual_axis_type.varying for x in (first, second)]
    if missing := tuple(axes[1] - axes[0]):
        first = jax.lax.pcast(first, missing, to="varying")
    if missing := tuple(axes[0] - axes[1]):
        second = jax.lax.pcast(second, missing, to="varying")
    return primitive.bind(first, second, window=window)


def _primitive(
    name: str,
    shape: Callable,
    general: Lowering,
    cpu: Lowering,
    by_tiles: Lowering,
    *,
    axes: tuple[int, int],
    second_is_kernel: bool,
    gpu: Lowering,
) -> Primitive:
    """Make one of the three primitives.

    Args:
        name: the primitive's name.
        shape: ``(shape of the first argument, shape of the second, window) -> shape of the result``, all
            without the member axis.
        general: the lowering of all members for other platforms than CPU and GPU.
        cpu: the lowering of one member for CPU by convolutions in the fast layout.
        by_tiles: the lowering of one member for CPU with fewer multiplications.
        axes: the contracted axis of each argument where both are matrices.
        second_is_kernel: whether the second argument is a kernel. The first one then has a batch axis, which
            a mapped axis can join.
        gpu: the lowering of all members for GPUs.
    """
    primitive = Primitive(name)

    def result(first, second, *, window):
        members = first.shape[0]  # The update below keeps the mesh axes over which the first argument varies.
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
        def product(first, second):
            result = shape(first.shape, second.shape, window)
            return lowerings.product(first, second, axes).reshape(result)

        return jax.vmap(product)(first, second)

    def lower_by(all_members):
        def lower(first, second, *, window):
            if window.point:
                return at_a_point(first, second, window=window)
            return all_members(first, second, window)

        return mlir.lower_fun(lower, multiple_results=False)

    def lower_cpu(first, second, *, window):
        if window.point:
            return at_a_point(first, second, window=window)
        channels = second.shape[-2] if second_is_kernel else first.shape[-1]
        lowering = by_tiles if winograd.suits(window, first.shape[1], channels, second.shape[-1]) else cpu
        if len(first) == 1:
            return lowering(first[0], second[0], window)[None]
        # One member after the other: a grouped convolution of all members is slow on CPU.
        return jax.lax.map(lambda pair: lowering(*pair, window), (first, second))

    primitive.def_impl(jax.jit(primitive.bind, static_argnames="window"))
    primitive.def_abstract_eval(result)
    batching.primitive_batchers[primitive] = batch
    mlir.register_lowering(primitive, lower_by(general))
    mlir.register_lowering(primitive, lower_by(gpu), platform="gpu")
    mlir.register_lowering(primitive, mlir.lower_fun(lower_cpu, multiple_results=False), platform="cpu")
    return primitive


def _mapped_size(arguments: Sequence[jax.Array], axes: Sequence[int | None]) -> int:
    return next(x.shape[axis] for x, axis in zip(arguments, axes, strict=True) if axis is not None)


def _family(
    general: tuple[Lowering, Lowering, Lowering], gpu: tuple[Lowering, Lowering, Lowering]
) -> tuple[Primitive, Primitive, Primitive]:
    """Return the three primitives; each differentiates to others of the family.

    Args:
        general: the lowerings of the three for other platforms than CPU and GPU.
        gpu: those for GPUs.
    """
    conv_p = _primitive(
        "conv",
        lambda images, kernel, window: (images[0], *window.positions, kernel[3]),
        general[0],
        lowerings.conv,
        winograd.conv,
        axes=(1, 0),
        second_is_kernel=True,
        gpu=gpu[0],
    )
    input_p = _primitive(
        "conv_input_grad",
        lambda features, kernel, window: (features[0], *window.image, kernel[2]),
        general[1],
        lowerings.conv_input_grad,
        winograd.conv_input_grad,
        axes=(1, 1),
        second_is_kernel=True,
        gpu=gpu[1],
    )
    kernel_p = _primitive(
        "conv_kernel_grad",
        lambda images, features, window: (*window.taps, images[3], features[3]),
        general[2],
        lowerings.conv_kernel_grad,
        winograd.conv_kernel_grad,
        axes=(0, 0),
        second_is_kernel=False,
        gpu=gpu[2],
    )
    # Each rule maps a cotangent and the other argument to the gradient with respect to one argument.
    ad.defbilinear(
        conv_p,
        lambda features, images, kernels, *, window: _bind(input_p, features, kernels, window),
        lambda features, images, kernels, *, window: _bind(kernel_p, images, features, window),
    )
    ad.defbilinear(
        input_p,
        lambda images, features, kernels, *, window: _bind(conv_p, images, kernels, window),
        lambda images, features, kernels, *, window: _bind(kernel_p, images, features, window),
    )
    ad.defbilinear(
        kernel_p,
        lambda kernels, images, features, *, window: _bind(input_p, features, kernels, window),
        lambda kernels, images, features, *, window: _bind(conv_p, images, kernels, window),
    )
    return conv_p, input_p, kernel_p


_LAX = lowerings.lax_conv, lowerings.lax_conv_input_grad, lowerings.lax_conv_kernel_grad
_conv_p, _conv_input_grad_p, _conv_kernel_grad_p = _family(_LAX, gpu=_LAX)
# XLA adds up the gradients by kernels over the devices by itself. On TPUs JAX has no `custom_partitioning`:
# https://github.com/jax-ml/jax/issues/38196.
_GROUPED = _family(
    (lowerings.block_conv, lowerings.block_conv_input_grad, lowerings.block_conv_kernel_grad),
    gpu=(lowerings.shared_conv, lowerings.shared_conv_input_grad, lowerings.lax_conv_kernel_grad),
)
prim_requires_devices_during_lowering.update(_GROUPED)


def conv(images: Images, kernels: Kernels, *, window: Window) -> Features:
    """Convolve the images of each member with the member's kernel.

    Args:
        images: ``[G, B, *window.image, C]`` for G members.
        kernels: ``[G, *window.taps, C, F]``.
        window: sizes of the convolution.

    Returns:
        Features ``[G, B, *window.positions, F]``.
    """
    return _bind(_conv_p, images, kernels, window)


def conv_input_grad(features: Features, kernels: Kernels, *, window: Window) -> Images:
    """Return the gradient of `conv` with respect to its images, for a cotangent of features.

    Args:
        features: ``[G, B, *window.positions, F]``.
        kernels: ``[G, *window.taps, C, F]``.
        window: sizes of the convolution.

    Returns:
        Images ``[G, B, *window.image, C]``.
    """
    return _bind(_conv_input_grad_p, features, kernels, window)


def conv_kernel_grad(images: Images, features: Features, *, window: Window) -> Kernels:
    """Return the gradient of `conv` with respect to its kernels, for a cotangent of features.

    Args:
        images: ``[G, B, *window.image, C]``.
        features: ``[G, B, *window.positions, F]``.
        window: sizes of the convolution.

    Returns:
        Kernels ``[G, *window.taps, C, F]``.
    """
    return _bind(_conv_kernel_grad_p, images, features, window)


def grouped_conv(images: Images, kernels: Kernels, *, window: Window) -> Features:
    """Return the groups of a grouped convolution, as `conv` does of members.

    Where the compiler spreads a batch over GPUs, each computes its own images. A TPU computes several groups
    with one kernel.
    """
    return _bind(_GROUPED[0], images, kernels, window)
