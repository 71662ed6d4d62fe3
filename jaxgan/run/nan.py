"""NaN and infinity in training: they are detected, reported in ``crash/``, and rolled back on request.

Detection never makes the device wait. The metrics of a call are checked when they are fetched anyway, while
the device runs the next call, and a metric that was not finite at any step of a call stays so
(`jaxgan.parallel`). Values that no metric shows (a moving average, an optimizer's statistics) are checked
before each save.
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
        names: names of the values that are not finite.
        step: the step at which this was noticed.
        steps: number of steps since all values were last known to be finite; 0 if it is not known.
        metrics: the metrics of the step.
    """

    def __init__(
        self, names: list[str], step: int, *, steps: int = 0, metrics: dict[str, float] | None = None
    ):
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        within = f" (within the last {steps:,})" if steps > 1 else ""
        super().__init__(f"NaN or infinity at step {step:,}{within}: {', '.join(names[:3])}{more}")
        self.step, self.steps, self.metrics = step, steps, metrics or {}


def check(step: int, steps: int, metrics: dict[str, float]) -> None:
    """Raise `NotFiniteError` if a metric of a call of `steps` steps, up to `step`, is not finite."""
    if names := [name for name, value in metrics.items() if not math.isfinite(value)]:
        raise NotFiniteError(names, step, steps=steps, metrics=metrics)


def notes(rollbacks: int) -> list[str]:
    """Return a line for the user about the run's rollbacks, if it has any."""
    line = f"rolled back {rollbacks}x after NaN or infinity (see crash/): other random numbers from here on"
    return [line] * (rollbacks > 0)


def guard(train: Callable[[int], Result], config: Config, size: int, folder: Path) -> Result:
    """Call ``train(rollbacks so far)``, again after each rollback that the config allows.

    Each rollback is a file in ``crash/``, so a run that was killed goes on with the key that it had.

    Args:
        train: function that trains from the last checkpoint on, and may raise `NotFiniteError`.
        config: the run's config.
        size: number of images in the data set.
        folder: the run's folder.

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
            if not config.game.learns_tables  # their rows are drawn by conditions
        },
    }
