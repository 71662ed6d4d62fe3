"""Silence for the pages that Orbax prints when a read or write fails; the caller gets one error."""

import asyncio
import contextlib
import functools
import gc
import logging
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

PATIENCE = 10.0  # seconds to wait for the others when one of many reads fails
_RAISED_TOO = tuple(
    f"orbax/checkpoint/{name}.py"
    for name in ("_src/futures/future", "_src/checkpointers/async_checkpointer", "checkpoint_manager")
)  # these modules log the errors that they raise
_RAISED_BY = "_write_and_log"  # this function too, in _src/metadata/checkpoint.py
_WAITED = "Waiting for previous save to complete took"  # of a busy disk, about which nobody need do anything


@functools.cache
def mute() -> None:
    """From now on, print nothing when Orbax's threads and tasks fail: whoever waits for them gets the error.

    Their messages may come long after that error, so this is never undone. All other messages are printed.
    """
    logging.getLogger("absl").addFilter(_is_not_raised)
    logging.getLogger("asyncio").addFilter(_is_not_orbaxs)
    previous_hook = sys.unraisablehook

    def hook(failed: Any) -> None:  # TensorStore finds its event loop closed
        if repr(failed.exc_value) != "RuntimeError('Event loop is closed')":
            previous_hook(failed)

    sys.unraisablehook = hook


def _is_not_raised(record: logging.LogRecord) -> bool:
    if record.levelno >= logging.ERROR:
        return not (record.pathname.endswith(_RAISED_TOO) or record.funcName == _RAISED_BY)
    return _WAITED not in record.getMessage()


def _is_not_orbaxs(record: logging.LogRecord) -> bool:
    """Return whether neither a message, nor its error, nor a place where the error was is of Orbax."""
    error = record.exc_info[1] if record.exc_info else None
    places = [] if error is None else [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    text = " ".join([record.getMessage(), str(error), *places])
    return "orbax" not in text and "OCDBT" not in text


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Print nothing in the body when asyncio's tasks fail, in any thread."""
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
    """Return when no task of a failed read or write is left.

    The failure closed its event loop while other reads or writes were still running in threads. Each of them
    fails when it is done, since its loop is closed, and only then can its task be collected.
    """
    deadline = time.monotonic() + PATIENCE
    with hushed():
        gc.collect()
        while time.monotonic() < deadline and any(map(_is_left_behind, gc.get_objects())):
            time.sleep(0.01)
            gc.collect()


def _is_left_behind(thing: object) -> bool:
    return isinstance(thing, asyncio.Task) and not thing.done() and thing.get_loop().is_closed()
