"""Two plain terms: logits that are centered at zero, and kernels that are nearly orthogonal."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import jax

from jaxgan.games.terms.term import Added, Context, Term, at_least


@dataclasses.dataclass(frozen=True)
class Centering(Term):
    """The discriminator's term ``weight (D(x) + D(G(z)))^2``, for the real image and the fake at each place.

    A relativistic loss knows differences of logits only, so all logits may drift together. The term holds
    their mean near zero.

    Attributes:
        weight: weight of the term, >= 0.

    Raises:
        ValueError: if the weight is out of range.

    References:
        Adversarial Flow Models, 2025, https://arxiv.org/abs/2511.22475
    """

    weight: Any = 0.01

    NAME: ClassVar[str] = "centering"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({"centering": ("centering",)})

    def __post_init__(self) -> None:
        at_least("weight", self.weight, 0)

    def discriminator(self, context: Context) -> Added:
        """Return the weighted squared sums of the logits of each pair."""
        squares = (context.real.logits + context.fake.logits) ** 2
        return Added({"centering": self.weight * squares.reshape(len(squares), -1).mean(axis=1)})


@dataclasses.dataclass(frozen=True)
class Orthogonal(Term):
    """The generator's term of its own parameters, by which its kernels are nearly orthogonal.

    Attributes:
        penalty: ``params -> number``, weighted, such as a partial of `jaxgan.penalties.orthogonal`.

    References:
        Brock et al. 2019, Large Scale GAN Training for High Fidelity Natural Image Synthesis,
        https://arxiv.org/abs/1809.11096, eq. 3
    """

    penalty: Callable[[Any], jax.Array]

    NAME: ClassVar[str] = "orthogonal"
    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({"orthogonal": ("orthogonal",)})

    def generator(self, context: Context) -> Added:
        """Return the penalty of the generator's parameters."""
        return Added({"orthogonal": self.penalty(context.generator["params"])})
