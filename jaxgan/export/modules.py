"""The modules of jaxgan as JSON values, and the modules again of these values.

A module is the name of its network family and its fields. A field may be a module itself. Only the names in
`classes` stand for anything; a module of one's own is called "custom".
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import flax.linen as nn

from jaxgan.names import FAMILIES
from jaxgan.networks import dcgan, fastgan, tables
from jaxgan.networks.encoders import ConvEncoder, PairDiscriminator
from jaxgan.networks.patches import PatchDiscriminator
from jaxgan.networks.translators import TRANSLATORS
from jaxgan.system.errors import UserError

CUSTOM = "custom"
_ADDED: dict[type[nn.Module], tuple[str, ...]] = {
    dcgan.Generator: ("hidden",),
    ConvEncoder: ("most_channels",),
    fastgan.Discriminator: ("decoders",),
}
"""Fields that came after version 1 of the format, left out where they have their default: older versions
read the file then."""
_NOT_OPTIONS = ("parent", "name", "image_shape", "num_classes", "axis_name")


def classes(role: str) -> dict[str, type[nn.Module]]:
    """Return the classes of modules that a description can name.

    Args:
        role: "generator", "discriminator" or "encoder".
    """
    field = "encoder_class" if role == "encoder" else role
    named = {name: getattr(family, field) for name, family in FAMILIES.items()}
    named = {name: kind for name, kind in named.items() if kind is not None}
    if role == "generator":
        named |= {f"translator_{name}": kind for name, kind in TRANSLATORS.items()}
        return named | {"table": tables.Generator}
    if role == "discriminator":
        return named | {
            "pair": PairDiscriminator,
            "patches": PatchDiscriminator,
            "table": tables.Discriminator,
        }
    return named


def describe(module: nn.Module, role: str) -> dict[str, Any]:
    """Return the ``"network"`` and ``"options"`` of a module.

    Args:
        module: the module.
        role: "generator", "discriminator" or "encoder".
    """
    names = [name for name, kind in classes(role).items() if type(module) is kind]
    added = _ADDED.get(type(module), ())
    options = {
        field.name: getattr(module, field.name)
        for field in dataclasses.fields(module)
        if names
        and field.name not in _NOT_OPTIONS
        and (field.name not in added or getattr(module, field.name) != field.default)
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
    if network not in classes(role):
        raise UserError(f"a {network} {role} can only be loaded with its module: load_{role}(path, module)")
    kind, options = classes(role)[network], {}
    for name, value in description["options"].items():
        if isinstance(value, dict):
            value = rebuild(value, role, image_shape, num_classes)
        options[name] = tuple(value) if isinstance(value, list) else value
    fields = {field.name for field in dataclasses.fields(kind)}
    given = {"image_shape": image_shape, "num_classes": num_classes}
    return kind(**{name: value for name, value in given.items() if name in fields}, **options)
