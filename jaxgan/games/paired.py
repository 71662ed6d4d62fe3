"""The paired game: the generator makes an image of a source, and the discriminator judges both together.

It is pix2pix and SRGAN, and also coloring, inpainting and denoising. The pairs of source and image come with
the data, or a degradation makes the source of the image (`jaxgan.games.degradations`). The generator
minimizes the distance to the image beside its adversarial loss: the distance keeps what the source tells, and
the discriminator asks for what it leaves open. With the distance alone, images are the mean of all that may
be, and so are blurred.

References:
    Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks,
    https://arxiv.org/abs/1611.07004
    Ledig et al. 2017, Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network,
    https://arxiv.org/abs/1609.04802
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jaxgan.games.base import Game, over_devices
from jaxgan.games.degradations import Degradation
from jaxgan.games.turn import Play, Shown, Turn, View
from jaxgan.images import to_float
from jaxgan.state import Variables


@dataclasses.dataclass(frozen=True, eq=False)
class PairedGame(Game):
    """A game of pairs of a source and an image.

    The generator is a module ``(sources, labels, *, train) -> images``, such as those of
    `jaxgan.networks.translators`. The discriminator judges the tuple ``(images, sources)``, whose sources are
    enlarged to the images' size by repeating pixels; it may return logits of patches ``[B, n]``. An
    augmentation gets the same random numbers for both. A penalty's gradient is by both, and its critic is
    the mean of the patches' logits.

    Attributes:
        degrade: ``(images, *, keys) -> sources``, which makes the source of an image; None for batches that
            have a ``"source"`` beside the ``"image"``.
        reconstruction_weight: weight of the mean absolute error per value, >= 0.
        adversarial_weight: weight of the generator's adversarial loss, >= 0; with 0 it learns by the error
            alone.
        shows_source: whether the discriminator sees the source too, as in pix2pix; SRGAN's does not.

    References:
        Isola et al. 2017, eqs. 1, 3 and 4; the weight is 100 there. Their discriminator's loss is halved.
    """

    degrade: Degradation | None = None
    reconstruction_weight: Any = 100.0
    adversarial_weight: Any = 1.0
    shows_source: bool = True

    SOURCES: ClassVar[bool] = True
    SEVERAL: ClassVar[bool] = True
    GIVES_LABELS: ClassVar[bool] = False
    PANES: ClassVar[int] = 3  # source, made, real
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {**Game.PANELS, "reconstruction": ("reconstruction",)}
    )
    LINE: ClassVar[Mapping[str, str]] = MappingProxyType(
        {**Game.LINE, "reconstruction": "reconstruction {:.3f}"}
    )

    @property
    def judges_sources(self) -> bool:
        """Whether the discriminator is shown the source beside the image."""
        return self.shows_source

    def inputs(self, turn: Turn, latent_dim: int) -> Any:
        """Return the sources of the turn's images."""
        if self.degrade is None:
            return turn.batch["source"]
        keys = self.example_keys(turn.latent_key, turn)
        return over_devices(self.degrade(turn.real, keys=keys))

    def inputs_of(self, batch: Mapping[str, Any], key: jax.Array, count: int, latent_dim: int) -> Any:
        """Return the sources of a batch's images outside of training."""
        if self.degrade is None:
            return to_float(jnp.asarray(batch["source"]))
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(count))
        return self.degrade(to_float(jnp.asarray(batch["image"])), keys=keys)

    def play(self, variables: Variables, turn: Turn, key: jax.Array, latent_dim: int):
        """Make an image of each source; its distance to the real image is a term of the generator."""
        sources = self.inputs(turn, latent_dim)
        fake, variables = self.make(variables, sources, turn, key)
        error = jnp.abs(fake - turn.real).reshape(fake.shape[0], -1).mean(axis=1)
        own = {"reconstruction": self.reconstruction_weight * error}
        return Play(self._judged(turn.real, sources), self._judged(fake, sources), sources, own), variables

    def see(self, view: View, shown: Shown) -> Shown:
        """Return images and sources augmented by the same draws, so that they stay in place."""
        return jax.tree.map(view, shown)

    def adversary(self, real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        """Return the generator's adversarial loss by its weight; without one, no gradient is computed."""
        if isinstance(self.adversarial_weight, int | float) and self.adversarial_weight == 0:
            return jnp.zeros_like(fake_logits)
        return self.adversarial_weight * self.loss.generator(real_logits, fake_logits)

    def shown(
        self, variables: Variables, images: jax.Array, inputs: Any, labels: jax.Array | None = None
    ) -> tuple[Shown, Shown]:
        """Return what a discriminator is shown of real and of made images, in drawing mode."""
        return self._judged(images, inputs), self._judged(self.draw(variables, inputs, labels), inputs)

    def check_batch(self, batch: Mapping[str, Any]) -> None:
        """Raise `ValueError` for a batch without sources where nothing makes them."""
        if self.degrade is None and batch.get("source") is None:
            raise ValueError('a paired game takes batches with a "source", or a `degrade` that makes it')

    def grid(
        self, images: Any, labels: Any, columns: int, inputs: Any = None
    ) -> Callable[[Variables, Any], Any]:
        """Return a function that lays out rows of sources, of what is made of them, and of real images."""
        real = to_float(jnp.asarray(images))
        sources = with_channels(enlarged(inputs, real.shape[1:3]), real.shape[-1])
        shape = -1, columns, *real.shape[1:]

        def triples(variables: Variables, made: Any) -> Any:
            rows = [each.reshape(shape) for each in (sources, jnp.asarray(made), real)]
            return jnp.stack(rows, axis=1).reshape(-1, *real.shape[1:])

        return triples

    def _judged(self, images: jax.Array, sources: jax.Array) -> Shown:
        return (images, enlarged(sources, images.shape[1:3])) if self.shows_source else images


def enlarged(sources: jax.Array, size: tuple[int, ...]) -> jax.Array:
    """Return sources enlarged to a height and width by repeating pixels.

    Args:
        sources: ``[B, h, w, C]``.
        size: height and width, multiples of those of the sources by one factor.

    Raises:
        ValueError: if they are no such multiples.
    """
    factor = pixels_per_source(sources.shape[1:3], size)
    for axis in (1, 2):
        sources = sources if factor == 1 else jnp.repeat(sources, factor, axis=axis)
    return sources


def pixels_per_source(source: tuple[int, ...], image: tuple[int, ...]) -> int:
    """Return the number of an image's pixels for each pixel of its source, along each axis.

    Args:
        source: height and width of a source.
        image: height and width of an image.

    Raises:
        ValueError: if it is no whole number, the same for both axes.
    """
    factor = image[0] // max(1, source[0])
    if factor < 1 or (source[0] * factor, source[1] * factor) != tuple(image[:2]):
        sizes = [f"{height}x{width}" for height, width in (source[:2], image[:2])]
        raise ValueError(
            f"an image is a whole number of times as large as its source, got {sizes[0]} for {sizes[1]}"
        )
    return factor


def with_channels(images: jax.Array, channels: int) -> jax.Array:
    """Return images to look at beside others of so many channels: gray ones in their color, or their mean."""
    if images.shape[-1] == channels:
        return images
    return jnp.repeat(images.mean(axis=-1, keepdims=True), channels, axis=-1)
