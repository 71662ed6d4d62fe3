"""The command line. The only file that knows tyro.

A line is looked at before tyro reads it. A mistake is one sentence then, as in Python, where tyro prints a
box of its own; a value may be written as in Python too: 1e4 is a whole number, and none is None.
"""

import dataclasses
import difflib
import inspect
import sys
import types
import typing
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import tyro

from jaxgan.system import output
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.files import expanded
from jaxgan.system.settings import PLAIN, Info, converted, info_of

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
            arguments = _looked_at(arguments, _options(type(default)))
            return [tyro.cli(type(default), args=arguments, **plain)]
    shown: list[Any] = []
    for default in defaults:
        infos = info_of(type(default))
        for group in dict.fromkeys(info.group for info in infos.values()):
            kind = _group(default, group, infos)
            marked = Annotated[kind, tyro.conf.OmitArgPrefixes, argument(help="")]
            shown.append((group.replace(" ", "_"), marked, dataclasses.field(default=kind())))
    whole = dataclasses.make_dataclass("Options", shown, frozen=True)
    no_source = (tyro.conf.HelptextFromCommentsOff,)  # the settings have their help
    with exits(OSError):
        arguments = _looked_at(arguments, [each for default in defaults for each in _options(type(default))])
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
    arguments = _expanded(args)
    first = arguments[0] if arguments else ""
    if first not in ("-h", "--help") and not first.startswith("--tyro-"):
        if not first or first.startswith("-"):
            raise UserError(f"name a command: {', '.join(commands)}; {program} --help says what each does")
        with exits(positional=("command",)):
            name = choose("command", first, commands)
        arguments = [name, *_looked_at(arguments[1:], _options(inspect.unwrap(commands[name])))]
    return tyro.extras.subcommand_cli_from_dict(
        commands,
        prog=program,
        description=description,
        args=arguments,
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


class _Option(NamedTuple):
    """What a command line may hold.

    Attributes:
        name: the name, as in Python.
        kind: the type of the value.
        info: what a setting says of itself.
        is_place: whether the value is taken by its place.
        is_needed: whether there is no default.
        has_several: whether all values that follow belong to it.
    """

    name: str
    kind: Any
    info: Info
    is_place: bool
    is_needed: bool
    has_several: bool


def _options(of: Any) -> list[_Option]:
    """Return the options of a dataclass, or of a function."""
    infos = info_of(of) if dataclasses.is_dataclass(of) else {}
    hints = typing.get_type_hints(of, include_extras=True)
    options = []
    for name, parameter in inspect.signature(of).parameters.items():
        if name not in hints or (infos and name not in infos):  # *args of no command; the game of a config
            continue
        hint = hints[name]
        marks = getattr(hint, "__metadata__", ())
        kind = typing.get_args(hint)[0] if marks else hint
        info, is_needed = infos.get(name, PLAIN), parameter.default is parameter.empty
        is_place = Positional in marks or (is_needed and inspect.isfunction(of))  # PositionalRequiredArgs
        several = info.read is None and typing.get_origin(kind) is tuple and Appended not in marks
        options.append(_Option(name.rstrip("_"), kind, info, is_place, is_needed, several))
    return options


def _looked_at(args: list[str], options: list[_Option]) -> list[str]:
    """Return a command line whose names and values tyro takes.

    Raises:
        UserError: for an option that does not exist or has no value, for a value that has no meaning as the
            option's type, and for a value by its place that is missing or too many.
    """
    if "--help" in args or "-h" in args or any(each.startswith("--tyro-") for each in args):
        return args
    named = {option.name.replace("_", "-"): option for option in options if not option.is_place}
    places = [option for option in options if option.is_place]
    taken, rest, found = 0, list(args), list[str]()
    while rest:
        argument = rest.pop(0)
        if not argument.startswith("-") or argument == "-" or argument[1].isdigit():
            if taken == len(places):
                raise UserError(f"{argument} belongs to no option: a value with spaces takes quotes")
            found.append(_value(places[taken], argument))
            taken += 1
            continue
        flag, equals, value = argument.partition("=")
        name = flag.lstrip("-").replace("_", "-")
        negated = named.get(name.removeprefix("no-"))
        if flag.startswith("--") and name not in named and negated is not None and negated.kind is bool:
            found.append(f"--{name}")
            continue
        if name not in named or not flag.startswith("--"):
            raise UserError(f"there is no option {flag}{_meant(name, named)}")
        option = named[name]
        if option.kind is bool:
            given = value if equals else rest[0] if rest else ""
            if given.lower() in ("true", "false"):
                rest = rest if equals else rest[1:]
                name = name if given.lower() == "true" else f"no-{name}"
            elif equals:
                raise UserError(f"`{option.name}` is True or False, got {value}")
            found.append(f"--{name}")
            continue
        if not equals and (not rest or rest[0].startswith("--")):
            raise UserError(f"`{option.name}` needs a value")
        value = _value(option, value if equals else rest.pop(0))
        if option.has_several:
            found += [f"--{name}", value]
            while rest and not rest[0].startswith("--"):
                found.append(rest.pop(0))
        else:
            found.append(f"--{name}={value}")  # in one piece: the value may begin with a dash
    if lacking := [option.name.upper() for option in places[taken:] if option.is_needed]:
        raise UserError(f"{' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} missing")
    return found


def _value(option: _Option, text: str) -> str:
    """Return the text of a value as tyro takes it.

    Raises:
        UserError: if the text has no meaning as the option's type.
    """
    kinds = typing.get_args(option.kind) or (option.kind,)
    if types.NoneType in kinds and text.lower() == "none":
        return "None"
    is_text = option.info.read is not None or str in kinds or Path in kinds
    if is_text or typing.get_origin(option.kind) is tuple:
        return text
    return str(converted(option.name, text, option.kind, option.info))


def _meant(name: str, known: Collection[str]) -> str:
    """Return a question that names the options whose names are nearest, or an empty text."""
    name = name.lower()
    near = [each for each in known if name and set(name.split("-")) <= set(each.split("-"))]
    near = near or difflib.get_close_matches(name, known, 3)
    return f": did you mean {' or '.join(f'--{each}' for each in near[:3])}?" if near else ""


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
