"""A number and how it was made: a score without its protocol is a rumour."""

from dataclasses import dataclass, fields
from typing import ClassVar

INCEPTION = "inception-2015"  # the one network whose scores go by their plain names


@dataclass(frozen=True, kw_only=True)
class Result:
    """What every result is: measured numbers, then the protocol, printed in one line.

    Attributes:
        n_fake: number of generated examples.
        extractor: name of the network that made the features, where given. Scores of the 2015 Inception go by
            the plain name ("FID"), those of any other network carry its name ("FID-digits-cnn").
    """

    label: ClassVar[str]
    unnamed: ClassVar[str | None] = None  # the label without a network, where the label stands for one
    measured: ClassVar[tuple[str, ...]] = ("value",)

    n_fake: int
    extractor: str | None = None

    @property
    def name(self) -> str:
        """The name of the score, with that of its network."""
        if self.extractor is None:
            return self.unnamed or self.label
        return self.label if self.extractor == INCEPTION else f"{self.label}-{self.extractor}"

    def __str__(self) -> str:
        items = {field.name: getattr(self, field.name) for field in fields(self)}
        numbers = [f"{name} {items.pop(name):.6g}" for name in self.measured]
        protocol = [f"{name} {value}" for name, value in items.items() if value is not None]
        return f"{self.name}: {', '.join(numbers)} ({', '.join(protocol)})"


@dataclass(frozen=True, kw_only=True)
class PairResult(Result):
    """A result that compares generated examples with real ones.

    Attributes:
        n_real: number of real examples.
        dimension: d of the features.
    """

    n_real: int
    dimension: int
