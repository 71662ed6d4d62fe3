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
from jaxgan.run.checksums import NotFiniteError
from jaxgan.system import processes
from jaxgan.system.files import write_json

Result = TypeVar("Result")


def check(step: int, steps: int, metrics: dict[str, float]) -> None:
    """Raise `NotFiniteError` if a metric of a call of `steps` steps, up to `step`, is not finite."""
    if bad := [name for name, value in metrics.items() if not math.isfinite(value)]:
        raise NotFiniteError(bad, step, steps=steps, metrics=metrics)


def keys(seed: int, rollbacks: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return a run's keys, of weights, of training, of the sample grids: after a rollback, other draws."""
    init_key, train_key, grid_key = keys_of(jax.random.key(seed))
    return init_key, jax.random.fold_in(train_key, rollbacks) if rollbacks else train_key, grid_key


def keys_of(key: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Return the keys of weights, of training and of the sample grids that a run makes of its seed's."""
    init_key, train_key, grid_key = jax.random.split(key, 3)
    return init_key, train_key, grid_key


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
    taken = config.batch_size * config.d_steps
    return {
        "why": str(error),
        "step": error.step,
        "metrics": {name: str(value) for name, value in error.metrics.items()},  # JSON has no NaN
        "rollbacks": rollbacks,
        "key": jax.random.key_data(keys(config.seed, rollbacks)[1]).tolist(),
        "batches": {
            str(step): batch_indices(config.seed, step, batch_size=taken, size=size, xp=np).tolist()
            for step in range(error.step - error.steps, error.step)
        },
    }
