"""Keep quiet what fails beside the one error of an asynchronous read or write: it would print pages."""

import asyncio
import contextlib
import gc
import logging
import sys
import time
import warnings
from collections.abc import Iterator

PATIENCE = 10.0  # seconds to wait for what is under way when one of many reads fails


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
