"""Keep quiet what fails beside the one error of an asynchronous read or write: it would print pages."""

import asyncio
import contextlib
import functools
import gc
import logging
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

PATIENCE = 10.0  # seconds to wait for what is under way when one of many reads fails
_RAISED_TOO = tuple(
    f"orbax/checkpoint/{name}.py"
    for name in ("_src/futures/future", "_src/checkpointers/async_checkpointer", "checkpoint_manager")
)  # they log what they raise


@functools.cache
def mute() -> None:
    """From now on print nothing of how Orbax's threads and tasks fail: who waits for them gets the error.

    They may say it long after that error, so this stays. Whatever else is printed stays too.
    """
    logging.getLogger("absl").addFilter(_is_not_raised)
    logging.getLogger("asyncio").addFilter(_is_not_orbaxs)
    others = sys.unraisablehook

    def hook(failed: Any) -> None:  # TensorStore finds its event loop closed
        if repr(failed.exc_value) != "RuntimeError('Event loop is closed')":
            others(failed)

    sys.unraisablehook = hook


def _is_not_raised(record: logging.LogRecord) -> bool:
    return record.levelno < logging.ERROR or not record.pathname.endswith(_RAISED_TOO)


def _is_not_orbaxs(record: logging.LogRecord) -> bool:
    said = f"{record.getMessage()} {record.exc_info and record.exc_info[1]}"
    return "orbax" not in said and "OCDBT" not in said


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Print nothing of what asyncio's tasks fail with, in any thread, while this lasts."""
    asyncio_log = logging.getLogger("asyncio")
    before = asyncio_log.disabled, sys.unraisablehook
    asyncio_log.disabled, sys.unraisablehook = True, lambda _: None
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="coroutine .* was never awaited")
            yield
    finally:
        asyncio_log.disabled, sys.unraisablehook = before


def settle() -> None:
    """Return when nothing is left of a failed read or write.

    It ended its event loop while others were under way in threads. Each of these fails when it is done,
    since its loop is closed, and only then its task can be collected.
    """
    deadline = time.monotonic() + PATIENCE
    with hushed():
        gc.collect()
        while time.monotonic() < deadline and any(map(_is_left_behind, gc.get_objects())):
            time.sleep(0.01)
            gc.collect()


def _is_left_behind(thing: object) -> bool:
    return isinstance(thing, asyncio.Task) and not thing.done() and thing.get_loop().is_closed()
