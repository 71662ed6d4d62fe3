"""InfoGAN: parts of the latents are codes, and the discriminator reads them from the fakes.

Nothing tells the game what a code means. A generator whose codes can be read from its images gives them to
what varies most: a category becomes a class, a continuous code a slant or a width. So the category that the
discriminator reads from a *real* image is its cluster, found without labels.

References:
    Chen et al. 2016, InfoGAN: Interpretable Representation Learning by Information Maximizing Generative
    Adversarial Nets, https://arxiv.org/abs/1606.03657
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from jaxgan.games.base import Game
from jaxgan.games.heads import Head, parts, readings
from jaxgan.games.turn import Play, Terms, Turn, Verdict
from jaxgan.state import GANState


@dataclasses.dataclass(frozen=True, eq=False)
class InfoGame(Game):
    """InfoGAN with any number of categorical and continuous codes.

    The prior's first block is noise, all others are codes: ``(("normal", 62), ("one_hot", 10), ("uniform",
    2))`` has one category of ten values and two continuous codes. The discriminator reads all of them in the
    prior's order: logits of a category, the mean of a continuous code. Both players minimize how badly it
    does so (eq. 6), each over its own parameters; the heads are the discriminator's.

    Attributes:
        weight: lambda of the categorical codes, >= 0.
        continuous_weight: lambda of the continuous codes, >= 0. They are modelled as normal distributions
            with standard deviation 1, as in the authors' code.

    Raises:
        ValueError: if the prior has no code.

    References:
        Chen et al. 2016, eqs. 5 and 6; section 6 for the two lambdas.
    """

    weight: Any = 1.0
    continuous_weight: Any = 0.1

    READS: ClassVar[bool] = True
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {**Game.PANELS, "information": ("information", "generator_information")}
    )
    LINE: ClassVar[Mapping[str, str]] = MappingProxyType({**Game.LINE, "information": "info {:.3f}"})

    def __post_init__(self) -> None:
        if self.prior is None or len(self.prior.blocks) < 2:
            raise ValueError(
                "InfoGAN needs a prior of noise and at least one code, such as "
                "Prior((('normal', 62), ('one_hot', 10)))"
            )

    def discriminator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return how badly the discriminator reads the fakes' codes."""
        return {"information": self.information(fake.read, play.inputs)}

    def generator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return how badly the fakes' codes are read."""
        return {"generator_information": self.information(fake.read, play.inputs)}

    def information(self, read: jax.Array, latents: jax.Array) -> jax.Array:
        """Return the weighted ``-log Q(c|x)`` of each example but for a constant, ``[B]``.

        References:
            Chen et al. 2016, eq. 5, without the entropy of the codes, which is constant.
        """
        assert self.prior is not None
        total = jnp.zeros(len(latents))
        _, *codes = self.prior.split(latents)
        for (kind, _), code, part in zip(
            self.prior.blocks[1:], codes, parts(self.heads(None), read), strict=True
        ):
            if kind == "one_hot":
                total += self.weight * optax.softmax_cross_entropy(part, code)
            else:
                total += self.continuous_weight * 0.5 * ((code - part) ** 2).sum(axis=1)
        return total

    @property
    def columns(self) -> int | None:
        """The number of values of the first category: each has a column of the grid."""
        assert self.prior is not None
        return next((length for kind, length in self.prior.blocks[1:] if kind == "one_hot"), None)

    def lay_out(self, latents: jax.Array, columns: int) -> jax.Array:
        """Return a grid's latents: a category a column, and in the last rows a sweep of each continuous code.

        A row has the same noise in all of its columns. A continuous code goes from -1 to 1 in its row, and is
        0 in all others; if there are more codes than half of the rows, the first ones are shown.
        """
        assert self.prior is not None
        rows, blocks = len(latents) // columns, self.prior.split(latents)
        place = jnp.arange(len(latents))
        row, column = place // columns, place % columns
        shown = [blocks[0][row * columns]]
        swept = 0  # continuous codes so far
        categories = self.columns is not None
        for (kind, length), block in zip(self.prior.blocks[1:], blocks[1:], strict=True):
            if kind == "one_hot":
                first, categories = categories, False
                shown.append(jax.nn.one_hot(column % length, length) if first else block[row * columns])
                continue
            number = swept + jnp.arange(length)[None]
            is_swept = (rows - 1 - number == row[:, None]) & (number < rows // 2)
            along = jnp.linspace(-1, 1, columns)[column][:, None]
            shown.append(jnp.where(is_swept, along, 0.0))
            swept += length
        return jnp.concatenate(shown, axis=1)

    def heads(self, num_classes: int | None) -> tuple[Head, ...]:
        """Return a head for each code: ``"category_i"`` and ``"codes_i"``, each counted from 0."""
        assert self.prior is not None
        heads, counts = [], {"category": 0, "codes": 0}
        for block, length in self.prior.blocks[1:]:
            kind = "category" if block == "one_hot" else "codes"
            heads.append(Head(f"{kind}_{counts[kind]}", kind, length))
            counts[kind] += 1
        return tuple(heads)

    def read(
        self, state: GANState, images: jax.Array, labels: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Return the codes of images: the chances of category i, ``"category_i"``, and ``"codes_i"``."""
        output = self.discriminator.apply(state.discriminator.variables, images, labels, train=False)
        return readings(self.heads(None), self.verdict(output, len(images)).read)
