"""Signals that ask a run to stop: Ctrl-C, a scheduler's SIGTERM, or the SIGHUP of a closed terminal."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


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
