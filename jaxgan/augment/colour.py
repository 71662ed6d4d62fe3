"""ADA's colour transformations: one 4x4 matrix for homogeneous colours ``(red, green, blue, 1)``."""

from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import erfinv
from jaxtyping import Array, Float

Matrix = Float[Array, "4 4"]
Picture = Float[Array, "height width channel"]
_product = partial(jnp.matmul, precision="highest")


class Colour(NamedTuple):
    """What is done to a picture's colours, in this order; the defaults do nothing.

    Attributes:
        brightness: added to each channel.
        contrast: factor, around 0 (mid-grey).
        luma_flip: 1 mirrors lightness and keeps hue and saturation, 0 does not.
        hue: rotation around the grey axis, radians.
        saturation: factor of the distance to the grey axis.
    """

    brightness: jax.Array | float = 0.0
    contrast: jax.Array | float = 1.0
    luma_flip: jax.Array | float = 0.0
    hue: jax.Array | float = 0.0
    saturation: jax.Array | float = 1.0


def choose_colour(uniform: Float[Array, "10"], p: Float[Array, ""], *, grey: bool) -> Colour:
    """Choose each transformation with probability `p`; else, and for grey in hue and saturation, none.

    Args:
        uniform: random numbers in (-1, 1).
        p: probability of each, in [0, 1].
        grey: whether the picture has one channel.

    References:
        Karras et al. 2020, appendix B: colour transformations.
    """
    chance, uniform, normal = uniform[:5], uniform[5:7], jnp.sqrt(2.0) * erfinv(uniform[7:])
    chosen = Colour(
        brightness=0.2 * normal[0],
        contrast=jnp.exp2(0.5 * normal[1]),
        luma_flip=jnp.floor(uniform[0] + 1),
        hue=0.0 if grey else jnp.pi * uniform[1],
        saturation=1.0 if grey else jnp.exp2(normal[2]),
    )
    return jax.tree.map(jnp.where, Colour(*(jnp.abs(chance) < p)), chosen, Colour())


def colour_matrix(colour: Colour) -> Matrix:
    """Return the product of the five transformations.

    References:
        Karras et al. 2020, appendix B: all but brightness keep the grey axis ``v = (1, 1, 1) / sqrt(3)``; the
        luma flip is the reflection ``I - 2 v v^T``.
    """
    grey = jnp.full((3, 3), 1 / 3)  # v v^T
    colours = jnp.eye(3) - grey  # what is left of a colour without its grey
    across = jnp.array([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / jnp.sqrt(3)  # colour -> v x colour
    steps = [
        _affine(jnp.eye(3), colour.brightness),
        _affine(colour.contrast * jnp.eye(3)),
        _affine(jnp.eye(3) - 2 * colour.luma_flip * grey),
        _affine(jnp.eye(3) + (jnp.cos(colour.hue) - 1) * colours + jnp.sin(colour.hue) * across),
        _affine(jnp.eye(3) + (colour.saturation - 1) * colours),
    ]
    return reduce(lambda done, step: _product(step, done), steps)


def recolour(picture: Picture, matrix: Matrix) -> Picture:
    """Return the picture with the matrix applied to each pixel; to a grey one, as to ``(l, l, l)``."""
    matrix = matrix.astype(picture.dtype)
    if picture.shape[-1] == 1:  # the mean of the three results, which are the same if all colours are grey
        return matrix[:3, :3].sum() / 3 * picture + matrix[:3, 3].mean()
    turned = jnp.einsum("ij,hwj->hwi", matrix[:3, :3], picture, precision="highest")
    return turned + matrix[None, None, :3, 3]


def _affine(linear: Float[Array, "3 3"], added: jax.Array | float = 0.0) -> Matrix:
    column = jnp.full((3, 1), added, jnp.float32)
    return jnp.block([[linear, column], [jnp.zeros((1, 3)), jnp.ones((1, 1))]])
