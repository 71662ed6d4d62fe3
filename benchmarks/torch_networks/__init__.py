"""The networks of vs_pytorch.py in PyTorch, with as many parameters and the same operations as jaxgan's."""

import math
from typing import NamedTuple

from torch import nn

from torch_networks import dcgan, pairs, r3gan, resnet, stylegan2


class Setup(NamedTuple):
    """Two networks and their game; `vs_pytorch.NETWORKS` has the same.

    Attributes:
        generator: the generator.
        discriminator: the discriminator.
        shape: shape of an image, channels first.
        loss: "non_saturating", "hinge" or "relativistic".
        penalty: "none", "r1" or "r1_r2".
        latent_dim: length of a latent.
        classes: number of classes of conditional networks.
    """

    generator: nn.Module
    discriminator: nn.Module
    shape: tuple[int, ...]
    loss: str = "non_saturating"
    penalty: str = "none"
    latent_dim: int = 100
    classes: int | None = None


def setup(name: str, batch: int) -> Setup:
    """Return the networks of a row and their game, for a batch size."""
    match name:
        case "mlp":
            return Setup(*dcgan.mlp(784), (784,))
        case "dcgan_28":
            return Setup(*dcgan.networks(28, 1, 32), (1, 28, 28))
        case "dcgan_32":
            return Setup(*dcgan.networks(32, 3, 64), (3, 32, 32))
        case "dcgan_64":
            return Setup(*dcgan.networks(64, 3, 64), (3, 64, 64))
        case "sngan_32":
            both = resnet.Generator(256, 128, None), resnet.Discriminator(128, None)
            return Setup(*both, (3, 32, 32), "hinge", latent_dim=128)
        case "biggan_32":
            both = resnet.Generator(128, 128, 10), resnet.Discriminator(128, 10)
            return Setup(*both, (3, 32, 32), "hinge", latent_dim=128, classes=10)
        case "r3gan_32":
            both = r3gan.Generator(64, 4, 64), r3gan.Discriminator(64, 4)
            return Setup(*both, (3, 32, 32), "relativistic", "r1_r2", 64)
        case "stylegan2_64":
            both = stylegan2.Generator(64, 4096, 512), stylegan2.Discriminator(64, 4096, math.gcd(4, batch))
            return Setup(*both, (3, 64, 64), penalty="r1", latent_dim=512)
        case "pix2pix_64":
            return Setup(pairs.UNet(1, 3, 32, 6), pairs.Patches(4, 32), (3, 64, 64))
        case "srresnet_64":
            return Setup(pairs.SRResNet(3, 32), pairs.Patches(6, 32), (3, 64, 64))
    raise SystemExit(f"there is no network {name} in PyTorch")
