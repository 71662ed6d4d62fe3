"""The results of metrics: measured numbers together with the protocol of the measurement.

Without its protocol (how many examples, which network, which seed) a score cannot be compared with another.
"""

from dataclasses import dataclass, fields
from typing import ClassVar

INCEPTION = "inception-2015"  # the network whose scores have their plain names ("FID")


@dataclass(frozen=True, kw_only=True)
class Result:
    """The measured numbers of a metric and their protocol, printed in one line.

    Attributes:
        n_fake: number of generated examples.
        extractor: name of the network that computed the features, if given. Scores of the 2015 Inception have
            the plain name ("FID"); those of any other network carry its name ("FID-digits-cnn").
    """

    label: ClassVar[str]
    unnamed: ClassVar[str | None] = None  # label without an extractor; None: the same
    measured: ClassVar[tuple[str, ...]] = ("value",)
    details: ClassVar[tuple[str, ...]] = ()  # what is too long for a line, and stands in files alone

    n_fake: int
    extractor: str | None = None

    @property
    def name(self) -> str:
        """The score's name, with the network's name where that is not the 2015 Inception."""
        if self.extractor is None:
            return self.unnamed or self.label
        return self.label if self.extractor == INCEPTION else f"{self.label}-{self.extractor}"

    def __str__(self) -> str:
        items = {field.name: getattr(self, field.name) for field in fields(self)}
        items = {name: value for name, value in items.items() if name not in self.details}
        numbers = [f"{name} {items.pop(name):.6g}" for name in self.measured]
        protocol = [f"{name} {value}" for name, value in items.items() if value is not None]
        return f"{self.name}: {', '.join(numbers)} ({', '.join(protocol)})"


@dataclass(frozen=True, kw_only=True)
class PairResult(Result):
    """The result of a metric that compares generated examples with real ones.

    Attributes:
        n_real: number of real examples.
        dimension: number of features of an example, d.
    """

    n_real: int
    dimension: int
