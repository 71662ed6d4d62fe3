"""The command line. The only file that knows tyro."""

import dataclasses
import inspect
import sys
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import tyro

from jaxgan.system import output
from jaxgan.system.errors import exits
from jaxgan.system.files import expanded
from jaxgan.system.settings import Info, info_of

Positional, Appended, argument = tyro.conf.Positional, tyro.conf.UseAppendAction, tyro.conf.arg


def parse(default: Any, *, description: str, args: Sequence[str] | None = None) -> Any:
    """Read the command line of a program; an unknown option ends it with exit code 2.

    Args:
        default: a frozen dataclass. Fields made by `jaxgan.system.settings.setting` are shown in groups.
        description: the help's first lines.
        args: arguments, in the place of the command line's.

    Returns:
        The dataclass with what the command line says.
    """
    return parse_all([default], description=description, args=args)[0]


def parse_all(
    defaults: Sequence[Any],
    *,
    description: str,
    args: Sequence[str] | None = None,
    program: str | None = None,
) -> list[Any]:
    """Read several dataclasses from one command line; see `parse`.

    Args:
        defaults: frozen dataclasses whose fields have different names.
        description: the help's first lines.
        args: arguments, in the place of the command line's.
        program: name of the program in its help; None for the script's.
    """
    output.prepare()
    arguments, description = _expanded(args), _paragraphs(description)
    if not info_of(type(defaults[0])):  # a dataclass of plain fields, such as an experiment's own
        (default,) = defaults
        plain: dict[str, Any] = {"default": default, "description": description, "prog": program}
        with exits(OSError):
            return [tyro.cli(type(default), args=arguments, **plain)]
    shown: list[Any] = []
    for default in defaults:
        infos = info_of(type(default))
        for group in dict.fromkeys(info.group for info in infos.values()):
            kind = _group(default, group, infos)
            marked = Annotated[kind, tyro.conf.OmitArgPrefixes, argument(help="")]
            shown.append((group.replace(" ", "_"), marked, dataclasses.field(default=kind())))
    whole = dataclasses.make_dataclass("Options", shown, frozen=True)
    booleans = set().union(*(_booleans(type(default)) for default in defaults))
    arguments = _flags(arguments, booleans)
    no_source = (tyro.conf.HelptextFromCommentsOff,)  # the settings have their help
    with exits(OSError):
        parsed = tyro.cli(whole, description=description, args=arguments, prog=program, config=no_source)
    values: dict[str, Any] = {}
    for name, _, _ in shown:
        values |= vars(getattr(parsed, name))
    with exits():
        return [_with(default, values) for default in defaults]


def _with(default: Any, values: dict[str, Any]) -> Any:
    """Return a dataclass with its share of the values that the command line gives."""
    infos = info_of(type(default))
    settings = dataclasses.replace(default, **{name: _read(infos[name], values[name]) for name in infos})
    return settings.without_dead(default) if hasattr(settings, "without_dead") else settings


def call(
    commands: dict[str, Any], *, program: str, description: str, args: Sequence[str] | None = None
) -> Any:
    """Call the command that the command line names, with its arguments."""
    output.prepare()
    return tyro.extras.subcommand_cli_from_dict(
        commands,
        prog=program,
        description=description,
        args=_expanded(args),
        config=(tyro.conf.PositionalRequiredArgs,),
    )


def positional(command: Callable[..., Any]) -> tuple[str, ...]:
    """Return the arguments that a command takes by their place."""
    hints = typing.get_type_hints(inspect.unwrap(command), include_extras=True)
    return tuple(name for name, hint in hints.items() if Positional in getattr(hint, "__metadata__", ()))


def _group(default: Any, group: str, infos: dict[str, Info]) -> type:
    """Return a dataclass of the settings of one group, as tyro is to show them."""
    hints = typing.get_type_hints(type(default))
    fields = []
    for name, info in infos.items():
        if info.group != group:
            continue
        value, kind = getattr(default, name), hints[name]
        if info.read is not None:  # text here; the settings make the value of it
            kind, value = str | None, None if value is None else _written(info, value)
        metavar = info.metavar or (f"{{{','.join(info.choices)}}}" if info.choices else None)
        marked = Annotated[kind, argument(help=info.help, metavar=metavar)]
        fields.append((name, marked, dataclasses.field(default=value)))
    return dataclasses.make_dataclass(
        group.title().replace(" ", ""), fields, frozen=True, namespace={"__doc__": ""}
    )


def _read(info: Info, value: Any) -> Any:
    return info.read(value) if info.read is not None and isinstance(value, str) else value


def _written(info: Info, value: Any) -> str:
    """Return a value as the command line would write it."""
    if isinstance(value, tuple):
        separator = "x" if "HxW" in (info.metavar or "") else ","
        return separator.join(map(str, value)) or "none"
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
    lines = [*description.strip().splitlines(), ""]
    is_code = [line.startswith("    ") for line in lines]
    return "\n".join(
        line + "\n" * (here and following)
        for line, here, following in zip(lines, is_code, is_code[1:], strict=False)
    )


def _expanded(args: Sequence[str] | None) -> list[str]:
    """Return a command line with the ``~`` of ``--option=~/path`` replaced, which shells leave as it is."""
    with exits():
        return [_with_home(argument) for argument in (sys.argv[1:] if args is None else args)]


def _with_home(argument: str) -> str:
    name, equals, value = argument.partition("=") if argument.startswith("-") else ("", "", argument)
    return name + equals + (str(expanded(value)) if value.startswith("~") else value)
