"""Adaptive discriminator augmentation: many kinds, each with a probability that overfitting sets.

A transformation that is applied with a probability below one does not leak into what the generator makes,
even where always applying it would (a picture turned by a random right angle has lost its upright; one
that is turned only sometimes has not). So many kinds can be used, and one number says how much.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.augment.colour import choose_colour, colour_matrix, recolour
from jaxgan.augment.examples import Amount, Augmentation, amount_at, check, check_pictures, draw
from jaxgan.augment.geometry import choose_geometry, inverse_matrix, warp

Scalar = float | int | Float[Array, ""]


def ada(*, p: Amount, blit: bool = True, geometric: bool = True, colour: bool = True) -> Augmentation:
    """Flip, turn, shift, scale, stretch and recolour pictures, each with probability `p`.

    ===========  ===========================================================================================
    blit         mirror left and right (1/2); turn by 0 to 3 right angles; shift by whole pixels up to 1/8
    geometric    scale by ``2^N(0, .2^2)``; rotate before or after stretching x by ``2^N(0, .2^2)``
                 and y by its inverse; shift by ``N(0, (1/8)^2)`` of width and height
    colour       brightness ``N(0, .2^2)``; contrast ``2^N(0, .5^2)``; luma flip (1/2); hue rotation;
                 saturation ``2^N(0, 1)``; for grey pictures only the first three
    ===========  ===========================================================================================

    The first two rows become one matrix and one warp, the colours one matrix; where nothing was drawn, the
    picture comes out bit for bit. The authors warp at twice the resolution, between two wavelet filters, and
    pad by reflection as far as is needed. Here pictures are mirrored without end and resampled bilinearly at
    their own resolution: warped pictures, real and fake alike, are a little softer, and shrunken ones a
    little more aliased. Right angles move pixels as they are where height and width are both even or both
    odd. The paper's filtering, noise and cutout are left out, as in the set that it recommends.

    Args:
        p: probability of each kind, in [0, 1]; a number, a schedule of the step, or a traced scalar.
        blit: use the first row.
        geometric: use the second row.
        colour: use the third row.

    Returns:
        An `Augmentation` for pictures ``[B, H, W, C]``; C is 1 or 3 where `colour` is on, else anything.

    Raises:
        ValueError: here for a number out of range; when it is called (at trace time), for data that are not
            pictures, for other channels, or if there is not one key per example.

    References:
        Karras et al. 2020, section 2.2 and appendix B.
    """
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise ValueError(f"p is a probability, 0 to 1, got {p}")

    def augment(images, *, keys, step=0):
        check_pictures(images, colour=colour)
        keys, chance = check(images, keys), jnp.asarray(amount_at(p, step), jnp.float32)

        def one(key, picture):
            numbers = draw(key, 28)
            if blit or geometric:
                size = picture.shape[:2]
                chosen = choose_geometry(numbers[:18], chance, size=size, blit=blit, geometric=geometric)
                inverse = inverse_matrix(chosen)
                picture = jnp.where((inverse == jnp.eye(3)).all(), picture, warp(picture, inverse))
            if colour:
                matrix = colour_matrix(choose_colour(numbers[18:], chance, grey=picture.shape[-1] == 1))
                picture = jnp.where((matrix == jnp.eye(4)).all(), picture, recolour(picture, matrix))
            return picture

        return jax.vmap(one)(keys, images)

    return augment


def sign_statistic(real_logits: Float[Array, " batch"]) -> Float[Array, ""]:
    """Return the overfitting heuristic ``r_t = E[sign(D(real))]``.

    Args:
        real_logits: the discriminator's logits of (augmented) training images, [B].

    Returns:
        Between -1 and 1: about 0 while real and fake look alike, 1 when all real images are known as such.

    References:
        Karras et al. 2020, eq. 1.
    """
    return jnp.sign(real_logits).mean()


def ada_update(
    p: Scalar, sign_statistic: Scalar, *, images: int, target: float = 0.6, ramp: int = 500_000
) -> Float[Array, ""]:
    """Return the next probability: a little more where the discriminator overfits, else a little less.

    Args:
        p: probability so far, in [0, 1].
        sign_statistic: mean of `sign_statistic` since the last update, in [-1, 1].
        images: real images that the discriminator has seen since the last update; the paper adjusts every 4
            batches of 64.
        target: the statistic aimed at.
        ramp: images in which p can go from 0 to 1.

    Returns:
        The probability, in [0, 1].

    References:
        Karras et al. 2020, section 3.
    """
    step = jnp.sign(jnp.asarray(sign_statistic) - target) * images / ramp
    return jnp.clip(p + step, 0.0, 1.0)
