"""Markdown tables, aligned: they can be read as they are, or put into a README."""

from collections.abc import Iterable, Sequence


class Table:
    """A Markdown table. Its heading is printed at once, and each row when its numbers have been measured.

    Args:
        heading: title of each column. The first column is aligned to the left, the others to the right.
        rows: rows that are known already. They are printed too, and the columns are as wide as they need.
        names: cells of the first column in later rows, as far as they are known.
    """

    def __init__(
        self, heading: Sequence[str], rows: Sequence[Sequence[str]] = (), *, names: Iterable[str] = ()
    ):
        columns = [*zip(heading, *rows, strict=True)]
        columns[0] += tuple(names)
        first, *others = self._widths = [max(map(len, column)) for column in columns]
        self.add(heading)
        self.add(["-" * first, *("-" * (width - 1) + ":" for width in others)])
        for row in rows:
            self.add(row)

    def add(self, cells: Sequence[str]) -> None:
        """Print one row."""
        padded = [
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(cells, self._widths, strict=True))
        ]
        print(f"| {' | '.join(padded)} |", flush=True)


def spread(rates: Sequence[float]) -> list[str]:
    """Return two cells, the median and the quartiles, of a lower quartile, a median and an upper quartile."""
    low, median, high = (f"{rate:,.0f}" if rates[1] >= 100 else f"{rate:#.3g}" for rate in rates)
    return [median, f"{low} .. {high}"]
