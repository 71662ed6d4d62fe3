"""Spectral normalization that does not change the stored kernels.

It differs from linen's `SpectralNorm` in two ways. linen stores the *divided* kernels at initialization: a
kernel with a wanted standard deviation of 0.02 begins with about 0.2, and the learning rate acts relative to
that. And linen never normalizes a kernel again that was zero once.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

_SMALLEST_NORM = 1e-12  # A vector or a kernel below this norm counts as zero.


class SpectralNorm(nn.Module):
    """A layer whose kernel is divided by its largest singular value.

        SpectralNorm(nn.Conv(64, (4, 4)))(images, train=train)

    The kernel counts as a matrix with one column per output feature: ``[height * width * inputs, outputs]``
    for Conv and for ConvTranspose (with linen's default kernel layout). Biases stay as they are. A kernel of
    zeros stays zero.

    Each call makes one power iteration, starting from the vector that the last call in training stored. So
    the estimate of the singular value follows the kernel during training. For a new kernel it may be a
    quarter too small; after some tens of calls it is accurate. The gradient goes through the singular value
    and not through the iteration.

    The singular value of that matrix is not the norm of the convolution, which also depends on how often
    patches overlap: a 4x4 kernel at stride 2 may stretch images by 2 = ceil(4 / 2), a 3x3 kernel at stride 1
    by 3.

    The collection ``batch_stats`` holds, for each kernel, the vector ``u`` (one entry per output) and the
    value ``sigma`` of the last call in training. Both depend on the weights only, so that devices agree.

    Attributes:
        layer: Dense, Conv, ConvTranspose, Embed or any module that takes one array; each parameter with two
            or more axes is divided by its own singular value.

    References:
        Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957, eq. 8
        and algorithm 1; eq. 12 (the gradient); section 4 (the matrix of a convolution).
    """

    layer: Any  # a module; another thing is refused in a sentence

    @nn.compact
    def __call__(self, inputs: jax.Array, *, train: bool) -> jax.Array:
        """Return the layer's output; with `train`, store the vector of this call's power iteration.

        Raises:
            ValueError: if the layer is no module.
        """
        if not isinstance(self.layer, nn.Module):
            raise ValueError(f"SpectralNorm takes a module, such as nn.Dense(1), got {self.layer!r}")
        if self.is_initializing():
            self.layer(inputs)  # This makes the parameters, before the division below could.
        divide = partial(jax.tree_util.tree_map_with_path, partial(self._divide, train=train))
        return nn.map_variables(lambda layer: layer(inputs), "params", divide)(self.layer)

    def _divide(self, path, kernel: jax.Array, *, train: bool) -> jax.Array:
        if kernel.ndim < 2:
            return kernel
        matrix = kernel.reshape(-1, kernel.shape[-1])
        name = "/".join([str(self.layer.name), *(entry.key for entry in path[1:])])
        u = self.variable("batch_stats", f"{name}/u", self._start, matrix)
        stored_sigma = self.variable("batch_stats", f"{name}/sigma", jnp.ones, (), matrix.dtype)
        fixed = jax.lax.stop_gradient(matrix)
        left = _unit(fixed @ u.value)
        right = _unit(left @ fixed)
        sigma = left @ matrix @ right
        is_zero = sigma < _SMALLEST_NORM
        if train:
            u.value = jnp.where(is_zero, u.value, right)  # A zero vector would stay zero forever.
            stored_sigma.value = jax.lax.stop_gradient(sigma)
        return (kernel / jnp.where(is_zero, 1.0, sigma)).astype(kernel.dtype)

    def _start(self, matrix: jax.Array) -> jax.Array:
        return jax.random.normal(self.make_rng("params"), matrix.shape[1:], matrix.dtype)


def apply_layer(layer: nn.Module, inputs: jax.Array, *, spectral: bool, train: bool) -> jax.Array:
    """Return a layer's output, with spectral normalization where asked; call it in a compact method.

    The layer's parameters have the same place with and without. `train` is `SpectralNorm`'s.
    """
    return SpectralNorm(layer)(inputs, train=train) if spectral else layer(inputs)


def _unit(vector: jax.Array) -> jax.Array:
    return vector / jnp.maximum(jnp.linalg.norm(vector), _SMALLEST_NORM)
