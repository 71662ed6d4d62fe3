"""Pieces of one's own: what is expected of them, and a sentence where something else comes."""

import inspect
from typing import Any

import flax.linen as nn
import optax


def check_module(role: str, piece: Any) -> None:
    """Raise `ValueError` unless a piece is a flax.linen module.

    Args:
        role: what it is for, e.g. "generator".
        piece: what a caller gave.
    """
    if not isinstance(piece, nn.Module):
        raise ValueError(f"the {role} is a flax.linen module, got {kind_of(piece)}")


def check_function(argument: str, piece: Any, signature: str, *, example: str) -> None:
    """Raise `ValueError` unless a piece is a function or None.

    Args:
        argument: the argument's name.
        piece: what a caller gave.
        signature: how it is called, and what it returns.
        example: a call that makes such a function.
    """
    if piece is not None and (not callable(piece) or isinstance(piece, nn.Module | type)):
        raise ValueError(f"`{argument}` is a function {signature}, e.g. {example}; got {kind_of(piece)}")


def check_optimizer(role: str, piece: Any) -> None:
    """Raise `ValueError` unless a piece is an optimizer of Optax.

    Args:
        role: whose optimizer it is, e.g. "generator".
        piece: what a caller gave.
    """
    if not isinstance(piece, optax.GradientTransformation):
        raise ValueError(
            f"the {role}'s optimizer is one of Optax, e.g. optax.adam(2e-4, b1=0.5); got {kind_of(piece)}"
        )


def check_array(value: Any, what: str) -> None:
    """Raise `ValueError` unless a value is one array.

    Args:
        value: what a piece returned.
        what: what it is expected to return, as a sentence: "the generator returns images [B, H, W, C]".
    """
    if not (hasattr(value, "shape") and hasattr(value, "dtype")):
        raise ValueError(f"{what}, got {kind_of(value)}")


def mean(values: Any, count: int, what: str) -> Any:
    """Return the mean of one number for each of `count` examples, or one number for all as it is.

    Args:
        values: ``[count]`` or ``[]``.
        count: number of examples.
        what: as for `check_array`.

    Raises:
        ValueError: for anything else.
    """
    check_array(values, what)
    if values.shape not in ((), (count,)):
        raise ValueError(f"{what}, got shape {list(values.shape)} for {count} examples")
    return values.mean()


def kind_of(value: Any) -> str:
    """Return in words what a value is."""
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}, and not one made by it"
    if isinstance(value, str):
        return f"the text {value!r:.40}"
    if isinstance(value, bool | int | float):
        return f"the number {value}"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)}"
    if inspect.isroutine(value):
        return f"the function {value.__name__}"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"an array {value.dtype} {list(value.shape)}"
    if any(base.__module__.startswith("flax.nnx") for base in type(value).__mro__):
        return f"a {type(value).__name__} of Flax NNX, which losses, penalties and metrics take, but no run"
    return f"a {type(value).__name__}"
