"""The Inception-v3 of 2015 whose third pooling layer makes the features of FID.

It is not the network of torchvision or Keras. It was trained in another way, and resizes its input as
TensorFlow 1 did. Its average pools leave the padding out, and its last block pools by the maximum instead of
the average.

References:
    Szegedy et al. 2016, Rethinking the Inception Architecture, https://arxiv.org/abs/1512.00567, table 1
    Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, https://arxiv.org/abs/1706.08500
"""

from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

SIZE = 299
Images = Float[Array, "batch _ _ _"]


class Unit(NamedTuple):
    """A convolution with batch normalization and ReLU: its name, width, kernel and stride."""

    name: str
    width: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    padding: str | None = None  # None: SAME, or VALID with a stride

    @property
    def edges(self) -> str:
        """The padding of the edges, "SAME" or "VALID"."""
        return self.padding or ("SAME" if self.stride == 1 else "VALID")


Step = Unit | tuple[Unit, Unit] | str  # a unit, two beside each other, or a pool
Branches = tuple[tuple[Step, ...], ...]


def _double_3x3(width: int, last_stride: int = 1) -> tuple[Step, ...]:
    name = "branch3x3dbl"
    return (
        Unit(f"{name}_1", 64),
        Unit(f"{name}_2", 96, (3, 3)),
        Unit(f"{name}_3", width, (3, 3), last_stride),
    )


def _block_a(pool_width: int) -> Branches:
    return (
        (Unit("branch1x1", 64),),
        (Unit("branch5x5_1", 48), Unit("branch5x5_2", 64, (5, 5))),
        _double_3x3(96),
        ("average", Unit("branch_pool", pool_width)),
    )


def _block_c(width: int) -> Branches:
    wide, high, name = (1, 7), (7, 1), "branch7x7dbl"
    return (
        (Unit("branch1x1", 192),),
        (Unit("branch7x7_1", width), Unit("branch7x7_2", width, wide), Unit("branch7x7_3", 192, high)),
        (
            Unit(f"{name}_1", width),
            Unit(f"{name}_2", width, high),
            Unit(f"{name}_3", width, wide),
            Unit(f"{name}_4", width, high),
            Unit(f"{name}_5", 192, wide),
        ),
        ("average", Unit("branch_pool", 192)),
    )


def _block_e(pool: str) -> Branches:
    wide, high = (1, 3), (3, 1)
    return (
        (Unit("branch1x1", 320),),
        (Unit("branch3x3_1", 384), (Unit("branch3x3_2a", 384, wide), Unit("branch3x3_2b", 384, high))),
        (
            Unit("branch3x3dbl_1", 448),
            Unit("branch3x3dbl_2", 384, (3, 3)),
            (Unit("branch3x3dbl_3a", 384, wide), Unit("branch3x3dbl_3b", 384, high)),
        ),
        (pool, Unit("branch_pool", 192)),
    )


STEM: tuple[Step, ...] = (
    Unit("Conv2d_1a_3x3", 32, (3, 3), 2),
    Unit("Conv2d_2a_3x3", 32, (3, 3), padding="VALID"),
    Unit("Conv2d_2b_3x3", 64, (3, 3)),
    "halve",
    Unit("Conv2d_3b_1x1", 80),
    Unit("Conv2d_4a_3x3", 192, (3, 3), padding="VALID"),
    "halve",
)

BLOCKS: dict[str, Branches] = {
    "Mixed_5b": _block_a(32),
    "Mixed_5c": _block_a(64),
    "Mixed_5d": _block_a(64),
    "Mixed_6a": ((Unit("branch3x3", 384, (3, 3), 2),), _double_3x3(96, 2), ("halve",)),
    "Mixed_6b": _block_c(128),
    "Mixed_6c": _block_c(160),
    "Mixed_6d": _block_c(160),
    "Mixed_6e": _block_c(192),
    "Mixed_7a": (
        (Unit("branch3x3_1", 192), Unit("branch3x3_2", 320, (3, 3), 2)),
        (
            Unit("branch7x7x3_1", 192),
            Unit("branch7x7x3_2", 192, (1, 7)),
            Unit("branch7x7x3_3", 192, (7, 1)),
            Unit("branch7x7x3_4", 192, (3, 3), 2),
        ),
        ("halve",),
    ),
    "Mixed_7b": _block_e("average"),
    "Mixed_7c": _block_e("maximum"),
}

POOLS = {
    "average": lambda images: nn.avg_pool(images, (3, 3), padding="SAME", count_include_pad=False),
    "maximum": lambda images: nn.max_pool(images, (3, 3), padding="SAME"),
    "halve": lambda images: nn.max_pool(images, (3, 3), (2, 2)),
}


class ConvNorm(nn.Module):
    """A `Unit` as a module."""

    unit: Unit

    @nn.compact
    def __call__(self, images: Images) -> Images:
        """Return the activations, >= 0."""
        _, width, kernel, stride, _ = self.unit
        hidden = nn.Conv(
            width,
            kernel,
            (stride, stride),
            self.unit.edges,
            use_bias=False,
            precision=jax.lax.Precision.HIGHEST,
            name="conv",
        )(images)
        return nn.relu(nn.BatchNorm(use_running_average=True, epsilon=1e-3, name="bn")(hidden))


class Mixed(nn.Module):
    """Branches side by side."""

    branches: Branches

    @nn.compact
    def __call__(self, images: Images) -> Images:
        """Return the channels of all branches, one after another."""
        return jnp.concatenate([_follow(branch, images) for branch in self.branches], axis=-1)


class Inception(nn.Module):
    """Images in [0, 255] of any size to pool3 features and logits (without bias, as the Inception score)."""

    @nn.compact
    def __call__(self, images: Images) -> tuple[Float[Array, "batch 2048"], Float[Array, "batch 1008"]]:
        """Return the features and the logits."""
        hidden = _follow(STEM, (resize(images, SIZE) - 128) / 128)
        for name, branches in BLOCKS.items():
            hidden = Mixed(branches, name=name)(hidden)
        features = hidden.mean(axis=(1, 2))
        dense = nn.Dense(1008, use_bias=False, precision=jax.lax.Precision.HIGHEST, name="fc")
        return features, dense(features)


def _follow(steps: Sequence[Step], images: Images) -> Images:
    for step in steps:
        if isinstance(step, str):
            images = POOLS[step](images)
        elif isinstance(step, Unit):
            images = ConvNorm(step, name=step.name)(images)
        else:
            images = jnp.concatenate([ConvNorm(unit, name=unit.name)(images) for unit in step], axis=-1)
    return images


def resize(images: Images, size: int) -> Images:
    """Resize to ``size x size`` bilinearly as TensorFlow 1 did: from the corner, and without antialiasing.

    Pixel i of the result lies at ``i * old / new``; elsewhere it is ``(i + 1/2) * old / new - 1/2``.
    """
    for axis in (2, 1):
        old = images.shape[axis]
        positions = np.arange(size, dtype=np.float32) * np.float32(old / size)
        low = np.minimum(positions.astype(int), old - 1)
        share = (positions - low).reshape([-1 if i == axis else 1 for i in range(4)])
        lower = images.take(low, axis)
        images = lower + (images.take(np.minimum(low + 1, old - 1), axis) - lower) * share
    return images
