"""Labels of the user's own pieces, which a run's config.json keeps.

A run goes on only with the pieces that it began with. Functions cannot be compared after the program that
made them has ended, so each piece is described by a text: its type, its name, and the numbers, strings and
functions that it was made with. ``penalties.r1(gamma=10.0)`` is
"jaxgan.penalties.gradient.r1(gamma=10.0, step=0)".
The text does not show code that was edited, or the content of an object of your own class: give such a piece
a label.
"""

import contextlib
import dataclasses
import functools
import types
import zlib
from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import numpy as np

from jaxgan.features import Extractor
from jaxgan.system.errors import UserError

LONGEST = 200  # characters of a label; a longer one ends in a checksum of the whole


def labels_of(pieces: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Return a label for each piece that is not None.

    Args:
        pieces: pieces by name.
        given: labels that the user gave, by the same names.

    Raises:
        UserError: if a label names a piece that was not given.
    """
    own = {name: piece for name, piece in pieces.items() if piece is not None}
    if unknown := [name for name in given if name not in own]:
        raise UserError(f"`labels` names {', '.join(unknown)}, and no such piece of your own was given")
    return {name: str(given.get(name) or _short(describe(piece))) for name, piece in own.items()}


def describe(piece: Any, seen: set[int] | None = None) -> str:
    """Return a text that differs between pieces that were made differently, and is the same in each process.

    Args:
        piece: anything.
        seen: identities of the functions that were described already; functions may refer to each other.
    """
    describe = functools.partial(_describe, seen=set() if seen is None else seen)
    if isinstance(piece, nn.Module):
        fields = [field.name for field in dataclasses.fields(piece) if field.name not in ("parent", "name")]
        values = [f"{name}={describe(getattr(piece, name))}" for name in fields]
        return f"{_name(type(piece))}({', '.join(values)})"
    if isinstance(piece, Extractor):
        return f"{piece.name} {piece.hash}"
    if isinstance(piece, functools.partial):
        options = [describe(value) for value in piece.args]
        options += [f"{name}={describe(value)}" for name, value in piece.keywords.items()]
        return f"{describe(piece.func)}({', '.join(options)})"
    if isinstance(piece, types.FunctionType):
        return _function(piece, describe.keywords["seen"])
    if hasattr(piece, "__wrapped__"):  # e.g. a function under jax.jit
        return describe(piece.__wrapped__)
    if isinstance(piece, types.MethodType):
        return f"{describe(piece.__self__)}.{piece.__name__}"
    if isinstance(piece, tuple) and hasattr(piece, "_fields"):
        fields = [f"{name}={describe(getattr(piece, name))}" for name in piece._fields]
        return f"{type(piece).__name__}({', '.join(fields)})"
    if isinstance(piece, tuple | list):
        return f"[{', '.join(map(describe, piece))}]"
    if isinstance(piece, Mapping):
        return f"{{{', '.join(f'{name}: {describe(value)}' for name, value in piece.items())}}}"
    if isinstance(piece, np.ndarray) or (hasattr(piece, "dtype") and hasattr(piece, "shape")):
        array = np.asarray(piece)
        return f"{array.dtype}{list(array.shape)} {zlib.crc32(array.tobytes()):08x}"
    if isinstance(piece, type) or hasattr(piece, "__qualname__"):
        return _name(piece)
    text = repr(piece)
    return _name(type(piece)) if " at 0x" in text else text


_describe = describe  # inside `describe`, the name stands for the function with what was seen


def _function(function: types.FunctionType, seen: set[int]) -> str:
    """Return a function's name with its defaults and the variables that it closes over."""
    inside = f".<locals>.{function.__name__}"
    name = _name(function).removesuffix(inside)
    if function.__name__ == "<lambda>":
        name += f" {_code(function.__code__)}"
    if id(function) in seen:
        return name
    seen.add(id(function))
    values = []
    for variable, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with contextlib.suppress(ValueError):  # a variable that has no value yet
            values.append((variable, cell.cell_contents))
    values += [("default", value) for value in function.__defaults__ or ()]
    values += sorted((function.__kwdefaults__ or {}).items())
    texts = [f"{variable}={describe(value, seen)}" for variable, value in values if value is not None]
    return f"{name}({', '.join(texts)})" if texts else name


def _name(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '')}.{thing.__qualname__}"


def _code(code: types.CodeType) -> list[str]:
    """Return what a lambda, which has no name, computes with: its names and constants."""
    constants = [_code(x) if isinstance(x, types.CodeType) else x for x in code.co_consts]
    return [*code.co_names, *code.co_varnames, *map(str, constants)]


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 12]}... {zlib.crc32(text.encode()):08x}"
