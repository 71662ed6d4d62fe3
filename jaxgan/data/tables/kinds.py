"""What the columns of a file are, found in one pass over their texts: a survey of each column.

| a column | is |
|---|---|
| of numbers | "integer" if all are whole, or else "numeric"; 1,5 is one where commas are no delimiters |
| of at most ten different whole numbers, or of two numbers | "categorical" |
| of dates in one format | "date" |
| of other texts, and of codes such as 007 | "categorical" |
| of whole numbers or texts that number the rows | left out: an identifier |
| of whole numbers with more digits than a float64 keeps | left out: an identifier |
| mostly of numbers, with a few other texts among many values | refused |
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from jaxgan.data.tables.files import Source
from jaxgan.data.tables.table import Column
from jaxgan.system.errors import UserError

MISSING = ("", "na", "n/a", "nan", "null", "none", "?")  # texts without a number among numbers and dates
FEW = 10  # different whole numbers that are categories
MOST_CATEGORIES = 500  # of a column that is not named as categorical
EMPTY = 0.95  # share of missing values from which a column is called nearly empty
FORMATS = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%Y-%m-%d %H:%M:%S.%f",
)
_CODE = re.compile(r"[+-]?0\d")  # 007 is no number
_UNUSUAL = re.compile(r"^[+-]?0\d|[_a-zA-Z]", re.MULTILINE)  # in a number: a code, an exponent, nan, inf
_FRACTION = re.compile(r"\.(\d*)")
_EPOCH = datetime(1970, 1, 1)
_KEPT = 10_000  # different texts that a survey keeps
_DIGITS = 12  # after the point, from which a float64 is printed in full
_WHOLE = 2**53  # from here on, a float64 does not hold each whole number
_LEAST, _MOST = 1e-150, 1e150  # sizes of numbers whose squares a float64 holds


class Survey:
    """What is known of a column's texts after some blocks of them.

    The first number with a decimal mark says which mark the column has.

    Args:
        commas: whether a comma may be a decimal mark.
    """

    def __init__(self, *, commas: bool = False) -> None:
        self.mark: str | None = None if commas else "."
        self.rows = self.numbers = self.missing = 0
        self.whole, self.decimals, self.low, self.high = True, 0, math.inf, -math.inf
        self.exact = False  # a number is written with an exponent, or with all its digits
        self.texts: dict[str, int] = {}  # the line of each different text
        self.crowded = False  # there are more different texts than are kept
        self.other: tuple[str, int] | None = None  # the first text that is no number, and its line
        self.infinite: tuple[str, int] | None = None
        self.formats: tuple[str, ...] = FORMATS
        self.missing_text = ""
        self._hashes: set[int] = set()
        self._counts = True

    @property
    def different(self) -> int:
        """The number of different texts, missing ones among them; a large number may be too small."""
        return len(self._hashes)

    def add(self, texts: list[str], lines: Sequence[int]) -> None:
        """Look at more rows."""
        self.rows += len(texts)
        new = dict(zip(reversed(texts), reversed(lines), strict=True))  # the first line of each
        if self._counts:
            self._hashes.update(map(hash, new))
        if not self.crowded:
            self.texts = {**new, **self.texts}
            self.crowded = len(self.texts) > _KEPT
        if self.crowded:  # what is left to know of so many is whether they number the rows
            self.texts, self._counts = {}, self.whole and len(self._hashes) == self.rows
        if self._are_plain_numbers(texts, new):
            return
        counts = Counter(texts)
        for text, line in new.items():
            self._look(text, line, counts[text])

    def _are_plain_numbers(self, texts: list[str], new: Iterable[str]) -> bool:
        """Count a block of plain decimal numbers and empty texts, if it is one, as most of them are."""
        present = [text for text in new if text]
        joined = "\n".join(present)
        mark = self.mark or ("," if "," in joined else ".")
        if not present or _UNUSUAL.search(joined) or (mark == "," and "." in joined):
            return False
        joined = joined.replace(mark, ".")
        try:
            values = np.array(list(map(float, joined.split("\n"))))
        except ValueError:
            return False
        empty = texts.count("")
        self.missing += empty
        self.numbers += len(texts) - empty
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        self.whole = self.whole and bool((values == np.floor(values)).all())
        self.decimals = max([self.decimals, *map(len, _FRACTION.findall(joined))])
        self.mark = mark if "." in joined else self.mark
        self.formats = ()
        return True

    def _look(self, text: str, line: int, count: int) -> None:
        if text.lower() in MISSING:
            self.missing += count
            self.missing_text = text
            return
        mark = self.mark or ("," if "," in text else ".")
        value = number(text, mark)
        if value is None:
            if self.other is None or line < self.other[1]:
                self.other = text, line
        elif not math.isfinite(value):
            if self.infinite is None or line < self.infinite[1]:
                self.infinite = text, line
        else:
            self.numbers += count
            self.low, self.high = min(self.low, value), max(self.high, value)
            self.whole = self.whole and value == math.floor(value)
            point = text.find(mark)
            self.mark = mark if point >= 0 else self.mark
            self.exact = self.exact or "e" in text or "E" in text
            self.decimals = max(self.decimals, len(text) - point - 1 if point >= 0 else 0)
        if self.formats and value is None:
            self.formats = tuple(form for form in self.formats if seconds(text, form) is not None)
        elif value is not None:
            self.formats = ()


def number(text: str, mark: str = ".") -> float | None:
    """Return the number that a text is, which may be infinite; None for any other text, and for a code.

    Args:
        text: the text.
        mark: the decimal mark. A text with another one is no number.
    """
    if _CODE.match(text) or "_" in text or (mark != "." and "." in text):
        return None
    try:
        return float(text.replace(mark, "."))
    except ValueError:
        return None


def seconds(text: str, form: str) -> float | None:
    """Return the seconds since 1970 of a date's text; None for any other text."""
    try:
        return (datetime.strptime(text, form) - _EPOCH).total_seconds()
    except ValueError:
        return None


class Choices(NamedTuple):
    """What the user says of columns, by their names.

    Attributes:
        categorical: columns whose texts are categories.
        numeric: columns of numbers.
        ignore: columns that are left out.
    """

    categorical: Collection[str] = ()
    numeric: Collection[str] = ()
    ignore: Collection[str] = ()

    def check(self, names: Sequence[str], path: str) -> None:
        """Raise `UserError` if a column does not exist or is named twice."""
        for option, chosen in self._asdict().items():
            for name in chosen:
                if name not in names:
                    raise UserError(f"`{option}` {name}: {path} has no such column, but {', '.join(names)}")
        for name in names:
            options = [f"`{option}`" for option, chosen in self._asdict().items() if name in chosen]
            if len(options) > 1:
                raise UserError(f"column {name} is named by {' and by '.join(options)}: name it once")


def survey(source: Source, chosen: Choices, path: str) -> dict[str, Survey]:
    """Return what is known of the texts of each column that is not ignored, after one pass over the file."""
    surveys = {name: Survey(commas=source.commas) for name in source.names if name not in chosen.ignore}
    for block in source.blocks():
        for name, texts in zip(source.names, block.columns, strict=True):
            if name in surveys:
                surveys[name].add(texts, list(block.lines))
    rows = next(iter(surveys.values())).rows if surveys else 0
    if surveys and rows < 2:
        raise UserError(f"{path} has {'one row' if rows else 'no rows'}: a table to learn has many")
    return surveys


def columns_of(
    surveys: dict[str, Survey], chosen: Choices, path: str, unit: str
) -> tuple[tuple[Column, ...], list[str]]:
    """Return the columns that are learned, and lines for the user about the others and about odd ones.

    Raises:
        UserError: for a column of mixed types, an infinity, or if no column is left.
    """
    columns, notes = [], []
    for name, found in surveys.items():
        reason = None if name in chosen.categorical or name in chosen.numeric else _left_out(name, found)
        if reason:
            notes.append(f"column {name} is left out: {reason}")
            continue
        column = _column(name, found, chosen, path, unit)
        columns.append(column)
        if found.different == 1:
            notes.append(f"column {name} is constant: it stays as it is")
        elif found.missing >= EMPTY * found.rows:
            share = found.missing / found.rows
            notes.append(f"column {name} is nearly empty: {share:.0%} of its values are missing")
    if chosen.ignore:
        notes.append(f"ignored and left out: {', '.join(chosen.ignore)}")
    if not columns:
        raise UserError(f"{path} has no column left to learn")
    return tuple(columns), notes


def _left_out(name: str, found: Survey) -> str | None:
    """Return why a column is left out, if it is: identifiers and free texts cannot be learned."""
    all_differ = found.different == found.rows > FEW
    is_text = found.numbers < found.rows - found.missing
    if all_differ and not found.missing:
        counts = found.whole and not is_text and found.high - found.low == found.rows - 1
        called = re.search(r"(^|[_\W])(id|uuid|key)$", name, re.IGNORECASE) or name.endswith(("ID", "Id"))
        if counts or (called and (is_text or found.whole)):
            return "it numbers the rows"
    most = max(-found.low, found.high)
    if not is_text and found.whole and not found.exact and most > _WHOLE and not _is_few(found):
        return "its whole numbers have more digits than a float keeps (`categorical` or `numeric` keeps it)"
    if not is_text or found.formats or _mixed(found):
        return None
    if all_differ:
        return "each of its texts is there once, as in an identifier (`categorical` keeps it)"
    if found.different > MOST_CATEGORIES:
        return f"it has {found.different:,} different texts (`categorical` keeps it)"
    return None


def _mixed(found: Survey) -> bool:
    """Return whether a column looks like numbers with a few texts among them."""
    present = found.rows - found.missing
    return 0.5 * present <= found.numbers < present and (
        found.different > 2 * FEW or found.different > 0.5 * found.rows
    )


def _column(name: str, found: Survey, chosen: Choices, path: str, unit: str) -> Column:
    present = found.rows - found.missing
    if name not in chosen.categorical:
        if found.infinite is not None:
            text, line = found.infinite
            raise UserError(f"column {name} of {path}, {unit} {line}: {text} is no finite number")
        forced = name in chosen.numeric
        if present and found.other is not None and (forced or _mixed(found)) and not found.formats:
            text, line = found.other
            cure = "" if forced else ": correct it, or name the column by `categorical` or by `ignore`"
            raise UserError(f"column {name} of {path}, {unit} {line}: {text!r:.60} among numbers{cure}")
        if forced and not found.numbers:
            raise UserError(f"column {name} of {path} holds no number, and `numeric` names it")
        missing = {"missing": bool(found.missing), "missing_text": found.missing_text}
        if found.numbers and found.other is None and (forced or not _is_few(found)):
            if 0 < found.high - found.low < _LEAST or max(-found.low, found.high) > _MOST:
                raise UserError(
                    f"column {name} of {path} goes from {found.low:g} to {found.high:g}, whose squares no "
                    "float holds: scale it, or name it by `categorical` or by `ignore`"
                )
            decimals = None if found.exact or found.decimals > _DIGITS else found.decimals
            kind = "integer" if found.whole and not found.exact else "numeric"
            return Column(name, kind, (), decimals, found.mark or ".", **missing)
        if present and not found.numbers and found.formats:
            return Column(name, "date", format=found.formats[0], **missing)
    if found.crowded:
        raise UserError(f"column {name} of {path} has more than {_KEPT:,} categories, which is too many")
    return Column(name, "categorical", _ordered(found.texts), missing="" in found.texts)


def _is_few(found: Survey) -> bool:
    """Return whether numbers are categories: a few whole ones that come again and again, or just two."""
    values = found.different - bool(found.missing)
    few = values <= FEW and found.whole and found.rows >= 2 * values
    return few or values <= 2


def _ordered(texts: Collection[str]) -> tuple[str, ...]:
    """Return categories in order: numbers by size, other texts by their letters."""
    values = {text: number(text) for text in texts if text}
    if any(value is None for value in values.values()):
        return tuple(sorted(texts))
    return ("",) * ("" in texts) + tuple(sorted(values, key=lambda text: (values[text], text)))
