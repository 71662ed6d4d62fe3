"""The modules of jaxgan as JSON values, and the modules again of these values.

A module is the name of its network family and its fields. A field may be a module itself. Only the names in
`CLASSES` stand for anything; a module of one's own is called "custom".
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from jaxgan.names import FAMILIES
from jaxgan.networks.encoders import PairDiscriminator
from jaxgan.system.errors import UserError

CUSTOM = "custom"
CLASSES: dict[str, dict[str, type[nn.Module]]] = {
    "generator": {name: family.generator for name, family in FAMILIES.items()},
    "discriminator": {name: family.discriminator for name, family in FAMILIES.items()}
    | {"pair": PairDiscriminator},
    "encoder": {
        name: family.encoder_class for name, family in FAMILIES.items() if family.encoder_class is not None
    },
}
_NOT_OPTIONS = ("parent", "name", "image_shape", "num_classes", "axis_name")


def describe(module: nn.Module, role: str) -> dict[str, Any]:
    """Return the ``"network"`` and ``"options"`` of a module.

    Args:
        module: the module.
        role: "generator", "discriminator" or "encoder".
    """
    names = [name for name, kind in CLASSES[role].items() if type(module) is kind]
    options = {
        field.name: getattr(module, field.name)
        for field in dataclasses.fields(module)
        if names and field.name not in _NOT_OPTIONS
    }
    inner = {name: describe(value, role) for name, value in options.items() if isinstance(value, nn.Module)}
    if any(each["network"] == CUSTOM for each in inner.values()):
        return {"network": CUSTOM, "options": {}}
    return {"network": names[0] if names else CUSTOM, "options": options | inner}


def rebuild(
    description: Mapping[str, Any], role: str, image_shape: tuple[int, ...], num_classes: int | None
) -> nn.Module:
    """Return the module that `describe` described.

    Args:
        description: values of ``"network"`` and ``"options"``, perhaps from a stranger.
        role: "generator", "discriminator" or "encoder".
        image_shape: shape of one image.
        num_classes: number of classes whose labels the module takes; None for none.

    Raises:
        UserError: if the network is none of jaxgan's.
    """
    network = description["network"]
    if network not in CLASSES[role]:
        raise UserError(f"a {network} {role} can only be loaded with its module: load_{role}(path, module)")
    kind, options = CLASSES[role][network], {}
    for name, value in description["options"].items():
        if isinstance(value, dict):
            value = rebuild(value, role, image_shape, num_classes)
        options[name] = tuple(value) if isinstance(value, list) else value
    fields = {field.name for field in dataclasses.fields(kind)}
    given = {"image_shape": image_shape, "num_classes": num_classes}
    return kind(**{name: value for name, value in given.items() if name in fields}, **options)
