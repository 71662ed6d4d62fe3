"""`jaxgan.networks.mlp` and `jaxgan.networks.dcgan` in PyTorch."""

import torch
from torch import nn


class Generator(nn.Module):
    """`jaxgan.networks.dcgan.Generator`."""

    def __init__(self, size: int, channels: int, width: int, rungs: int) -> None:
        super().__init__()
        self.base, self.features = size // 2**rungs, width * 2 ** (rungs - 1)
        self.project = nn.Linear(100, self.base**2 * self.features, bias=False)
        layers: list[nn.Module] = [nn.BatchNorm2d(self.features), nn.ReLU(True)]
        for rung in reversed(range(rungs)):
            inputs, outputs = width * 2**rung, channels if rung == 0 else width * 2 ** (rung - 1)
            layers.append(nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=rung == 0))
            layers += [nn.Tanh()] if rung == 0 else [nn.BatchNorm2d(outputs), nn.ReLU(True)]
        self.layers = nn.Sequential(*layers)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Return images."""
        features = self.project(latents).view(-1, self.features, self.base, self.base)
        if self.layers[2].weight.is_contiguous(memory_format=torch.channels_last):
            features = features.contiguous(memory_format=torch.channels_last)
        return self.layers(features)


def mlp(pixels: int) -> tuple[nn.Module, nn.Module]:
    """Return generator and discriminator of dense layers."""
    generator = nn.Sequential(
        nn.Linear(100, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 784),
        nn.ReLU(), nn.Linear(784, pixels), nn.Tanh(),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.Linear(pixels, 512), nn.LeakyReLU(0.2), nn.Linear(512, 256), nn.LeakyReLU(0.2), nn.Linear(256, 1)
    )
    return generator, discriminator


def networks(size: int, channels: int, width: int) -> tuple[nn.Module, nn.Module]:
    """Return generator and discriminator of convolutions."""
    rungs, side = 0, size
    while side % 2 == 0 and side > 4:
        side, rungs = side // 2, rungs + 1
    layers: list[nn.Module] = []
    for rung in range(rungs):
        inputs = channels if rung == 0 else width * 2 ** (rung - 1)
        layers.append(nn.Conv2d(inputs, width * 2**rung, 4, 2, 1, bias=rung == 0))
        layers += [nn.BatchNorm2d(width * 2**rung)] * (rung > 0) + [nn.LeakyReLU(0.2, True)]
    layers += [nn.Flatten(), nn.Linear(side**2 * width * 2 ** (rungs - 1), 1)]
    return Generator(size, channels, width, rungs), nn.Sequential(*layers)
