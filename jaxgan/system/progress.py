"""Progress of long work: a bar on a terminal, plain lines elsewhere; and how many steps make one call."""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

from tqdm import tqdm

CALL_SECONDS = 0.5  # work of one call: short enough for Ctrl-C, long enough to hide the cost of a call


def counting(what: str, total: int, unit: str) -> Any:
    """Return a bar for work other than training steps; only a terminal shows it, and only while it lasts.

    Args:
        what: the name of the work.
        total: the number of units in all.
        unit: the name of what is counted, in the plural.
    """
    return tqdm(desc=what, total=total, unit=f" {unit}", leave=False, disable=None, dynamic_ncols=True)


def write(line: str) -> None:
    """Print a line, above the bar if there is one. Where the output is closed, a run goes on in silence."""
    try:
        tqdm.write(line, file=sys.stdout)
        sys.stdout.flush()
    except OSError:  # the reader of the pipe has ended, or the terminal is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Progress:
    """The progress of a run, from its first step to its last.

    Args:
        step: the step at which the run starts.
        total: the step at which it ends.
        images_per_step: the number of real images that one step takes.
        bar: whether to show a bar on a terminal.
        quiet: whether to print nothing.

    Attributes:
        steps_per_call: the number of steps that take about `CALL_SECONDS` at the speed so far.
    """

    def __init__(self, step: int, total: int, images_per_step: int, *, bar: bool = True, quiet: bool = False):
        self.steps_per_call = 1
        self._first, self._step, self._total = step, step, total
        self._images_per_step = images_per_step
        self._rate = 0.0
        self._begin = self._last = time.perf_counter()
        self._wants_bar, self._quiet = bar, quiet
        self._bar: Any = None

    def start(self) -> None:
        """Start the clock, and show the bar on a terminal."""
        self._begin = self._last = time.perf_counter()
        if self._wants_bar and sys.stderr.isatty():
            self._bar = tqdm(total=self._total, initial=self._step, unit="it", dynamic_ncols=True)

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Exclude the time that the body takes from the speed."""
        began = time.perf_counter()
        yield
        spent = time.perf_counter() - began
        self._begin, self._last = self._begin + spent, self._last + spent

    def close(self) -> None:
        """Close the bar, if there is one; its last state stays on the terminal."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def advance(self, steps: int, metrics: dict[str, float]) -> str:
        """Count the steps of a call that has ended; return a line with step, metrics and speed."""
        now = time.perf_counter()
        rate = steps / max(now - self._last, 1e-9)
        self._rate = rate if self._rate == 0 else 0.8 * self._rate + 0.2 * rate
        self._last = now
        self._step += steps
        self.steps_per_call = max(1, int(self._rate * CALL_SECONDS))
        losses = (
            f"D loss {metrics['discriminator_loss']:.3f}  G loss {metrics['generator_loss']:.3f}  "
            f"D(real) {metrics['real_logit']:+.2f}  D(fake) {metrics['fake_logit']:+.2f}"
        )
        images = f"{self._rate * self._images_per_step:,.0f} images/s"
        if self._bar is not None:
            self._bar.set_postfix_str(f"{images}  {losses}", refresh=False)
            self._bar.update(steps)
        average = (self._step - self._first) / (now - self._begin)
        minutes, seconds = divmod(int((self._total - self._step) / average), 60)
        left = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
        speed = f"{self._rate:.1f} it/s  {images}  {left} left"
        return f"step {self._step:,}/{self._total:,}  {losses}  {speed}"

    def write(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        if not self._quiet:
            write(line)

    def write_unless_bar(self, line: str) -> None:
        """Print a line if no bar shows the same."""
        if self._bar is None:
            self.write(line)
