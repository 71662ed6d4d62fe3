"""A setting: a field of a frozen dataclass that knows its help text, its choices and its place in ``--help``.

What a program must know of a setting stands in the field itself, so no list of names is kept beside it.
"""

import dataclasses
import os
import re
import types
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded

Size = int | tuple[int, int]  # pixels: height and width, or one number for both
GIVEN = "a value"  # in `Info.only` and `Info.idle`: any value of the other setting but None


class Info(NamedTuple):
    """What a field says of itself.

    Attributes:
        help: one line for ``--help``.
        group: title of the part of ``--help`` that shows it.
        choices: the names that it takes, or None for any value.
        metavar: how ``--help`` writes its value; None for the type's name.
        practical: whether a run may change it when it goes on: it has no part in what a step computes.
        sweep: "together" if members of one compiled program may differ in it, "apart" if each value needs a
            program of its own, "same" if all members share it, "never" if a sweep sets it itself.
        only: the setting has an effect only with these values of another one: ``{"network": ("dcgan",)}``.
        idle: the setting has no effect with these values of another one: ``{"penalty": ("none",)}``.
        within: smallest and largest value that is allowed, None for no limit.
        open_ends: whether the limits themselves are refused, smallest and largest.
        multiple: whether the command line takes several values with commas between.
        read: makes the value of the command line's text; None for the type's own.
    """

    help: str
    group: str
    choices: Collection[str] | None = None
    metavar: str | None = None
    practical: bool = False
    sweep: str = "apart"
    only: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    idle: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    within: tuple[float | None, float | None] = (None, None)
    open_ends: tuple[bool, bool] = (False, False)
    multiple: bool = False
    read: Callable[[str], Any] | None = None


def setting(default: Any, help: str, *, group: str, **options: Any) -> Any:
    """Make a dataclass field with an `Info`; the options are its other attributes."""
    return dataclasses.field(default=default, metadata={"info": Info(help, group, **options)})


def info_of(kind: Any) -> dict[str, Info]:
    """Return what each field of a dataclass says of itself; fields that are no settings are left out."""
    infos = {field.name: field.metadata.get("info") for field in dataclasses.fields(kind)}
    return {name: info for name, info in infos.items() if info is not None}


def types_of(kind: Any) -> dict[str, Any]:
    """Return the type of each setting of a dataclass."""
    return {field.name: field.type for field in dataclasses.fields(kind) if "info" in field.metadata}


def parse_size(text: str) -> tuple[int, int]:
    """Return the height and width of a text such as "32" or "32x48".

    Raises:
        UserError: if the text is not such a size.
    """
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", text)
    if match is None:
        raise UserError(f"`image_size` is H or HxW in pixels, such as 32 or 32x48, got {text}")
    return int(match[1]), int(match[2] or match[1])


PLAIN = Info("", "")  # of an argument that says nothing of itself


def converted(name: str, value: Any, kind: Any, info: Info = PLAIN) -> Any:
    """Return a value as the type of a setting or of a function's argument, if it has one meaning there.

    A path is a text, NumPy's numbers and arrays of one number are Python's, 1e4 is a whole number, a list is
    a tuple, and a text is read as on the command line.

    Args:
        name: name of the setting or the argument.
        value: the value that a caller gave.
        kind: the type that the value is to have.
        info: what the setting says of itself.

    Raises:
        UserError: if the value has no meaning there; the sentence says what was expected and what came.
    """
    is_union = typing.get_origin(kind) in (typing.Union, types.UnionType)
    kinds = typing.get_args(kind) if is_union else (kind,)
    if value is None and types.NoneType in kinds:
        return None
    if value is None and info.choices is not None:  # Config(penalty=None)
        value = () if info.multiple else "none"
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and info.read is not None:
        value = info.read(value)
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        number = value.item()  # numpy.float32(0.001) means 0.001, and not its digits as a float64
        value = float(str(value)) if isinstance(number, float) else number
    for each in kinds:
        try:
            return _as(value, each)
        except (TypeError, ValueError, OverflowError):
            pass
    raise UserError(f"`{name}` is {_expected(kinds, info)}, got {value!r:.60} ({type(value).__name__})")


def _as(value: Any, kind: Any) -> Any:
    """Return a value as a type; raise TypeError or ValueError where it has no meaning as that type."""
    if kind is bool:
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise TypeError
        return value
    if kind is int:
        return _whole(value)
    if kind is float:
        if isinstance(value, bool):
            raise TypeError
        return float(value)
    if kind is str:
        if not isinstance(value, str):
            raise TypeError
        return value
    if typing.get_origin(kind) is typing.Literal:
        texts = {str(each).lower(): each for each in typing.get_args(kind)}
        if value not in texts.values() and str(value).lower() not in texts:
            raise ValueError
        return texts[str(value).lower()]
    if typing.get_origin(kind) is tuple:
        return _tuple(value, typing.get_args(kind))
    if kind is Path:
        return expanded(value)
    raise TypeError  # None, which has been looked at


def _whole(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    if isinstance(value, str):
        value = int(value) if value.strip().lstrip("+-").isdecimal() else float(value)
    if value != int(value):
        raise ValueError
    return int(value)


def _tuple(value: Any, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a sequence as a tuple; one value alone is a tuple of one, where any length is allowed."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    any_length = len(kinds) == 2 and kinds[1] is ...
    if isinstance(value, str) or not isinstance(value, Iterable):
        if not any_length:
            raise TypeError
        value = (value,)
    if isinstance(value, Mapping | set | frozenset):
        raise TypeError
    values = tuple(value)
    if not any_length and len(values) != len(kinds):
        raise ValueError
    return tuple(_as(each, kinds[0]) for each in values)


def _expected(kinds: tuple[Any, ...], info: Info) -> str:
    """Return in words what a field takes."""
    words = {bool: "True or False", int: "a whole number", float: "a number", str: "a text", Path: "a path"}
    parts = [words[kind] for kind in kinds if kind in words]
    for kind in kinds:
        if typing.get_origin(kind) is typing.Literal:
            parts += map(str, typing.get_args(kind))
        elif typing.get_origin(kind) is tuple:
            members = typing.get_args(kind)
            of = "texts" if members[0] is str else "whole numbers"
            parts.append(f"several {of}" if members[-1] is ... else f"{len(members)} {of}")
    if types.NoneType in kinds:
        parts.append("None")
    text = " or ".join(parts)
    return f"{text} ({', '.join(info.choices)})" if info.choices is not None else text
