"""Class games: the discriminator is not given the classes, it has to tell them apart.

The generator is given labels as in any conditional GAN. The discriminator's further head classifies, and both
players gain from images that are classified well. In `ClassGame` (ACGAN) the generator prefers images far
from the borders between classes, so classes vary less than the data do. In `DiscriminativeClassGame` (ADC)
the classifier also tells the reals of a class from its fakes, which takes that preference away.

References:
    Odena et al. 2017, Conditional Image Synthesis With Auxiliary Classifier GANs,
    https://arxiv.org/abs/1610.09585
    Hou et al. 2022, Conditional GANs with Auxiliary Discriminative Classifier,
    https://arxiv.org/abs/2107.10060
"""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import optax

from jaxgan.games.base import Game
from jaxgan.games.heads import Head, readings
from jaxgan.games.turn import Play, Terms, Turn, Verdict
from jaxgan.state import GANState


@dataclasses.dataclass(frozen=True, eq=False)
class ClassGame(Game):
    """ACGAN: the discriminator reads the class, by K logits.

    Attributes:
        weight: weight of the classification in both players' losses, >= 0.
        on_fakes: whether the discriminator learns to classify fakes too, as in the paper. Without, it learns
            from real images only, which is the usual practice: fakes of a wrong class teach it nothing wrong.

    References:
        Odena et al. 2017, section 3, eqs. 2 and 3: D maximizes L_S + L_C, G maximizes L_C - L_S.
    """

    weight: Any = 1.0
    on_fakes: bool = False

    READS: ClassVar[bool] = True
    GIVES_LABELS: ClassVar[bool] = False  # the discriminator is not given what it has to find
    KIND: ClassVar[str] = "classes"  # of the head, `jaxgan.games.heads`
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {**Game.PANELS, "class loss": ("class_loss", "generator_class_loss")}
    )
    LINE: ClassVar[Mapping[str, str]] = MappingProxyType({**Game.LINE, "class_loss": "class {:.3f}"})

    def check_batch(self, batch: Mapping[str, Any]) -> None:
        """Raise `ValueError` for a batch without labels."""
        if batch.get("label") is None:
            raise ValueError("a class game needs labels, and the batch has none")

    def discriminator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return the classification loss of reals and, by `on_fakes`, of fakes."""
        loss = _cross_entropy(real.read, turn.labels)
        if self.on_fakes:
            loss += _cross_entropy(fake.read, turn.labels)
        return {"class_loss": self.weight * loss}

    def generator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return the classification loss of fakes."""
        return {"generator_class_loss": self.weight * _cross_entropy(fake.read, turn.labels)}

    def heads(self, num_classes: int | None) -> tuple[Head, ...]:
        """Return one head, which reads the classes."""
        return (Head("classes", self.KIND, num_classes or 0),)

    def read(
        self, state: GANState, images: jax.Array, labels: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Return the chance of each class, ``"classes"``, ``[B, K]``; `labels` are not looked at."""
        output = self.discriminator.apply(state.discriminator.variables, images, train=False)
        read = self.verdict(output, len(images)).read
        return readings((Head("classes", self.KIND, read.shape[1]),), read)


@dataclasses.dataclass(frozen=True, eq=False)
class DiscriminativeClassGame(ClassGame):
    """ADC: the discriminator reads one of 2 K classes: the K of real images, then the K of fakes.

    The generator minimizes the loss of the real class less that of the fake one. `on_fakes` has no meaning:
    the classifier always learns from both. `read` gives the chance of a class, whether real or fake.

    References:
        Hou et al. 2022, the objective of ADC-GAN: C_d maximizes log C_d(y+ | x) on reals and log C_d(y- | x)
        on fakes, G maximizes log C_d(y+ | x) - log C_d(y- | x).
    """

    KIND: ClassVar[str] = "real_and_fake_classes"

    def discriminator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return the classification loss of reals as real classes and of fakes as fake ones."""
        loss = _cross_entropy(real.read, turn.labels) + _cross_entropy(
            fake.read, self._fake_class(fake, turn)
        )
        return {"class_loss": self.weight * loss}

    def generator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return the loss of the fakes' real classes less that of their fake ones."""
        loss = _cross_entropy(fake.read, turn.labels) - _cross_entropy(
            fake.read, self._fake_class(fake, turn)
        )
        return {"generator_class_loss": self.weight * loss}

    def heads(self, num_classes: int | None) -> tuple[Head, ...]:
        """Return one head, which reads the classes of reals, then those of fakes."""
        return (Head("classes", self.KIND, 2 * (num_classes or 0)),)

    def _fake_class(self, fake: Verdict, turn: Turn) -> Any:
        if fake.read.shape[1] % 2:
            raise ValueError(
                f"ADC reads twice the number of classes, and the discriminator reads {fake.read.shape[1]}: "
                "make it with heads=(2 * num_classes,)"
            )
        return turn.labels + fake.read.shape[1] // 2


def _cross_entropy(logits: jax.Array, labels: Any) -> jax.Array:
    return optax.softmax_cross_entropy_with_integer_labels(logits.astype(jnp.float32), labels)
