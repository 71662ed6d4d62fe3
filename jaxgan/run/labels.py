"""Labels of the user's own pieces, which a run's config.json keeps.

A run goes on only with the pieces that it began with. Functions cannot be compared after the program that
made them has ended, so each piece is described by a text: its type, its name, and the numbers, strings and
functions that it was made with. ``penalties.r1(gamma=10.0)`` is "jaxgan.penalties.gradient.r1(gamma=10.0)".
The text does not show code that was edited, or the content of an object of your own class: give such a piece
a label.
"""

import functools
import types
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import numpy as np

from jaxgan.features import Extractor
from jaxgan.system.errors import UserError

LONGEST = 200  # characters of a label; a longer one ends in a checksum of the whole
DEEPEST = 12  # levels of functions that are made of functions


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


def describe(piece: Any, depth: int = 0) -> str:
    """Return a text that differs between pieces that were made differently.

    Args:
        piece: anything.
        depth: level of nesting, which is limited because functions may refer to each other in circles.
    """
    if depth > DEEPEST:
        return "..."
    describe = functools.partial(_describe, depth=depth + 1)
    if isinstance(piece, nn.Module):
        return " ".join(repr(piece).split())
    if isinstance(piece, Extractor):
        return f"{piece.name} {piece.hash}"
    if isinstance(piece, functools.partial):
        options = [describe(value) for value in piece.args]
        options += [f"{name}={describe(value)}" for name, value in piece.keywords.items()]
        return f"{describe(piece.func)}({', '.join(options)})"
    if isinstance(piece, types.FunctionType):
        return _function(piece, describe)
    if isinstance(getattr(piece, "__wrapped__", None), types.FunctionType):  # e.g. a function under jax.jit
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
    if isinstance(piece, type):
        return f"{piece.__module__}.{piece.__qualname__}"
    if isinstance(piece, np.ndarray) or (hasattr(piece, "dtype") and hasattr(piece, "shape")):
        array = np.asarray(piece)
        return f"{array.dtype}{list(array.shape)} {zlib.crc32(array.tobytes()):08x}"
    text = repr(piece)
    return describe(type(piece)) if " at 0x" in text else text


_describe = describe  # inside `describe`, the name stands for the function at the next depth


def _function(function: types.FunctionType, describe: Callable[[Any], str]) -> str:
    """Return a function's name with the variables that it closes over, which it was made with."""
    name = f"{function.__module__}.{function.__qualname__}"
    inside = f".<locals>.{function.__name__}"
    name = name.removesuffix(inside) if name.endswith(inside) else name
    if function.__name__ == "<lambda>":
        code = function.__code__
        name += f" {[*code.co_names, *code.co_varnames, *map(str, code.co_consts)]}"
    variables = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    bindings = []
    for variable, cell in variables:
        try:
            value = cell.cell_contents
        except ValueError:  # a variable that has no value yet
            continue
        if value is not function:
            bindings.append(f"{variable}={describe(value)}")
    return f"{name}({', '.join(bindings)})" if bindings else name


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 12]}... {zlib.crc32(text.encode()):08x}"
