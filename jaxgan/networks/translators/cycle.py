"""The two modules that a CycleGAN is made of (`jaxgan.games.CycleGame`): two translators, and two judges.

References:
    Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks,
    https://arxiv.org/abs/1703.10593
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp


class Cycle(nn.Module):
    """A translator and the one of the way back, as one player.

    Attributes:
        forth: module ``(sources, labels, *, train) -> images``.
        back: module ``(images, labels, *, train) -> sources``.
    """

    forth: nn.Module
    back: nn.Module

    def __call__(self, sources: Any, labels: Any = None, *, train: bool) -> jax.Array:
        """Return images of sources."""
        images = self.forth(sources, labels, train=train)
        if self.is_initializing():
            self.back(images, labels, train=train)
        return images

    def back_again(self, images: Any, labels: Any = None, *, train: bool) -> jax.Array:
        """Return sources of images."""
        return self.back(images, labels, train=train)


class Judges(nn.Module):
    """A discriminator of images and one of sources, as one player.

    Attributes:
        of_images: module ``(images, labels, *, train) -> logits``, ``[B]`` or ``[B, n]``.
        of_sources: the same for sources.
    """

    of_images: nn.Module
    of_sources: nn.Module

    def __call__(self, shown: Any, labels: Any = None, *, train: bool) -> jax.Array:
        """Return the logits of both of ``(images, sources)`` side by side, ``[B, n]``."""
        images, sources = shown
        both = self.of_images(images, labels, train=train), self.of_sources(sources, labels, train=train)
        return jnp.concatenate([logits.reshape(logits.shape[0], -1) for logits in both], axis=1)
