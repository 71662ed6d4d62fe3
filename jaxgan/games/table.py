"""The game of tables: rows that match a condition, judged in packs.

A condition is a category of one column. The generator is given it, and its own loss asks for it; the
discriminator sees it beside the row. Real rows at the same places match the same conditions. The
discriminator judges several rows at once, a pack, so that rows that are too much alike give themselves away.
A penalty is of a pack.

References:
    Xu et al. 2019, Modeling Tabular Data using Conditional GAN, https://arxiv.org/abs/1907.00503
    Lin et al. 2018, PacGAN: The Power of Two Samples in Generative Adversarial Networks,
    https://arxiv.org/abs/1712.04086
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from jaxgan.games.base import Game
from jaxgan.games.turn import Play, Shown, Turn
from jaxgan.prior import draw_rows
from jaxgan.state import Variables


@dataclasses.dataclass(frozen=True, eq=False)
class TableGame(Game):
    """A game of rows ``[B, D]``, with a one-hot ``"condition"`` ``[B, K]`` in the batch or without.

    The generator is a `jaxgan.networks.tables.Generator`, or has its methods ``logits``, ``activate`` and
    ``log_chances``. Its prior is noise and Gumbel numbers. The categories of the condition are the last K of
    a row's values. The discriminator gets packs ``[B / pack, pack * (D + K)]``; the rows of a pack are
    neighbors in the batch.

    Attributes:
        pack: number of rows that are judged at once, >= 1; the batch holds whole packs.
        condition_weight: weight of the condition's cross-entropy in the generator's loss, >= 0.

    References:
        Xu et al. 2019, section 4.3.
    """

    pack: int = 8
    condition_weight: Any = 1.0

    APART: ClassVar[bool] = True
    GIVES_LABELS: ClassVar[bool] = False
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {**Game.PANELS, "condition": ("condition",)}
    )
    LINE: ClassVar[Mapping[str, str]] = MappingProxyType({**Game.LINE, "condition": "condition {:.3f}"})

    def inputs(self, turn: Turn, latent_dim: int) -> jax.Array:
        """Return noise, Gumbel numbers and the condition of each row."""
        return _beside(self._latents(turn, latent_dim), turn.batch.get("condition"))

    def inputs_of(self, batch: Mapping[str, Any], key: jax.Array, count: int, latent_dim: int) -> Any:
        """Return the same outside of training, for the batch's conditions."""
        assert self.prior is not None
        condition = batch.get("condition")
        condition = None if condition is None else jnp.asarray(condition)
        return _beside(draw_rows(self.prior, key, count), condition)

    def play(self, variables: Variables, turn: Turn, key: jax.Array, latent_dim: int):
        """Make a row for each condition; how badly it meets the condition is a term of the generator."""
        inputs, condition = self.inputs(turn, latent_dim), turn.batch.get("condition")
        logits, variables = self.act(self.generator, variables, inputs, None, key, method="logits")
        generator: Any = self.generator
        fake = generator.activate(logits, inputs)
        if fake.shape != turn.real.shape:
            raise ValueError(f"the generator makes rows {fake.shape}, the batch holds {turn.real.shape}")
        own = {}
        if condition is not None:
            chances = generator.log_chances(logits)[:, -condition.shape[1] :]
            own = {"condition": -self.condition_weight * (condition * chances).sum(axis=1)}
        return Play(self._packs(turn.real, condition), self._packs(fake, condition), inputs, own), variables

    def shown(
        self, variables: Variables, images: jax.Array, inputs: Any, labels: jax.Array | None = None
    ) -> tuple[Shown, Shown]:
        """Return packs of real and of made rows, in drawing mode."""
        fakes = self.draw(variables, inputs, labels)
        assert self.prior is not None
        condition = inputs[:, self.prior.size :] if inputs.shape[1] > self.prior.size else None
        return self._packs(images, condition), self._packs(fakes, condition)

    def first_turn(self, batch: Mapping[str, Any]) -> Turn:
        """Return a turn of one pack of zeros."""
        turn = super().first_turn(batch)
        return turn._replace(batch={name: jnp.repeat(x, self.pack, axis=0) for name, x in turn.batch.items()})

    def shown_keys(self, key: jax.Array, turn: Turn) -> jax.Array:
        """Return a key for each pack."""
        return self.example_keys(key, turn)[:: self.pack]

    def _packs(self, rows: jax.Array, condition: jax.Array | None) -> jax.Array:
        if len(rows) % self.pack:
            raise ValueError(
                f"{len(rows)} rows do not divide into packs of {self.pack}: batch size, devices and parts "
                "must leave whole packs"
            )
        return _beside(rows, condition).reshape(len(rows) // self.pack, -1)


def _beside(rows: jax.Array, condition: jax.Array | None) -> jax.Array:
    return rows if condition is None else jnp.concatenate([rows, condition], axis=1)
