"""A setting: a field of a frozen dataclass that knows its help text, its choices and its place in ``--help``.

What a program must know of a setting stands in the field itself, so no list of names is kept beside it.
"""

import dataclasses
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


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
