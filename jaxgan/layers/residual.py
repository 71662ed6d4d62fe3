"""The residual block of many GANs: two 3x3 convolutions beside a shortcut, which also double or halve."""

from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers.convolution import Conv, ConvDownsample, UpsampleConv
from jaxgan.layers.spectral_norm import apply_layer

Maps = Float[Array, "batch height width channel"]

glorot = nn.initializers.xavier_uniform()
wide_glorot = nn.initializers.variance_scaling(2.0, "fan_avg", "uniform")  # Glorot's, with gain sqrt(2)


class ResidualBlock(nn.Module):
    """Return ``shortcut(x) + second(ReLU(norm(first(ReLU(norm(x))))))``, which may have another size.

    A block that doubles its maps does so before the first convolution, one that halves them takes the mean of
    2x2 pixels after the second. The shortcut is the identity, or a 1x1 convolution with the same doubling or
    halving. A 1x1 convolution commutes with both, so it works on the smaller maps, in whichever order a paper
    has them. Doubling by repeated pixels and halving are each part of the 3x3 convolution beside it
    (`UpsampleConv`, `ConvDownsample`).

    Attributes:
        features: number of output channels.
        hidden: number of channels between the two convolutions; None for `features`.
        resample: "up", "down" or None.
        upsampling: "nearest" repeats pixels; "bilinear" interpolates between them, as mimicry does.
        learned_shortcut: whether the shortcut has a 1x1 convolution; None: where the block resamples or its
            number of channels changes.
        activate_first: whether normalization and ReLU come before the first convolution too. A
            discriminator's first block sees an image and has none there.
        spectral: whether the convolutions have spectral normalization.
        kernel_init: initializer of the 3x3 kernels.
        shortcut_init: initializer of the 1x1 kernel.

    Raises:
        ValueError: if `resample` or `upsampling` is none of these.

    References:
        He et al. 2016, Identity Mappings in Deep Residual Networks, https://arxiv.org/abs/1603.05027, the
        order of normalization, ReLU and convolution.
        Miyato et al. 2018, Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957, appendix B.4.
    """

    features: int
    hidden: int | None = None
    resample: str | None = None
    upsampling: str = "nearest"
    learned_shortcut: bool | None = None
    activate_first: bool = True
    spectral: bool = False
    kernel_init: nn.initializers.Initializer = wide_glorot
    shortcut_init: nn.initializers.Initializer = glorot

    def __post_init__(self) -> None:
        if self.resample not in ("up", "down", None):
            raise ValueError(f"resample is 'up', 'down' or None, got {self.resample!r}")
        if self.upsampling not in ("nearest", "bilinear"):
            raise ValueError(f"upsampling is 'nearest' or 'bilinear', got {self.upsampling!r}")
        super().__post_init__()

    @nn.compact
    def __call__(
        self,
        inputs: Maps,
        normalize: Callable[[jax.Array], jax.Array] = lambda features: features,
        *,
        train: bool,
    ) -> Float[Array, "batch rows columns feature"]:
        """Return the block's features.

        Args:
            inputs: ``[B, H, W, C]``; H and W are even where the block halves.
            normalize: ``maps -> maps`` before each ReLU. A layer that it makes becomes part of the block.
            train: whether to store the vectors of the power iterations.

        Returns:
            ``[B, H', W', features]``, where H' and W' are twice, half or once H and W.
        """

        def apply(layer: nn.Module, maps: jax.Array) -> jax.Array:
            return apply_layer(layer, maps, spectral=self.spectral, train=train)

        def convolution(layer: type[Conv], features: int, name: str) -> Conv:
            return layer(features, (3, 3), kernel_init=self.kernel_init, name=name)

        maps = nn.relu(normalize(inputs)) if self.activate_first else inputs
        first, second = Conv, ConvDownsample if self.resample == "down" else Conv
        if self.resample == "up" and self.upsampling == "nearest":
            first = UpsampleConv
        elif self.resample == "up":
            maps = double(maps, self.upsampling)
        maps = apply(convolution(first, self.hidden or self.features, "first"), maps)
        maps = apply(convolution(second, self.features, "second"), nn.relu(normalize(maps)))

        shortcut = mean_pool(inputs) if self.resample == "down" else inputs
        changes = self.resample is not None or inputs.shape[-1] != self.features
        if changes if self.learned_shortcut is None else self.learned_shortcut:
            layer = Conv(self.features, (1, 1), kernel_init=self.shortcut_init, name="shortcut")
            shortcut = apply(layer, shortcut)
        if self.resample == "up":
            shortcut = double(shortcut, self.upsampling)
        return shortcut + maps


def double(maps: Maps, method: str = "nearest") -> Float[Array, "batch rows columns channel"]:
    """Double the height and width of feature maps.

    Args:
        maps: ``[B, H, W, C]``.
        method: "nearest" repeats each pixel; "bilinear" mixes three quarters of the nearest pixel and a
            quarter of the next one, along both axes, and repeats pixels at the edges.

    Returns:
        ``[B, 2 H, 2 W, C]``.
    """
    for axis in (1, 2):
        if method == "nearest":
            pair = [maps, maps]
        else:
            size = maps.shape[axis]
            first, last = (jax.lax.slice_in_dim(maps, i, i + 1, axis=axis) for i in (0, size - 1))
            before = jnp.concatenate([first, jax.lax.slice_in_dim(maps, 0, size - 1, axis=axis)], axis)
            after = jnp.concatenate([jax.lax.slice_in_dim(maps, 1, size, axis=axis), last], axis)
            pair = [0.75 * maps + 0.25 * neighbor for neighbor in (before, after)]
        shape = list(maps.shape)
        shape[axis] *= 2
        maps = jnp.stack(pair, axis=axis + 1).reshape(shape)
    return maps


def mean_pool(maps: Maps) -> Float[Array, "batch rows columns channel"]:
    """Return the means of 2x2 pixels, ``[B, H / 2, W / 2, C]``; H and W are even."""
    batch, height, width, channels = maps.shape
    return maps.reshape(batch, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))
