"""Named warnings with a cure, raised by the numbers of a probe.

A rule has to hold at several looks in a row, since a single look is noise. The limits were calibrated;
docs/stability.md says how often they are right (experiments/alarms.py).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

Row = dict[str, float]  # the numbers of one look, with "step"

LOOKS = 3  # looks in a row at which a rule has to hold
WARM_UP = 2  # looks that count for nothing: a new generator makes one image, and its updates are large


class Alarm(NamedTuple):
    """A warning.

    Attributes:
        name: the name of the trouble.
        step: the step of the look.
        evidence: the numbers of the look, in words.
        cure: settings to try, in words.
    """

    name: str
    step: int
    evidence: str
    cure: str

    def __str__(self) -> str:
        return f"{self.name} suspected at step {self.step:,}: {self.evidence}; try {self.cure}"


class Cure(NamedTuple):
    """Something to try.

    Attributes:
        text: settings, in words.
        not_with: settings of a run that it is not offered to, as they have it already.
    """

    text: str
    not_with: Mapping[str, Any] = MappingProxyType({})


class Rule(NamedTuple):
    """A condition that raises an alarm.

    Attributes:
        name: the name of the alarm.
        holds: says whether a look is alarming.
        evidence: puts the numbers of a look into words.
        cures: what to try.
    """

    name: str
    holds: Callable[[Row], bool]
    evidence: Callable[[Row], str]
    cures: tuple[Cure, ...]

    def cure(self, settings: Mapping[str, Any]) -> str:
        """Return in words what to try of that which a run with these settings has not tried yet."""
        left = [cure for cure in self.cures if not cure.not_with or cure.not_with.items() - settings.items()]
        *first, last = [cure.text for cure in left]
        return f"{', '.join(first)}{',' * (len(first) > 1)} or {last}" if first else last


R1 = Cure("`penalty` r1 with `penalty_weight` 1 to 10", {"penalty": "r1"})
LARGER_R1 = Cure("a larger `penalty_weight`", {"penalty": "none"})
RELATIVISTIC = Cure("`loss` relativistic", {"loss": "relativistic"})


RULES = (
    Rule(
        "mode collapse",
        lambda row: row["diversity"] < 0.5,
        lambda row: f"diversity {row['diversity']:.2f} of real, rank {row['rank']:.2f} of real",
        (R1, LARGER_R1, RELATIVISTIC, Cure("a smaller `generator_learning_rate`")),
    ),
    Rule(
        "divergence",
        lambda row: max(abs(row["real_logit"]), abs(row["fake_logit"])) > 50 or row["diversity"] > 3,
        lambda row: (
            f"mean logits {row['real_logit']:+.3g} and {row['fake_logit']:+.3g}, "
            f"fakes {row['diversity']:.3g} times as far apart as reals"
        ),
        (Cure("a tenth of the learning rates"), R1, Cure("`gradient_clip` 1", {"gradient_clip": 1.0})),
    ),
    Rule(
        "steps too large",
        lambda row: max(row["generator_update_ratio"], row["discriminator_update_ratio"]) > 0.02,
        lambda row: (
            f"an update is {row['generator_update_ratio']:.2g} of the generator's weights, "
            f"{row['discriminator_update_ratio']:.2g} of the discriminator's"
        ),
        (
            Cure("a third of the learning rates"),
            Cure("`learning_rate_schedule` cosine with `decay_steps`", {"learning_rate_schedule": "cosine"}),
        ),
    ),
    Rule(
        "discriminator saturation",
        lambda row: row["accuracy"] > 0.98 and row["generator_gradient_norm"] < 1e-3,
        lambda row: (
            f"accuracy {row['accuracy']:.3f}, gradient of the generator {row['generator_gradient_norm']:.2g}"
        ),
        (
            Cure("`loss` non_saturating", {"loss": "non_saturating"}),
            RELATIVISTIC,
            R1,
            Cure("a smaller `discriminator_learning_rate`"),
        ),
    ),
    Rule(
        "dead units",
        lambda row: max(row["generator_dead_units"], row["discriminator_dead_units"]) > 0.5,
        lambda row: (
            f"{row['generator_dead_units']:.0%} of the generator's units and "
            f"{row['discriminator_dead_units']:.0%} of the discriminator's get no gradient"
        ),
        (Cure("smaller learning rates"), Cure("leaky activations")),
    ),
    Rule(
        "oscillation",
        lambda row: row.get("oscillation", 0.0) > 0.6,
        lambda row: f"the losses come back to where they were, correlation {row['oscillation']:.2f}",
        (
            R1,
            Cure("`beta1` 0", {"beta1": 0.0}),
            Cure("`update` extragradient", {"update": "extragradient"}),
            Cure("smaller learning rates"),
        ),
    ),
)


def alarms(
    rows: Sequence[Row],
    *,
    looks: int = LOOKS,
    warm_up: int = WARM_UP,
    settings: Mapping[str, Any] = MappingProxyType({}),
) -> list[Alarm]:
    """Return the alarms that the last look raises.

    Args:
        rows: the numbers of all looks so far, in order; or of the last `looks` of them, with `warm_up` 0.
        looks: the number of looks in a row at which a rule has to hold, >= 1. For numbers that are not
            finite, one look is enough.
        warm_up: the number of looks at the start that count for nothing.
        settings: the run's settings by name; a cure that is in use already is not offered.

    Returns:
        The alarms in the order of `RULES`.
    """
    recent = rows[warm_up:][-looks:]
    if len(recent) < looks:
        return []
    last = recent[-1]
    if not all(math.isfinite(value) for row in recent for value in row.values()):
        cure = next(rule.cure(settings) for rule in RULES if rule.name == "divergence")
        return [Alarm("divergence", int(last["step"]), "numbers that are not finite", cure)]
    return [
        Alarm(rule.name, int(last["step"]), rule.evidence(last), rule.cure(settings))
        for rule in RULES
        if all(rule.holds(row) for row in recent)
    ]


def oscillation_index(losses: Any) -> float:
    """Return how much a series of losses repeats itself: about 0.3 for noise, 1 for a pure wave.

    A straight line is subtracted first. The index is the largest autocorrelation at any lag beyond the first
    lag with a negative one. Lags go up to half the length of the series.

    Args:
        losses: losses at equal distances of steps. The index is 0 for fewer than 32 losses, of which noise
            may look like a wave, and for constant ones.
    """
    series = np.asarray(losses, float)
    if len(series) < 32 or not np.isfinite(series).all():
        return 0.0
    time = np.arange(len(series))
    series = series - np.polyval(np.polyfit(time, series, 1), time)
    if (power := np.mean(series**2)) < 1e-12:
        return 0.0
    lags = np.arange(1, len(series) // 2 + 1)
    correlation = np.array([np.mean(series[lag:] * series[:-lag]) / power for lag in lags])
    negative = np.flatnonzero(correlation < 0)
    if not len(negative):
        return 0.0
    return float(np.clip(correlation[negative[0] :].max(), 0, 1))
