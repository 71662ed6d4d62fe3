"""The layers of a network in what a pickle would make: a tree of modules, or a dictionary of tensors."""

from typing import Any, NamedTuple

from jaxgan.inert.pickles import Call, entries_of
from jaxgan.inert.tensors import Tensor, WeightFile

_MOST_DEPTH = 32
_MOST_TENSORS = 4_000  # the largest of the known networks have some 300

Plain = str | int | float | bool | None


class Layers(NamedTuple):
    """A network's tensors and settings.

    Attributes:
        tensors: parameters and buffers by name, such as ``"synthesis.b4.conv1.weight"``.
        settings: plain attributes of each module by its name, such as ``{"up": 2}``; empty for a dictionary
            of tensors, which has none.
    """

    tensors: dict[str, Tensor]
    settings: dict[str, dict[str, Plain]]


def layers_of(file: WeightFile, value: Any) -> Layers | None:
    """Return the layers of a part of a file's root; None if it is neither module nor dictionary of tensors.

    Raises:
        ValueError: if modules hold each other in a circle, or there are too many.
    """
    if _state_of(value) is None:
        entries = entries_of(value) or {}
        tensors = {
            name: tensor
            for name, each in entries.items()
            if isinstance(name, str) and (tensor := file.tensor(each)) is not None
        }
        if len(tensors) > _MOST_TENSORS:
            raise ValueError("it has too many tensors")
        return Layers(tensors, {}) if tensors else None
    layers, waiting = Layers({}, {}), [("", value, 0)]
    while waiting:
        place, module, depth = waiting.pop()
        if depth > _MOST_DEPTH or len(layers.settings) > _MOST_TENSORS:
            raise ValueError("its modules hold each other in a circle, or there are too many")
        state = _state_of(module)
        if state is None:  # a module that is not there: PyTorch keeps None
            continue
        layers.settings[place] = {
            name: each for name, each in state.items() if isinstance(each, str | int | float | bool | None)
        }
        for kind in ("_parameters", "_buffers"):
            for name, each in (entries_of(state.get(kind)) or {}).items():
                if (tensor := file.tensor(each)) is not None:
                    layers.tensors[_joined(place, name)] = tensor
        if len(layers.tensors) > _MOST_TENSORS:
            raise ValueError("it has too many tensors")
        inner = entries_of(state.get("_modules")) or {}
        waiting += [(_joined(place, name), each, depth + 1) for name, each in reversed(inner.items())]
        if len(waiting) > _MOST_TENSORS:
            raise ValueError("its modules hold each other in a circle, or there are too many")
    return layers


def _state_of(value: Any) -> dict[Any, Any] | None:
    """Return the attributes of a module; None of anything else.

    A class of NVIDIA's ``torch_utils.persistence`` comes with its own source code, which is left alone.
    """
    if not isinstance(value, Call):
        return None
    state = value.state
    if value.calls("torch_utils.persistence._reconstruct_persistent_obj"):
        arguments = value.arguments if isinstance(value.arguments, tuple) else ()
        state = (entries_of(arguments[0]) or {}).get("state") if arguments else None
    state = entries_of(state)
    return state if state is not None and "_modules" in state else None


def _joined(place: str, name: Any) -> str:
    if not isinstance(name, str):
        raise ValueError("a layer has no name")
    return f"{place}.{name}" if place else name
