"""Adaptive discriminator augmentation: many kinds, each with a probability that overfitting sets.

A transformation that is applied with a probability below one does not leak into the generated images, even
where applying it always would. For example, pictures that are always turned by a random right angle no longer
show which side is up; pictures that are turned only sometimes still do. Many kinds of transformation can
therefore be used, and one probability sets the strength of all.

`ada_pipeline` is the set of transformations with a given probability. `sign_statistic` and `ada_update` are
the rule that adapts this probability in training.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.augment.color import choose_color, color_matrix, recolor
from jaxgan.augment.examples import Amount, Augmentation, check_keys, check_pictures, draw, value_at
from jaxgan.augment.geometry import choose_geometry, inverse_matrix, warp

Scalar = float | int | Float[Array, ""]


def ada_pipeline(*, p: Amount, blit: bool = True, geometric: bool = True, color: bool = True) -> Augmentation:
    """Flip, turn, shift, scale, stretch and recolor pictures, each with probability `p` (the paper's "bgc").

    ===========  ===========================================================================================
    blit         mirror left and right (1/2); turn by 0 to 3 right angles; shift by whole pixels up to 1/8
    geometric    scale by ``2^N(0, .2^2)``; rotate before or after stretching x by ``2^N(0, .2^2)``
                 and y by its inverse; shift by ``N(0, (1/8)^2)`` of width and height
    color        brightness ``N(0, .2^2)``; contrast ``2^N(0, .5^2)``; luma flip (1/2); hue rotation;
                 saturation ``2^N(0, 1)``; for gray pictures only the first three
    ===========  ===========================================================================================

    The first two rows become one matrix and one warp; the colors become one matrix. A picture for which no
    transformation was drawn stays the same, bit for bit.

    The resampling differs from the authors'. They warp at twice the resolution, between two wavelet filters,
    and pad by reflection as far as needed. Here pictures are mirrored without end and resampled bilinearly at
    their own resolution, so that warped pictures, real and fake alike, are a little softer, and shrunken ones
    a little more aliased. Turns by right angles are exact where height and width are both even or both odd.
    The paper's filtering, noise and cutout are left out, as in the set that it recommends.

    Args:
        p: probability of each transformation, in [0, 1]; a number, a schedule of the step, or a traced
            scalar. It does not adapt itself: see `ada_update`.
        blit: use the first row.
        geometric: use the second row.
        color: use the third row.

    Returns:
        An `Augmentation` for pictures ``[B, H, W, C]``. With `color`, C is 1 or 3; else it is any number.

    Raises:
        ValueError: if p is a number out of range. The augmentation itself raises it (at trace time) if the
            data are not pictures, the number of channels does not fit, or there is not one key per example.

    References:
        Karras et al. 2020, section 2.2 and appendix B.
    """
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise ValueError(f"p is a probability, 0 to 1, got {p}")

    def augment(images, *, keys, step=0):
        check_pictures(images, color=color)
        keys, probability = check_keys(images, keys), jnp.asarray(value_at(p, step), jnp.float32)

        def augment_one(key, picture):
            numbers = draw(key, 28)
            if blit or geometric:
                geometry = choose_geometry(
                    numbers[:18], probability, size=picture.shape[:2], blit=blit, geometric=geometric
                )
                inverse = inverse_matrix(geometry)
                picture = jnp.where((inverse == jnp.eye(3)).all(), picture, warp(picture, inverse))
            if color:
                colors = choose_color(numbers[18:], probability, gray=picture.shape[-1] == 1)
                matrix = color_matrix(colors)
                picture = jnp.where((matrix == jnp.eye(4)).all(), picture, recolor(picture, matrix))
            return picture

        return jax.vmap(augment_one)(keys, images)

    return augment


def sign_statistic(real_logits: Float[Array, " batch"]) -> Float[Array, ""]:
    """Return the overfitting heuristic ``r_t = E[sign(D(real))]``.

    Args:
        real_logits: the discriminator's logits of (augmented) training images, [B].

    Returns:
        A number in [-1, 1]: about 0 while the discriminator cannot tell real from fake, 1 when it recognizes
        all real images.

    References:
        Karras et al. 2020, eq. 1.
    """
    return jnp.sign(real_logits).mean()


def ada_update(
    p: Scalar, sign_statistic: Scalar, *, images: int, target: Scalar = 0.6, ramp: Scalar = 500_000
) -> Float[Array, ""]:
    """Return the next probability: a little higher if the discriminator overfits, else a little lower.

    Args:
        p: current probability, in [0, 1].
        sign_statistic: mean of `sign_statistic` since the last update, in [-1, 1].
        images: number of real images that the discriminator has seen since the last update; the paper updates
            p every 4 batches of 64.
        target: the wanted value of the statistic, in [-1, 1].
        ramp: number of images in which p can go from 0 to 1.

    Returns:
        The probability, in [0, 1].

    References:
        Karras et al. 2020, section 3.
    """
    step = jnp.sign(jnp.asarray(sign_statistic) - target) * images / ramp
    return jnp.clip(p + step, 0.0, 1.0)
