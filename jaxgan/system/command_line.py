"""The command line. The only file that knows tyro."""

import dataclasses
import os
import sys
import typing
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import tyro

from jaxgan.system.errors import exits
from jaxgan.system.settings import Info, info_of

Settings = TypeVar("Settings")
Positional, Appended, argument = tyro.conf.Positional, tyro.conf.UseAppendAction, tyro.conf.arg


def parse(
    default: Settings,
    *,
    description: str,
    args: Sequence[str] | None = None,
    program: str | None = None,
    extra: Any = None,
) -> Any:
    """Read the command line of a program; an unknown option ends it with exit code 2.

    Args:
        default: a frozen dataclass. Fields made by `jaxgan.system.settings.setting` are shown in groups.
        description: the help's first lines.
        args: arguments, in the place of the command line's.
        program: name of the program in its help; None for the script's.
        extra: another dataclass whose fields come first; it is returned beside the settings.

    Returns:
        The settings; with `extra`, both.
    """
    infos, arguments = info_of(type(default)), _expanded(args)
    if not infos:
        return tyro.cli(type(default), default=default, description=description, args=arguments, prog=program)
    groups = dict.fromkeys(info.group for info in infos.values())
    kinds = {group: _group(default, group, infos) for group in groups}
    fields: list[Any] = [] if extra is None else [("extra", tyro.conf.OmitArgPrefixes[type(extra)], extra)]
    fields += [
        (group.replace(" ", "_"), tyro.conf.OmitArgPrefixes[kind], kind()) for group, kind in kinds.items()
    ]
    whole = dataclasses.make_dataclass(
        "Options",
        [(name, kind, dataclasses.field(default=value)) for name, kind, value in fields],
        frozen=True,
    )
    whole.__doc__ = description
    arguments = _flags(arguments, _booleans(type(default)))
    parsed = tyro.cli(whole, description=_paragraphs(description), args=arguments, prog=program)
    values: dict[str, Any] = {}
    for group in kinds:
        values |= vars(getattr(parsed, group.replace(" ", "_")))
    with exits():
        settings = dataclasses.replace(default, **{name: _read(infos[name], x) for name, x in values.items()})
        settings = settings.without_dead(default) if hasattr(settings, "without_dead") else settings
    return settings if extra is None else (settings, parsed.extra)


def call(
    commands: dict[str, Any], *, program: str, description: str, args: Sequence[str] | None = None
) -> Any:
    """Call the command that the command line names, with its arguments."""
    return tyro.extras.subcommand_cli_from_dict(
        commands, prog=program, description=description, args=_expanded(args)
    )


def _group(default: Any, group: str, infos: dict[str, Info]) -> type:
    """Return a dataclass of the settings of one group, as tyro is to show them."""
    hints = typing.get_type_hints(type(default))
    fields = []
    for name, info in infos.items():
        if info.group != group:
            continue
        value, kind = getattr(default, name), hints[name]
        if info.read is not None:  # text here; the settings make the value of it
            kind, value = str | None, None if value is None else _written(value)
        metavar = info.metavar or (f"{{{','.join(info.choices)}}}" if info.choices else None)
        marked = Annotated[kind, argument(help=info.help, metavar=metavar)]
        fields.append((name, marked, dataclasses.field(default=value)))
    return dataclasses.make_dataclass(
        group.title().replace(" ", ""), fields, frozen=True, namespace={"__doc__": ""}
    )


def _read(info: Info, value: Any) -> Any:
    return info.read(value) if info.read is not None and isinstance(value, str) else value


def _written(value: Any) -> str:
    """Return a value as the command line would write it."""
    if isinstance(value, tuple):
        return "x".join(map(str, value)) if value and isinstance(value[0], int) else ",".join(value) or "none"
    return str(value)


def _booleans(kind: Any) -> set[str]:
    hints = typing.get_type_hints(kind)
    return {"--" + name.replace("_", "-") for name, hint in hints.items() if hint is bool}


def _flags(args: list[str], booleans: set[str]) -> list[str]:
    """Return the arguments with ``--flag False`` as ``--no-flag``, and ``--flag True`` as ``--flag``."""
    flags: list[str] = []
    i = 0
    while i < len(args):
        name, equals, value = args[i].partition("=")
        name = name.replace("_", "-")
        if name in booleans:
            given = value if equals else args[i + 1] if i + 1 < len(args) else ""
            if given.lower() in ("true", "false"):
                flags.append(name if given.lower() == "true" else "--no-" + name.removeprefix("--"))
                i += 1 if equals else 2
                continue
        flags.append(args[i])
        i += 1
    return flags


def _paragraphs(description: str) -> str:
    """Return a docstring so that each of its lines of code stays a line of its own."""
    lines = description.strip().splitlines()
    return "\n".join(line + "\n" * line.startswith("    ") for line in lines)


def _expanded(args: Sequence[str] | None) -> list[str]:
    """Return a command line with the ``~`` of ``--option=~/path`` replaced, which shells leave as it is."""
    parts = [argument.partition("=") for argument in (sys.argv[1:] if args is None else args)]
    return [name + equals + os.path.expanduser(value) for name, equals, value in parts]
