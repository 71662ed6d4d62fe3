"""Random keys from seeds, and the settings of JAX that change what is drawn and computed.

The environment can choose other random numbers (``JAX_DEFAULT_PRNG_IMPL``,
``JAX_THREEFRY_PARTITIONABLE``) and another precision (``JAX_ENABLE_X64``). The numbers of
a run depend on its settings and its seed alone.
"""

import contextlib
from collections.abc import Iterator

import jax


def seed_key(seed: int | jax.Array) -> jax.Array:
    """Return the key of a seed, an integer in [0, 2**32) that may be traced."""
    return jax.random.key(seed, impl="threefry2x32")


@contextlib.contextmanager
def pinned() -> Iterator[None]:
    """Trace and compute with the random numbers and the precision that jaxgan's results were made with."""
    with jax.threefry_partitionable(True), jax.enable_x64(False), jax.default_prng_impl("threefry2x32"):
        yield
