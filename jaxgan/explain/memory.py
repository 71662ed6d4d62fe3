"""What the inversion of images says of memorization.

A generator that has learned the data makes its training images again about as well as images that it has
not been trained on. One that has stored its training images makes these again better.

References:
    Webster et al. 2019, Detecting Overfitting of Deep Generative Networks via Latent Recovery,
    https://arxiv.org/abs/1901.03396
"""

from typing import Any, NamedTuple

import numpy as np

MOST = 100.0  # dB that an image counts at most: equal images would have infinity
CLEAR = 1.0  # dB of difference below which no one sees a difference
CERTAIN = 3  # standard errors that a difference is to have


class Memory(NamedTuple):
    """Training images against images that were not trained on.

    Attributes:
        difference: mean PSNR of the training images minus that of the others, in dB.
        standard_error: the standard error of the difference.
        sentence: what that says.
    """

    difference: float
    standard_error: float
    sentence: str


def memory_of(learned: Any, held_out: Any) -> Memory:
    """Compare the PSNR of training images with that of images which were not trained on.

    Args:
        learned: PSNR of training images, in dB, ``[n]`` with n >= 2.
        held_out: PSNR of the others, ``[m]`` with m >= 2.
    """
    sets = [np.minimum(np.asarray(psnr, np.float64), MOST) for psnr in (learned, held_out)]
    difference = float(sets[0].mean() - sets[1].mean())
    error = float(np.sqrt(sum(psnr.var(ddof=1) / len(psnr) for psnr in sets)))
    told = f"training minus held-out images: {difference:.1f} dB of PSNR (standard error {error:.1f})"
    if difference > max(CLEAR, CERTAIN * error):
        return Memory(difference, error, f"{told}: the generator remembers some of them")
    return Memory(difference, error, f"{told}: no sign of memorization")
