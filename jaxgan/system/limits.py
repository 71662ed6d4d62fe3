"""What a run needs against what the machine has, compared before anything is allocated or written.

These are lower bounds: a run that passes may still run out of memory, a run that is refused would have.
"""

import math
import shutil
from pathlib import Path
from typing import Any

import jax

from jaxgan.system.errors import UserError


def nbytes(shapes: Any) -> int:
    """Return how many bytes the arrays of a pytree take. Their shapes and dtypes are enough."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def require_memory(needed: int, what: str) -> None:
    """Raise `UserError` if `what` needs more bytes than are available to JAX (`available_memory`)."""
    available = available_memory()
    if needed > available:
        raise UserError(
            f"{what} needs at least {_gigabytes(needed)} of memory; {_gigabytes(available)} are available"
        )


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise `UserError` if `what` needs more bytes than are free on the disk of an existing folder."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(f"{what} in {folder}: {_gigabytes(needed)} needed, {_gigabytes(free)} free")


def available_memory() -> int:
    """Return how many bytes JAX's device has for arrays; on a CPU, how many the machine has left."""
    statistics = jax.local_devices()[0].memory_stats()  # None on a CPU
    if statistics and "bytes_limit" in statistics:
        return statistics["bytes_limit"]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
        return int(kilobytes) * 1024
    except (OSError, StopIteration):  # not on Linux
        return 2**63


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.3g} GB" if count < 1e12 else f"{count / 1e9:,.0f} GB"
