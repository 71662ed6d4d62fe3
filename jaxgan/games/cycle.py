"""CycleGAN: two translators between two sets of images that are no pairs.

One translator makes images of sources, the other sources of images, and both are one player. A discriminator
judges each set. What goes there and back has to be what it was: this keeps the content, since no pair tells
what a source should become.

A batch has ``"source"`` beside ``"image"``, drawn independently: row i of one has nothing to do with row i of
the other. There is no pool of earlier fakes: it would be state that no resumed run has, and that devices
would average.

References:
    Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks,
    https://arxiv.org/abs/1703.10593
"""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.games.base import Game
from jaxgan.games.modules import part_of
from jaxgan.games.paired import with_channels
from jaxgan.games.turn import Play, Shown, Turn, View
from jaxgan.images import to_float
from jaxgan.state import Variables


@dataclasses.dataclass(frozen=True, eq=False)
class CycleGame(Game):
    """CycleGAN, with any two translators and any two discriminators.

    The generator's module makes images of sources in its ``__call__`` and sources of images in its method
    ``back_again``; the discriminator's judges the tuple ``(images, sources)``.
    `jaxgan.networks.translators.Cycle` and `Judges` put two networks each together.

    The adversarial loss is the mean over the logits of both discriminators, which is half of the paper's sum.
    So the default weights are half of the paper's, and the terms have its proportions. With
    `jaxgan.losses.least_squares`, which halves squares as Mao et al. 2017 do and Zhu et al. do not, weights
    of 2.5 and 1.25 have them. A penalty's critic is the mean of all logits, too.

    Attributes:
        cycle_weight: weight of the mean absolute errors of what went there and back, >= 0.
        identity_weight: weight of the mean absolute errors of what either translator makes of its own kind,
            >= 0; None leaves it out, as sources and images of different channels need.

    Raises:
        ValueError: if the generator's module has no method ``back_again``.

    References:
        Zhu et al. 2017, eqs. 1 to 3 with lambda = 10, and L_identity of section 5.2 with 0.5 lambda.
    """

    cycle_weight: Any = 5.0
    identity_weight: Any = 2.5

    SOURCES: ClassVar[bool] = True
    SEVERAL: ClassVar[bool] = True
    GIVES_LABELS: ClassVar[bool] = False
    PANES: ClassVar[int] = 6  # source, made, back again; image, made, back again
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {**Game.PANELS, "cycle": ("cycle", "identity")}
    )
    LINE: ClassVar[Mapping[str, str]] = MappingProxyType({**Game.LINE, "cycle": "cycle {:.3f}"})

    def __post_init__(self) -> None:
        if not callable(getattr(self.generator, "back_again", None)):
            raise ValueError(
                "CycleGAN needs a module with a method `back_again`, and "
                f"{type(self.generator).__name__} has none: make it by translators.Cycle(forth, back)"
            )

    def inputs(self, turn: Turn, latent_dim: int) -> Any:
        """Return the turn's sources."""
        return turn.batch["source"]

    def inputs_of(self, batch: Mapping[str, Any], key: jax.Array, count: int, latent_dim: int) -> Any:
        """Return a batch's sources."""
        return to_float(jnp.asarray(batch["source"]))

    def play(self, variables: Variables, turn: Turn, key: jax.Array, latent_dim: int):
        """Translate sources and images, and both of them back again."""
        sources, images, keys = turn.batch["source"], turn.real, iter(jax.random.split(key, 6))

        def forth(variables: Variables, inputs: Any) -> tuple[jax.Array, Variables]:
            return self.act(self.generator, variables, inputs, None, next(keys))

        def back(variables: Variables, inputs: Any) -> tuple[jax.Array, Variables]:
            return self.act(self.generator, variables, inputs, None, next(keys), method="back_again")

        made_images, variables = self.make(variables, sources, turn, next(keys))
        made_sources, variables = back(variables, images)
        if made_sources.shape != sources.shape:
            raise ValueError(f"the way back makes {made_sources.shape}, the batch has {sources.shape}")
        sources_again, variables = back(variables, made_images)
        images_again, variables = forth(variables, made_sources)
        error = _error(sources_again, sources) + _error(images_again, images)
        own = {"cycle": self.cycle_weight * error}
        if self.identity_weight is not None:
            same_images, variables = forth(variables, images)
            same_sources, variables = back(variables, sources)
            error = _error(same_images, images) + _error(same_sources, sources)
            own["identity"] = self.identity_weight * error
        return Play((images, sources), (made_images, made_sources), sources, own), variables

    def see(self, view: View, shown: Shown) -> Shown:
        """Return images and sources, both augmented."""
        return jax.tree.map(view, shown)

    def shown(
        self, variables: Variables, images: jax.Array, inputs: Any, labels: jax.Array | None = None
    ) -> tuple[Shown, Shown]:
        """Return what the discriminators are shown, in drawing mode."""
        return (images, inputs), (self.draw(variables, inputs), self.draw_back(variables, images))

    def draw_back(self, variables: Variables, images: Any) -> Any:
        """Return sources of images, in drawing mode."""
        return self.generator.apply(variables, images, train=False, method="back_again")

    def check_batch(self, batch: Mapping[str, Any]) -> None:
        """Raise `ValueError` for a batch without sources."""
        if batch.get("source") is None:
            raise ValueError('CycleGAN takes batches with a "source" beside the "image"')

    def grid(
        self, images: Any, labels: Any, columns: int, inputs: Any = None
    ) -> Callable[[Variables, Any], Any]:
        """Return a function that lays out both ways in rows.

        There are a row of sources, of what is made of them and of the way back, and the same of images.
        """
        real, sources = to_float(jnp.asarray(images)), jnp.asarray(inputs)
        forth, back = jax.jit(self.draw), jax.jit(self.draw_back)
        channels = max(real.shape[-1], sources.shape[-1])
        shape = -1, columns, *real.shape[1:3], channels

        def both_ways(variables: Variables, made: Any) -> Any:
            made = jnp.asarray(made)
            made_sources = back(variables, real)
            panes = (sources, made, back(variables, made), real, made_sources, forth(variables, made_sources))
            rows = [with_channels(each, channels).reshape(shape) for each in panes]
            return jnp.stack(rows, axis=1).reshape(-1, *shape[2:])

        return both_ways

    def generator_of(self, generator: nn.Module, variables: Variables) -> tuple[nn.Module, Variables]:
        """Return the network that makes images of sources."""
        return part_of(generator, variables, "forth") or (generator, variables)

    def backward_of(self, generator: nn.Module, variables: Variables) -> tuple[nn.Module, Variables] | None:
        """Return the network that makes sources of images; None for a module that is not put together."""
        return part_of(generator, variables, "back")

    def discriminator_of(self, discriminator: nn.Module, variables: Variables) -> tuple[nn.Module, Variables]:
        """Return the discriminator of images."""
        return part_of(discriminator, variables, "of_images") or (discriminator, variables)


def _error(made: jax.Array, wanted: jax.Array) -> jax.Array:
    """Return the mean absolute error of each example."""
    return jnp.abs(made - wanted).reshape(made.shape[0], -1).mean(axis=1)
