"""What a person watches: a bar on a terminal, plain lines elsewhere."""

import contextlib
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from jaxgan.system import output


def counting(what: str, total: int, unit: str) -> Any:
    """Return a bar for work other than training steps; only a terminal shows it, and only while it lasts.

    Args:
        what: the name of the work.
        total: the number of units in all.
        unit: the name of what is counted, in the plural.
    """
    return tqdm(
        desc=what,
        total=total,
        unit=f" {unit}",
        leave=False,
        disable=not output.is_terminal(),
        dynamic_ncols=True,
    )


def write(line: str) -> None:
    """Print a line, above the bar if there is one. Whatever the output takes, a run goes on."""
    with tqdm.external_write_mode(), contextlib.suppress(OSError):
        output.write(line)


class Progress:
    """Shows how far a run is. It draws only; `jaxgan.run.pace` measures.

    Args:
        step: the step at which the run starts.
        total: the step at which it ends.
        images_per_step: real images that one step takes.
        metrics: how a line shows each metric: a format by its name. Others are not shown.
        kind: what lines call the images.
        bar: whether to show a bar if the output is a terminal.
        quiet: print nothing.
    """

    def __init__(
        self,
        step: int,
        total: int,
        images_per_step: int,
        *,
        metrics: Mapping[str, str],
        kind: str = "images",
        bar: bool = True,
        quiet: bool = False,
    ):
        self._first, self._step, self._total = step, step, total
        self._images_per_step, self._metrics, self._kind = images_per_step, metrics, kind
        self._wants_bar, self._quiet = bar, quiet
        self._bar: Any = None

    def start(self) -> None:
        """Show the bar, on a terminal."""
        if self._wants_bar and output.is_terminal():
            self._bar = tqdm(total=self._total, initial=self._step, unit="it", dynamic_ncols=True)

    def close(self) -> None:
        """Leave the bar as it is, if there is one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def advance(self, steps: int, metrics: Mapping[str, float], *, rate: float, average: float) -> str:
        """Count the steps of a call that has ended; return a line that says how things stand.

        Args:
            steps: steps of the call.
            metrics: the metrics of its last step.
            rate: steps a second of late.
            average: steps a second since the start.
        """
        self._step += steps
        shown = [text.format(metrics[name]) for name, text in self._metrics.items() if name in metrics]
        images = f"{rate * self._images_per_step:,.0f} {self._kind}/s"
        if self._bar is not None:
            self._bar.set_postfix_str("  ".join([images, *shown]), refresh=False)
            self._bar.update(steps)
        minutes, seconds = divmod(int((self._total - self._step) / max(average, 1e-9)), 60)
        left = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
        speed = f"{rate:.1f} it/s  {images}  {left} left"
        return "  ".join([f"step {self._step:,}/{self._total:,}", *shown, speed])

    def write(self, line: str) -> None:
        """Print a line, above the bar if there is one."""
        if not self._quiet:
            write(line)

    def write_unless_bar(self, line: str) -> None:
        """Print a line where no bar says the same."""
        if self._bar is None:
            self.write(line)
