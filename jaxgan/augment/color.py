"""ADA's color transformations: one 4x4 matrix for homogeneous colors ``(red, green, blue, 1)``."""

from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import erfinv
from jaxtyping import Array, Float

Matrix = Float[Array, "4 4"]
Picture = Float[Array, "height width channel"]
_product = partial(jnp.matmul, precision="highest")


class Color(NamedTuple):
    """Changes of a picture's colors, applied in this order; the defaults change nothing.

    Attributes:
        brightness: summand of each channel.
        contrast: factor, around 0 (mid-gray).
        luma_flip: 1 inverts lightness and keeps hue and saturation; 0 changes nothing.
        hue: rotation around the gray axis, radians.
        saturation: factor of the distance to the gray axis.
    """

    brightness: jax.Array | float = 0.0
    contrast: jax.Array | float = 1.0
    luma_flip: jax.Array | float = 0.0
    hue: jax.Array | float = 0.0
    saturation: jax.Array | float = 1.0


def choose_color(uniform: Float[Array, "10"], p: Float[Array, ""], *, gray: bool) -> Color:
    """Choose each transformation with probability `p`; gray pictures keep hue and saturation.

    Args:
        uniform: random numbers in (-1, 1).
        p: probability of each transformation, in [0, 1].
        gray: whether the picture has one channel.

    Returns:
        The transformations; those that were not chosen have their defaults.

    References:
        Karras et al. 2020, appendix B: color transformations.
    """
    chance, uniform, normal = uniform[:5], uniform[5:7], jnp.sqrt(2.0) * erfinv(uniform[7:])
    drawn = Color(
        brightness=0.2 * normal[0],
        contrast=jnp.exp2(0.5 * normal[1]),
        luma_flip=jnp.floor(uniform[0] + 1),
        hue=0.0 if gray else jnp.pi * uniform[1],
        saturation=1.0 if gray else jnp.exp2(normal[2]),
    )
    return jax.tree.map(jnp.where, Color(*(jnp.abs(chance) < p)), drawn, Color())


def color_matrix(color: Color) -> Matrix:
    """Return the product of the five transformations.

    References:
        Karras et al. 2020, appendix B: all but brightness keep the gray axis ``v = (1, 1, 1) / sqrt(3)``; the
        luma flip is the reflection ``I - 2 v v^T``.
    """
    gray = jnp.full((3, 3), 1 / 3)  # v v^T
    chroma = jnp.eye(3) - gray  # maps a color to its difference from gray
    cross = jnp.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / jnp.sqrt(3)  # maps a color to v x color
    steps = [
        _affine(jnp.eye(3), color.brightness),
        _affine(color.contrast * jnp.eye(3)),
        _affine(jnp.eye(3) - 2 * color.luma_flip * gray),
        _affine(jnp.eye(3) + (jnp.cos(color.hue) - 1) * chroma + jnp.sin(color.hue) * cross),
        _affine(jnp.eye(3) + (color.saturation - 1) * chroma),
    ]
    return reduce(lambda product, step: _product(step, product), steps)


def recolor(picture: Picture, matrix: Matrix) -> Picture:
    """Apply the matrix to each pixel; a gray pixel l counts as the color ``(l, l, l)``."""
    matrix = matrix.astype(picture.dtype)
    if picture.shape[-1] == 1:  # the mean of the three results, which are equal if all colors are gray
        return matrix[:3, :3].sum() / 3 * picture + matrix[:3, 3].mean()
    colors = jnp.einsum("ij,hwj->hwi", matrix[:3, :3], picture, precision="highest")
    return colors + matrix[None, None, :3, 3]


def _affine(linear: Float[Array, "3 3"], offset: jax.Array | float = 0.0) -> Matrix:
    column = jnp.full((3, 1), offset, jnp.float32)
    return jnp.block([[linear, column], [jnp.zeros((1, 3)), jnp.ones((1, 1))]])
