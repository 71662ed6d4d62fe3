"""The members of a sweep: an experiment's settings, with some of them varied."""

import ast
import itertools
import math
import sys
import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.build import Pieces
from jaxgan.config import Config
from jaxgan.system.errors import UserError, choose
from jaxgan.system.settings import converted

NAME = "CONFIG"
Values = dict[str, list[Any]]


def read_config(script: Path) -> Config:
    """Return an experiment's settings; the script runs only as far as the line that makes them.

    Args:
        script: a Python file that holds ``CONFIG = Config(...)``.

    Raises:
        UserError: if the script cannot be read, fails, or holds no such line.
    """
    try:
        body = ast.parse(script.read_text(encoding="utf-8")).body
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise UserError(
            f"cannot read the experiment {script}: {getattr(error, 'strerror', error)}"
        ) from error
    places = [i for i, statement in enumerate(body) if _assigns(statement)]
    if not places:
        raise UserError(f"{script} holds no {NAME} = Config(...), which is what a sweep varies")
    if own := _own_pieces(body):
        raise UserError(
            f"{script} trains with pieces of its own ({', '.join(own)}), which a sweep cannot take"
        )
    first = ast.Module(body[: places[-1] + 1], [])
    scope: dict[str, Any] = {"__name__": script.stem, "__file__": str(script)}
    sys.path.insert(0, str(script.parent))  # as for a script that is run
    try:
        exec(compile(first, script, "exec"), scope)
    except Exception as error:
        raise UserError(f"{script} fails before its {NAME}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(script.parent))
    if not isinstance(scope[NAME], Config):
        kind = type(scope[NAME]).__name__
        raise UserError(f"{NAME} of {script} is of the type {kind}: a sweep varies a jaxgan.config.Config")
    if scope[NAME].distributed:
        raise UserError(f"{NAME} of {script} is distributed: a sweep runs in one process")
    return scope[NAME]


def _own_pieces(body: list[ast.stmt]) -> list[str]:
    """Return the pieces of its own that a script gives to `jaxgan.train.run`: a sweep would drop them."""
    calls = [node for node in ast.walk(ast.Module(body, [])) if isinstance(node, ast.Call)]
    runs = [call for call in calls if getattr(call.func, "attr", getattr(call.func, "id", "")) == "run"]
    given = {keyword.arg for call in runs for keyword in call.keywords}
    return [name for name in (*Pieces._fields, "dataset") if name in given]


def make(
    default: Config,
    *,
    grid: Sequence[str] = (),
    log_uniform: Sequence[str] = (),
    random: int | None = None,
    seeds: int = 1,
) -> list[Config]:
    """Return the members' settings: all combinations, or random ones, each with all seeds.

    Args:
        default: the experiment's config.
        grid: texts such as "generator-learning-rate=1e-4,2e-4".
        log_uniform: texts such as "generator-learning-rate=1e-5,1e-2".
        random: number of combinations to draw from the ranges and the grid; None: all of the grid's.
        seeds: number of seeds of each combination: the experiment's seed and those that follow it.

    Raises:
        UserError: if a name, a value or a combination is not allowed.
    """
    values = _by_name(default, "grid", grid)
    ranges = _by_name(default, "log_uniform", log_uniform)
    types = default.types
    for name, ends in ranges.items():
        if float not in (types[name], *typing.get_args(types[name])):
            raise UserError(f"`log_uniform` takes settings that are not whole numbers, and `{name}` is none")
        if len(ends) != 2 or None in ends or not 0 < ends[0] < ends[1] < math.inf:
            raise UserError(f"`log_uniform` {name}=low,high takes two positive numbers, got {ends}")
        if name in values:
            raise UserError(f"`{name}` has a `grid` and a `log_uniform` range: choose one")
    if seeds < 1:
        raise UserError(f"`seeds` must be at least 1, got {seeds}")
    if seeds > 1 and "seed" in values:
        raise UserError("`seeds` and `grid` seed both say which seeds: choose one")
    if ranges and random is None:
        raise UserError("`log_uniform` needs `random`, the number of draws")
    if random is not None and (random < 1 or not (ranges or values)):
        raise UserError("`random` is at least 1, and draws from `log_uniform` ranges and `grid` values")
    points = _all(values) if random is None else _draw(values, ranges, random, default.seed)
    unwatched = {"evaluate_every": None, "stop_at": None, "patience": None, "on_nan": "stop"}
    configs = [default.replace(**point, **unwatched).without_dead(default) for point in points]
    return [config.replace(seed=config.seed + i).check() for config in configs for i in range(seeds)]


def varied(members: Sequence[Config]) -> list[str]:
    """Return the names of the settings in which members differ; their games are of one kind."""
    settings = [member.settings() for member in members]
    return [name for name in members[0].types if len({each[name] for each in settings}) > 1]


def programs(members: Sequence[Config]) -> list[list[int]]:
    """Return the members' numbers, grouped by the programs that can train them."""
    groups: dict[Config, list[int]] = {}
    together = [name for name, info in members[0].infos.items() if info.sweep == "together"]
    alike: dict[str, Any] = {}  # the first number of each setting; None is another program than a number
    for i, member in enumerate(members):
        values = member.settings()
        numbers = {name: values[name] for name in together if values[name] is not None}
        alike = numbers | alike
        groups.setdefault(member.replace(**{name: alike[name] for name in numbers}), []).append(i)
    return list(groups.values())


def _by_name(default: Config, argument: str, texts: Sequence[str]) -> Values:
    """Return the values that texts such as "beta1=0,0.5" list, by the names of the default's settings.

    The value of a setting that is itself a list is the whole text: "hidden=128,64" is one value.
    """
    named: Values = {}
    types, infos = default.types, default.infos
    for text in texts:
        key, equals, listed = text.partition("=")
        if not equals:
            raise UserError(f"`{argument}` takes NAME=VALUE,VALUE,..., got {text}")
        name = choose(argument, key.strip().removeprefix("--"), types)
        sweep = infos[name].sweep
        if sweep == "never":
            raise UserError(f"`{argument}` {text}: a sweep sets `{name}` itself")
        parts = [listed] if sweep == "same" or _is_list(types[name]) else listed.split(",")
        none = ("none",) if type(None) in typing.get_args(types[name]) else ()  # or a name, or no list's part
        texts_of_values = (None if part.strip().lower() in none else part.strip() for part in parts)
        values = list(dict.fromkeys(converted(name, x, types[name], infos[name]) for x in texts_of_values))
        named[name] = named.get(name, []) + values
        if sweep == "same" and len(named[name]) > 1:
            raise UserError(f"`{name}` must be the same for all members of a sweep")
    return named


def _is_list(kind: Any) -> bool:
    """Return whether a type is that of tuples, or of tuples and None."""
    return tuple in map(typing.get_origin, (kind, *typing.get_args(kind)))


def _all(values: Values) -> list[dict[str, Any]]:
    return [dict(zip(values, point, strict=True)) for point in itertools.product(*values.values())]


def _draw(values: Values, ranges: Values, count: int, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    points = []
    for _ in range(count):
        exponents = {name: rng.uniform(*np.log(ends)) for name, ends in ranges.items()}
        drawn = {name: float(f"{math.exp(exponent):.4g}") for name, exponent in exponents.items()}
        points.append(drawn | {name: choices[rng.integers(len(choices))] for name, choices in values.items()})
    return points


def _assigns(statement: ast.stmt) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return any(isinstance(target, ast.Name) and target.id == NAME for target in targets)
