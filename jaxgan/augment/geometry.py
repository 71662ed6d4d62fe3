"""ADA's geometric transformations: one 3x3 matrix, one warp.

A position is ``(x, y, 1)``, in pixels from the center of the picture; x points right and y points down.
"""

from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates
from jax.scipy.special import erfinv
from jaxtyping import Array, Float

Matrix = Float[Array, "3 3"]
_product = partial(jnp.matmul, precision="highest")  # With bfloat16 products, positions would be pixels off.


class Geometry(NamedTuple):
    """Movements of a picture, applied in this order; the defaults change nothing.

    Attributes:
        flip: 1 mirrors left and right; 0 changes nothing.
        quarter_turns: rotation by 0, 1, 2 or 3 times 90 degrees.
        shift: whole pixels to the right and down, [2].
        scale: factor, isotropic.
        turn_before: rotation before the stretch, radians.
        stretch: factor of x and divisor of y.
        turn_after: rotation after the stretch, radians.
        offset: pixels to the right and down, [2].
    """

    flip: jax.Array | float = 0
    quarter_turns: jax.Array | int = 0
    shift: jax.Array | np.ndarray = np.zeros(2, np.float32)
    scale: jax.Array | float = 1.0
    turn_before: jax.Array | float = 0.0
    stretch: jax.Array | float = 1.0
    turn_after: jax.Array | float = 0.0
    offset: jax.Array | np.ndarray = np.zeros(2, np.float32)


def choose_geometry(
    uniform: Float[Array, "18"], p: Float[Array, ""], *, size: tuple[int, int], blit: bool, geometric: bool
) -> Geometry:
    """Choose each transformation with probability `p`.

    Args:
        uniform: random numbers in (-1, 1).
        p: probability of each transformation, in [0, 1].
        size: height and width, pixels.
        blit: whether to choose among flips, quarter turns and shifts by whole pixels.
        geometric: whether to choose among scales, rotations, stretches and shifts by fractions of a pixel.

    Returns:
        The transformations; those that were not chosen have their defaults.

    References:
        Karras et al. 2020, appendix B: pixel blitting and general geometric transformations.
    """
    chance, uniform, normal = uniform[:8], uniform[8:14], jnp.sqrt(2.0) * erfinv(uniform[14:])
    width_height = jnp.array(size[::-1], jnp.float32)
    drawn = Geometry(
        flip=jnp.floor(uniform[0] + 1),
        quarter_turns=jnp.floor(2 * (uniform[1] + 1)).astype(jnp.int32),
        shift=jnp.round(uniform[2:4] / 8 * width_height),
        scale=jnp.exp2(0.2 * normal[0]),
        turn_before=jnp.pi * uniform[4],
        stretch=jnp.exp2(0.2 * normal[1]),
        turn_after=jnp.pi * uniform[5],
        offset=normal[2:] / 8 * width_height,
    )
    pixels, general = p * blit, p * geometric
    rotation = 1 - jnp.sqrt(1 - general)  # so that at least one of the two happens with probability p
    limits = [pixels, pixels, pixels, general, rotation, general, rotation, general]
    happens = jnp.abs(chance) < jnp.stack(limits)
    return jax.tree.map(jnp.where, Geometry(*happens), drawn, Geometry())


def inverse_matrix(geometry: Geometry) -> Matrix:
    """Return the matrix that maps a position in the result to the position in the picture that it shows.

    References:
        Karras et al. 2020, appendix B: the inverse of the product of the transformations' matrices.
    """
    cosine, sine = (jnp.array(cycle)[geometry.quarter_turns] for cycle in ([1.0, 0, -1, 0], [0.0, 1, 0, -1]))
    steps = [
        _scaling(1 - 2 * geometry.flip, 1),
        _turn(cosine, -sine),  # The cosines come from a table, so that quarter turns are exact.
        _translation(-geometry.shift),
        _scaling(1 / geometry.scale, 1 / geometry.scale),
        _rotation(-geometry.turn_before),
        _scaling(1 / geometry.stretch, geometry.stretch),
        _rotation(-geometry.turn_after),
        _translation(-geometry.offset),
    ]
    return reduce(_product, steps)


def warp(
    picture: Float[Array, "height width channel"], inverse: Matrix
) -> Float[Array, "height width channel"]:
    """Sample the picture at the positions that `inverse` maps to: bilinear, mirrored at its border pixels."""
    height, width, _ = picture.shape
    center = jnp.array([(width - 1) / 2, (height - 1) / 2], jnp.float32)[:, None, None]
    y, x = jnp.mgrid[:height, :width].astype(jnp.float32)
    positions = jnp.stack([x - center[0], y - center[1], jnp.ones_like(x)])
    sources = jnp.einsum("ij,jhw->ihw", inverse[:2], positions, precision="highest") + center
    sample = partial(map_coordinates, coordinates=[sources[1], sources[0]], order=1, mode="mirror")
    return jax.vmap(sample, in_axes=-1, out_axes=-1)(picture)


def _scaling(x, y) -> Matrix:
    return jnp.array([[x, 0, 0], [0, y, 0], [0, 0, 1]], jnp.float32)


def _translation(shift) -> Matrix:
    x, y = shift
    return jnp.array([[1, 0, x], [0, 1, y], [0, 0, 1]], jnp.float32)


def _rotation(angle) -> Matrix:
    return _turn(jnp.cos(angle), jnp.sin(angle))


def _turn(cosine, sine) -> Matrix:
    return jnp.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]], jnp.float32)
