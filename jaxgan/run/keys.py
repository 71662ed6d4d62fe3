"""The random keys of a run, all made in one place from its seed.

A key is never used twice. The key of training is folded with the step by the step itself; the keys of
evaluations and diagnoses are separate, so that neither changes what is trained.
"""

from functools import partial
from typing import NamedTuple

import jax

from jaxgan.system.random import seed_key


class Keys(NamedTuple):
    """The keys of one run.

    Attributes:
        init: key of the networks' initial weights.
        train: key of all that training draws.
        grid: key of the sample grids' fixed latents.
        evaluation: key of the latents that evaluations use, the same at each.
        diagnosis: key that a diagnosis folds with the step.
    """

    init: jax.Array
    train: jax.Array
    grid: jax.Array
    evaluation: jax.Array
    diagnosis: jax.Array


def run_keys(seed: int | jax.Array, *, rollbacks: int = 0) -> Keys:
    """Return the keys of a run.

    Args:
        seed: the config's seed; may be traced.
        rollbacks: number of the run's rollbacks after NaN; each gives training other random numbers.
    """
    return keys_of(seed_key(seed), rollbacks=rollbacks)


@partial(jax.jit, static_argnames="rollbacks")  # one program in place of a handful at each start
def keys_of(key: jax.Array, *, rollbacks: int = 0) -> Keys:
    """Return the keys of the run whose seed's key is given."""
    init, train, grid = jax.random.split(key, 3)
    if rollbacks:
        train = jax.random.fold_in(train, rollbacks)
    return Keys(init, train, grid, jax.random.fold_in(grid, 1), jax.random.fold_in(grid, 2))
