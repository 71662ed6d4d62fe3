"""What the layers with linen's names have in common: arguments of linen's that they lack are named."""

import dataclasses
from collections.abc import Iterable

import flax.linen as nn


def refuse_lacking(layer: type[nn.Module], linens: type[nn.Module], arguments: Iterable[str]) -> None:
    """Refuse arguments of linen's layer that ours lacks, by name.

    Args:
        layer: our layer.
        linens: linen's layer of that name.
        arguments: names of the arguments that the caller gave.

    Raises:
        ValueError: if there is one that only linen's layer has.
    """
    ours, theirs = ({field.name for field in dataclasses.fields(each)} for each in (layer, linens))
    if lacking := [name for name in arguments if name in theirs - ours]:
        raise ValueError(
            f"jaxgan's {layer.__name__} has no {lacking[0]}: use flax.linen.{linens.__name__}, which has it"
        )
