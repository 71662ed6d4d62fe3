"""A player's module with its submodules: the mapped axis that they know, and their batch statistics."""

import dataclasses
from typing import Any

import flax.linen as nn
import jax

from jaxgan.state import Variables


def _submodules(module: nn.Module) -> dict[str, nn.Module]:
    """Return the modules that are fields of a module, by name."""
    names = [field.name for field in dataclasses.fields(module) if field.name not in ("parent", "name")]
    fields = {name: getattr(module, name) for name in names}
    return {name: value for name, value in fields.items() if isinstance(value, nn.Module)}


def on_axis(module: nn.Module, axis_name: str | None) -> nn.Module:
    """Return a module for a mapped axis: it and its submodules get the name if they have a field for it."""
    changes: dict[str, Any] = {name: on_axis(each, axis_name) for name, each in _submodules(module).items()}
    if hasattr(module, "axis_name"):
        changes["axis_name"] = axis_name
    return module.clone(**changes) if changes else module


def without_axis(module: nn.Module, collection: Any) -> str:
    """Return the name of a module that has batch statistics and no field ``axis_name``; "" if none does."""
    parts = _submodules(module)
    own = {name: value for name, value in collection.items() if name not in parts}
    if has_batch_statistics(own) and not hasattr(module, "axis_name"):
        return type(module).__name__
    names = (without_axis(part, collection.get(name, {})) for name, part in parts.items())
    return next(filter(None, names), "")


def has_batch_statistics(collections: Variables) -> bool:
    """Return whether collections hold BatchNorm's leaves (``mean``, ``var``), and not just SpectralNorm's."""
    leaves = jax.tree_util.tree_leaves_with_path(collections)
    return any(getattr(path[-1], "key", None) in ("mean", "var") for path, _ in leaves)


def part_of(module: Any, variables: Variables, name: str) -> tuple[Any, Variables] | None:
    """Return a network of a player with its variables; None if the player has no field of that name."""
    if not hasattr(module, name):
        return None
    return getattr(module, name), {kind: tree[name] for kind, tree in variables.items() if name in tree}
