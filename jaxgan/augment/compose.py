"""Several augmentations in a row."""

from functools import partial

import jax

from jaxgan.augment.examples import Augmentation, check_keys


def compose(*augmentations: Augmentation) -> Augmentation:
    """Apply augmentations in the given order, each with its own draws.

    Args:
        *augmentations: functions ``(images, *, keys, step) -> images``; without any, the images stay as they
            are.

    Returns:
        An `Augmentation` for float data ``[B, ...]``. The n-th piece gets each key folded with n.

    Raises:
        ValueError: the augmentation raises it (at trace time) if there is not one key per example.
    """

    def augment(images, *, keys, step=0):
        keys = check_keys(images, keys)
        for position, augmentation in enumerate(augmentations):
            piece_keys = jax.vmap(partial(jax.random.fold_in, data=position))(keys)
            images = augmentation(images, keys=piece_keys, step=step)
        return images

    return augment
