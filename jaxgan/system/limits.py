"""What a run needs against what the machine has, compared before anything is allocated or written.

These are lower bounds: a run that passes may still run out of memory, a run that is refused would have.
"""

import contextlib
import math
import os
import shutil
from pathlib import Path
from typing import Any

import jax

from jaxgan.system.errors import UserError

_PROC, _CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
_NO_LIMIT = 2**60  # bytes; without a limit, kernels say "max" or a number beyond this


def require_devices(*, each_core: bool = False) -> list[jax.Device]:
    """Return JAX's devices; what needs them asks here first, so that nothing else is blamed.

    Args:
        each_core: whether each core of a CPU shall be a device, where JAX is not in use yet and neither
            ``JAX_NUM_CPU_DEVICES`` nor ``XLA_FLAGS`` says how many there are.

    Raises:
        UserError: if the platform that the environment asks for is not there.
    """
    if each_core:
        _make_cores_devices()
    try:
        return jax.devices()
    except (RuntimeError, AssertionError) as error:  # JAX asserts in vain that one platform is there
        platforms = jax.config.jax_platforms  # pyrefly: ignore  # the environment can set it, too
        asked = f"JAX_PLATFORMS={platforms}: JAX" if platforms else "JAX"
        reason = str(error).split(" (set JAX_PLATFORMS")[0].split("\n")[0].rstrip(".")
        raise UserError(
            f"{asked} finds no such device on this machine{reason and f' ({reason})'}; "
            "JAX_PLATFORMS=cpu uses the CPU"
        ) from error


def _make_cores_devices() -> None:
    is_said = "xla_force_host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if is_said or jax.config.jax_num_cpu_devices >= 0:  # pyrefly: ignore
        return
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(RuntimeError):  # JAX is in use
        jax.config.update("jax_num_cpu_devices", cores)


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
    """Return how many bytes JAX's device has for arrays; on a CPU, those left to this process."""
    statistics = jax.local_devices()[0].memory_stats()  # None on a CPU
    if statistics and "bytes_limit" in statistics:
        return statistics["bytes_limit"]
    return min(_left_on_machine(), _left_in_container())


def _left_on_machine() -> int:
    try:
        lines = (_PROC / "meminfo").read_text(encoding="ascii").splitlines()
        kilobytes = next(line.split()[1] for line in lines if line.startswith("MemAvailable"))
        return int(kilobytes) * 1024
    except (OSError, StopIteration):  # not on Linux
        return 2**63


def _left_in_container() -> int:
    """Return how many bytes the control groups of this process, and all above them, leave it.

    A container, a batch system or systemd sets such limits. Inside a container the path of the own group may
    be the host's: what is missing is passed over, and the container's limit is at the root.
    """
    try:
        lines = (_PROC / "self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # not on Linux
        lines = []
    left = 2**63
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        root = _CGROUPS / "memory" if controllers else _CGROUPS
        folder = root / path.lstrip("/")
        for group in (folder, *folder.parents):
            left = min(left, _left_in(group))
            if group == root:
                break
    return left


def _left_in(group: Path) -> int:
    """Return what a control group of version 2 or 1 leaves; idle file cache counts as free."""
    names = ("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")
    for limit, used in names:
        try:
            most = int((group / limit).read_text(encoding="ascii"))
            taken = int((group / used).read_text(encoding="ascii"))
        except (OSError, ValueError):  # no such file, or "max"
            continue
        if most < _NO_LIMIT:
            return max(0, most - taken + _idle_cache(group))
    return 2**63


def _idle_cache(group: Path) -> int:
    try:
        rows = (group / "memory.stat").read_text(encoding="ascii").splitlines()
        numbers = {name: int(count) for name, count in (row.split() for row in rows)}
    except (OSError, ValueError):
        return 0
    return numbers.get("total_inactive_file", numbers.get("inactive_file", 0))


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.3g} GB" if count < 1e12 else f"{count / 1e9:,.0f} GB"
