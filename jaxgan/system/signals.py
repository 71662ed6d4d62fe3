"""Being asked to stop: Ctrl-C, the SIGTERM of a scheduler, or the SIGHUP of a closed terminal."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class Preemption:
    """Whether somebody asked for an end; false until then."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __bool__(self) -> bool:
        return self.signal is not None


@contextlib.contextmanager
def listen() -> Iterator[Preemption]:
    """Note the first SIGINT, SIGTERM or SIGHUP instead of dying of it; a second one ends the program at once.

    SIGHUP stays ignored under ``nohup``; SIGINT does not in the background, where shells ignore it.

    Outside the main thread, where Python takes no handlers, signals keep their meaning.
    """
    preemption = Preemption()
    before = {}

    def handle(number: int, frame: FrameType | None) -> None:
        del frame
        preemption.signal = signal.Signals(number)
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
        yield preemption
    finally:
        restore()
