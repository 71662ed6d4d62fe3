"""One augmentation after the other."""

from functools import partial

import jax

from jaxgan.augment.examples import Augmentation, check


def compose(*augmentations: Augmentation) -> Augmentation:
    """Apply augmentations in the order given, each with its own draws.

    Args:
        *augmentations: functions ``(images, *, keys, step) -> images``; none at all is the identity.

    Returns:
        An `Augmentation` for float data ``[B, ...]``. The n-th piece gets each key folded with n.

    Raises:
        ValueError: when it is called (at trace time), if there is not one key per example.
    """

    def augment(images, *, keys, step=0):
        keys = check(images, keys)
        for position, augmentation in enumerate(augmentations):
            own = jax.vmap(partial(jax.random.fold_in, data=position))(keys)
            images = augmentation(images, keys=own, step=step)
        return images

    return augment
