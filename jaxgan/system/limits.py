"""What a run needs against what the machine has, asked before anything is allocated or written.

The needs are lower bounds: what passes may still be too much, what is refused could not have run.
"""

import math
import shutil
from pathlib import Path
from typing import Any

import jax

from jaxgan.system.errors import UserError


def nbytes(shapes: Any) -> int:
    """Return how many bytes the arrays of a pytree take, or would take."""
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(shapes))


def require_memory(needed: int, what: str) -> None:
    """Raise `UserError` if `what` needs more bytes than the device that JAX uses, or this machine, has."""
    available = available_memory()
    if needed > available:
        raise UserError(
            f"{what} needs at least {_gigabytes(needed)} of memory; {_gigabytes(available)} are available"
        )


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise `UserError` if `what` needs more bytes below an existing folder than its disk has free."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(f"{what} in {folder}: {_gigabytes(needed)} needed, {_gigabytes(free)} free")


def available_memory() -> int:
    """Return the bytes that the device that JAX uses, or this machine, has for arrays."""
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
