"""Which array of a file becomes which variable of a network, and what is said where they differ."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.inert import Layers, WeightFile, shown
from jaxgan.state import Variables, named_leaves, with_leaves
from jaxgan.system.random import seed_key

_WRAPPERS = ("module", "Model")
_SHOWN = 3  # names of each kind in a message


class OtherNetworkError(ValueError):
    """A file's network is another one; the message names the layers that differ."""


class Entry(NamedTuple):
    """One variable.

    Attributes:
        ours: its name, as `jaxgan.state.named_leaves` has it.
        theirs: names of the arrays that it is made of.
        layout: ``arrays -> variable``.
    """

    ours: str
    theirs: tuple[str, ...]
    layout: Callable[..., np.ndarray]


class Plan(NamedTuple):
    """A network of jaxgan's, and what its variables are made of.

    Attributes:
        module: the network.
        entries: its variables.
        image_shape: ``(height, width, channels)``.
        latent_dim: length of a latent; 0 for a discriminator.
        num_classes: number of classes; None without labels.
        unused: pattern of the names of arrays that the network does not need.
        notes: what a user should know.
    """

    module: nn.Module
    entries: list[Entry]
    image_shape: tuple[int, int, int]
    latent_dim: int
    num_classes: int | None
    unused: str
    notes: tuple[str, ...] = ()


class Source:
    """The layers of one network in a file.

    Args:
        file: the file.
        layers: its layers; the name of a wrapper before all of them is dropped.
    """

    def __init__(self, file: WeightFile, layers: Layers) -> None:
        self.file, self.tensors, self.settings = file, dict(layers.tensors), dict(layers.settings)
        for wrapper in _WRAPPERS:
            start = f"{wrapper}."
            if self.tensors and all(name.startswith(start) for name in self.tensors):
                self.tensors = {name.removeprefix(start): each for name, each in self.tensors.items()}
                self.settings = {name.removeprefix(start): each for name, each in self.settings.items()}

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def shape(self, name: str, axes: int) -> tuple[int, ...]:
        """Return the shape of an array that has some number of axes.

        Raises:
            OtherNetworkError: if there is none, or it has other axes.
        """
        if name not in self.tensors:
            raise OtherNetworkError(f"it lacks {name}, and has {_some(self.tensors)}")
        shape = self.tensors[name].shape
        if len(shape) != axes or 0 in shape:
            raise OtherNetworkError(
                f"{name} has the shape {list(shape)}, which does not have {axes} axes of numbers"
            )
        return shape

    def numbers(self, pattern: str) -> list[int]:
        """Return the numbers in names that begin with a pattern, whose one group is a number, in order."""
        found = {int(match[1]) for name in self.tensors if (match := re.match(pattern, name))}
        return sorted(found)

    def count(self, pattern: str) -> int:
        """Return how many numbers from 0 on there are, as `numbers` finds them, without a gap."""
        found = self.numbers(pattern)
        return next((i for i, number in enumerate(found) if i != number), len(found))

    def array(self, name: str) -> np.ndarray:
        """Return an array."""
        return self.file.array(self.tensors[name])

    def require(self, setting: str, allowed: Iterable[Any], places: str = "") -> None:
        """Raise `OtherNetworkError` unless a setting is an allowed one wherever it is recorded.

        Args:
            setting: name of the setting.
            allowed: its values.
            places: pattern of the names of modules that are looked at.
        """
        for place, settings in self.settings.items():
            if re.match(places, place) and setting in settings and settings[setting] not in allowed:
                value = shown(str(settings[setting]))
                known = " or ".join(map(str, allowed))
                raise OtherNetworkError(
                    f"{setting} of {shown(place) or 'the network'} is {value}, not {known}"
                )

    def has_setting(self, setting: str) -> bool:
        """Return whether any module has a setting that is neither None nor False."""
        return any(each.get(setting) not in (None, False) for each in self.settings.values())


def check_filters(source: Source, names: str, taps: Iterable[float]) -> None:
    """Raise `OtherNetworkError` unless all filters are the outer product of some taps, with sum 1.

    Args:
        source: the layers.
        names: pattern of the filters' whole names.
        taps: the one-dimensional filter.
    """
    row = np.array(list(taps))
    wanted = np.outer(row, row) / row.sum() ** 2
    for name in source.tensors:
        if re.fullmatch(names, name) and source.tensors[name].shape not in ((), (1,), (1, 1)):
            found = source.array(name)
            if found.shape != wanted.shape or not np.allclose(found, wanted, atol=1e-6):
                raise OtherNetworkError(f"the filter {shown(name)} is another one than {list(taps)}")


def variables_of(source: Source, plan: Plan, inputs: tuple[int, ...]) -> Variables:
    """Return a network's variables.

    Args:
        source: the layers.
        plan: what the variables are made of.
        inputs: shape of what the network takes, without the batch.

    Raises:
        OtherNetworkError: if the file has other layers, or layers of other shapes.
        ValueError: if a tensor is damaged, or has numbers that are not finite.
    """
    labels = None if plan.num_classes is None else jax.ShapeDtypeStruct((1,), jnp.int32)
    shapes = jax.ShapeDtypeStruct((1, *inputs), jnp.float32)
    like = jax.eval_shape(partial(plan.module.init, train=False), seed_key(0), shapes, labels)
    needed, used = named_leaves(like), {name for entry in plan.entries for name in entry.theirs}
    lacking = [name for entry in plan.entries for name in entry.theirs if name not in source]
    further = [name for name in source.tensors if name not in used and not re.fullmatch(plan.unused, name)]
    differences = []
    if lacking:
        differences.append(f"it lacks {_some(lacking)}")
    if further:
        differences.append(f"it has {_some(further)}, which this network has not")
    if differences:
        raise OtherNetworkError(", and ".join(differences))
    leaves: dict[str, Any] = {}
    for ours, theirs, layout in plan.entries:
        arrays = [source.array(name) for name in theirs]
        wanted = needed[ours].shape if ours in needed else None
        try:
            leaf = layout(*arrays)
        except ValueError:  # an array with other axes
            leaf = arrays[0]
        if leaf.shape != wanted or (leaf is not None and leaf.dtype.kind != "f"):
            if wanted is None:
                raise OtherNetworkError(f"it has {theirs[0]}, which this network has not")
            raise OtherNetworkError(
                f"{theirs[0]} has the shape {list(arrays[0].shape)}, where {ours} takes {list(wanted)}"
            )
        if not np.isfinite(leaf).all():
            raise ValueError(f"{theirs[0]} has numbers that are not finite")
        leaves[ours] = np.asarray(leaf, np.float32)
    if absent := [name for name in needed if name not in leaves]:
        raise OtherNetworkError(f"it has nothing for {_some(absent)}")
    return with_leaves(like, leaves)


def _some(names: Iterable[str]) -> str:
    """Return the first few of some names, and how many more there are."""
    names = list(names)
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(map(shown, names[:_SHOWN])) + more if names else "no layers"


def as_is(array: np.ndarray) -> np.ndarray:
    """Return a variable that has the file's own layout."""
    return array


def dense(kernel: np.ndarray) -> np.ndarray:
    """Return a dense kernel ``[inputs, outputs]`` of PyTorch's ``[outputs, inputs]``."""
    return kernel.transpose(1, 0)


def conv(kernel: np.ndarray) -> np.ndarray:
    """Return a kernel ``[rows, columns, inputs, outputs]`` of ``[outputs, inputs, rows, columns]``."""
    return kernel.transpose(2, 3, 1, 0)


def maps(array: np.ndarray) -> np.ndarray:
    """Return maps ``[height, width, channels]`` of PyTorch's ``[channels, height, width]``."""
    return array.transpose(1, 2, 0)
