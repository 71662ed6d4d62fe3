"""A function in a process of its own, within a limit of time.

What a compiler does in C++ can be ended in no other way.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any


def in_time(seconds: float, work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Return what a function returns in a process of its own.

    If it is not done in time, there is a "reason" and the "seconds"; if its process dies, a "reason".
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(there, work, arguments), daemon=True)
    process.start()
    there.close()
    try:
        if not here.poll(seconds):
            return {"reason": f"not within {seconds / 60:g} minutes", "seconds": seconds}
        return here.recv()
    except EOFError:
        process.join()
        return {"reason": f"its process ended with code {process.exitcode}"}
    finally:
        process.kill()
        process.join()


def _send(connection: Connection, work: Callable[..., Any], arguments: Sequence[Any]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    connection.send(work(*arguments))


def _end_with_parent() -> None:
    """End this process when the one that asked is killed: nobody waits for the result then."""
    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os._exit(1)
