"""The configurations of StyleGAN2 and of StyleGAN2-ADA, by name."""

from typing import Any

import flax.linen as nn

from jaxgan.networks.stylegan2.discriminator import Discriminator
from jaxgan.networks.stylegan2.generator import Generator

# Image side, what both networks have, what the generator has, what the discriminator has.
_PRESETS: dict[str, tuple[int, dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "cifar10": (
        32,
        {"channel_base": 32768},
        {"mapping_layers": 2, "mixing": 0.0},
        {"architecture": "orig", "group_size": 32},
    ),
    "auto64": (64, {"channel_base": 16384}, {"mapping_layers": 2}, {}),
    "auto128": (128, {"channel_base": 16384}, {"mapping_layers": 2}, {}),
    "auto256": (256, {"channel_base": 16384}, {"mapping_layers": 2}, {}),
    "paper256": (256, {"channel_base": 16384}, {}, {"group_size": 8}),
    "stylegan2_1024": (1024, {"channel_base": 32768}, {}, {}),
}


def preset(name: str, *, num_classes: int | None = None) -> tuple[nn.Module, nn.Module]:
    """Return the generator and the discriminator of a paper's configuration; latents have length 512.

    Args:
        name: "cifar10", "auto64", "auto128", "auto256", "paper256" or "stylegan2_1024".
        num_classes: number of classes; None for unconditional networks.

    Raises:
        ValueError: if the name is none of these.

    References:
        Karras et al. 2020, Training GANs with Limited Data: cifar, auto (at three sizes) and paper256 of its
        implementation, stylegan2-ada-pytorch.
        Karras et al. 2020, Analyzing and Improving the Image Quality of StyleGAN: configuration F.
    """
    if name not in _PRESETS:
        raise ValueError(f"a preset of StyleGAN2 is {', '.join(_PRESETS)}, got {name!r}")
    side, both, generator, discriminator = _PRESETS[name]
    return (
        Generator((side, side, 3), num_classes=num_classes, **both, **generator),
        Discriminator(num_classes=num_classes, **both, **discriminator),
    )
