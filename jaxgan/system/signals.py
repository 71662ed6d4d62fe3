"""Signals that ask a run to stop: Ctrl-C, a scheduler's SIGTERM, or the SIGHUP of a closed terminal."""

import contextlib
import signal
import sys
import threading
from _thread import interrupt_main
from collections.abc import Iterator
from types import FrameType
from typing import Any

SOON = 0.1  # seconds after which a Ctrl-C that was dropped comes again


class Preemption:
    """Whether a signal has asked the run to stop; false until then.

    Attributes:
        signal: the first signal that came, or None.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextlib.contextmanager
def listen() -> Iterator[Preemption]:
    """Record the first SIGINT, SIGTERM or SIGHUP, which would end the program; a second one does end it.

    Under ``nohup``, SIGHUP stays ignored. In the background, where shells ignore SIGINT, it is recorded too.
    Outside the main thread, where Python takes no handlers, signals keep their meaning.

    Yields:
        The `Preemption`, which turns true at the first signal.
    """
    stop = Preemption()
    before = {}

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        stop.signal = signal.Signals(number)
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    if threading.current_thread() is threading.main_thread():
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            numbers.append(signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        for number in before:
            signal.signal(number, handle)
    try:
        yield stop
    finally:
        restore()


@contextlib.contextmanager
def stops_kept() -> Iterator[None]:
    """Raise a Ctrl-C again that Python dropped.

    The signal raises `KeyboardInterrupt` in whatever Python code runs. Where that is a callback of the
    garbage collector, and JAX has one, Python reports "Exception ignored" and goes on.
    """
    before = sys.unraisablehook

    def report(ignored: Any) -> None:
        if not issubclass(ignored.exc_type, KeyboardInterrupt):
            return before(ignored)
        again = threading.Timer(SOON, interrupt_main)  # by then the callback has ended
        again.daemon = True
        again.start()

    sys.unraisablehook = report
    try:
        yield
    finally:
        sys.unraisablehook = before
