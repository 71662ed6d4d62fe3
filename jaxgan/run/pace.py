"""How fast a run goes, and how many steps make one compiled call."""

import contextlib
import time
from collections.abc import Iterator

CALL_SECONDS = 0.5  # duration of a call: short enough for Ctrl-C, long enough to hide the cost of a call


class Pace:
    """The speed of a run, from its first step in this process on.

    Attributes:
        rate: steps per second, averaged over the last few calls; 0 before the first.
        average: steps per second since the start; 0 before the first call.
    """

    def __init__(self):
        self.rate = self.average = 0.0
        self._steps = 0
        self._begin = self._last = time.perf_counter()

    @property
    def steps_per_call(self) -> int:
        """The number of steps that take about `CALL_SECONDS`."""
        return max(1, int(self.rate * CALL_SECONDS))

    def start(self) -> None:
        """Start the clock."""
        self._begin = self._last = time.perf_counter()

    def advance(self, steps: int) -> None:
        """Count the steps of a call that has ended."""
        now = time.perf_counter()
        rate = steps / max(now - self._last, 1e-9)
        self.rate = rate if self.rate == 0 else 0.8 * self.rate + 0.2 * rate
        self._last = now
        self._steps += steps
        self.average = self._steps / max(now - self._begin, 1e-9)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Leave the time of the body out of the speed."""
        began = time.perf_counter()
        yield
        spent = time.perf_counter() - began
        self._begin, self._last = self._begin + spent, self._last + spent
