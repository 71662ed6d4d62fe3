"""NaN and infinity in training: noticed, written down, and undone if one asks for it.

Nothing waits for this: the metrics of a call are looked at when they are fetched anyway, while the device is
at the next call, and a value that was not finite at any step of a call stays so (`jaxgan.parallel`). What the
metrics cannot show (a moving average, an optimizer's statistics) is looked at before each save.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import jax
import numpy as np

from jaxgan.config import Config
from jaxgan.data import batch_indices
from jaxgan.run.keys import run_keys
from jaxgan.system import processes
from jaxgan.system.files import write_json

Result = TypeVar("Result")


class NotFiniteError(ArithmeticError):
    """A run has met NaN or infinity.

    Args:
        what: names of what is not finite.
        step: the step at which it was noticed.
        steps: how many steps ago it was last known to be finite; 0 if that is not known.
        metrics: the metrics of the step.
    """

    def __init__(
        self, what: list[str], step: int, *, steps: int = 0, metrics: dict[str, float] | None = None
    ):
        more = f" and {len(what) - 3} more" if len(what) > 3 else ""
        within = f" (within the last {steps:,})" if steps > 1 else ""
        super().__init__(f"NaN or infinity at step {step:,}{within}: {', '.join(what[:3])}{more}")
        self.step, self.steps, self.metrics = step, steps, metrics or {}


def check(step: int, steps: int, metrics: dict[str, float]) -> None:
    """Raise `NotFiniteError` if a metric of a call of `steps` steps, up to `step`, is not finite."""
    if bad := [name for name, value in metrics.items() if not math.isfinite(value)]:
        raise NotFiniteError(bad, step, steps=steps, metrics=metrics)


def notes(rollbacks: int) -> list[str]:
    """Return what a run says of its rollbacks when it starts or goes on."""
    return [f"rolled back {rollbacks}x after NaN or infinity (crash/): other draws from here"] * (
        rollbacks > 0
    )


def guard(train: Callable[[int], Result], config: Config, size: int, folder: Path) -> Result:
    """Call ``train(rollbacks so far)``, again after each rollback that the config allows.

    A rollback is a file in ``crash/``, so a run that is killed goes on with the key that it had.

    Args:
        train: goes on from the last checkpoint; raises `NotFiniteError`.
        config: of the run.
        size: images in the data set.
        folder: of the run.

    Raises:
        NotFiniteError: if the config does not allow another rollback.
    """
    while True:
        rollbacks = processes.first(len(list((folder / "crash").glob("*-rollback-*.json"))))
        try:
            return train(rollbacks)
        except NotFiniteError as error:
            goes_on = config.on_nan == "rollback" and rollbacks < config.rollbacks
            name = f"step_{error.step:08d}-{f'rollback-{rollbacks + 1}' if goes_on else 'stop'}.json"
            if processes.is_first():
                write_json(folder / "crash" / name, _summary(error, config, size, rollbacks))
            if not goes_on:
                raise


def _summary(error: NotFiniteError, config: Config, size: int, rollbacks: int) -> dict[str, object]:
    return {
        "why": str(error),
        "step": error.step,
        "metrics": {name: str(value) for name, value in error.metrics.items()},  # JSON has no NaN
        "rollbacks": rollbacks,
        "key": jax.random.key_data(run_keys(config.seed, rollbacks=rollbacks).train).tolist(),
        "batches": {
            str(step): batch_indices(
                config.seed, step, batch_size=config.images_per_step, size=size, xp=np
            ).tolist()
            for step in range(error.step - error.steps, error.step)
        },
    }
