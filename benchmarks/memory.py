"""The most memory that a process holds between two places of a program; it needs no other package."""

import contextlib
import ctypes
import resource
import sys
from pathlib import Path

_PROCESS = Path("/proc/self")


def forget_peak() -> None:
    """Give memory that is free back to the system, and count the peak anew, where the system is Linux."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        (_PROCESS / "clear_refs").write_text("5")


def peak_bytes() -> int:
    """Return the most bytes that the process has held since `forget_peak`, its libraries included.

    On systems other than Linux it is the most since the process began.
    """
    with contextlib.suppress(OSError):
        for line in (_PROCESS / "status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return 1024 * int(line.split()[1])
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
