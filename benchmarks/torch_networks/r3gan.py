"""`jaxgan.networks.r3gan` in PyTorch, with the same width in all stages."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from torch_networks.filters import Filter

_GROUP_SIZE, _BLOCKS = 16, 2


class Block(nn.Module):
    """`jaxgan.networks.r3gan.Block`; a bias before an activation is the convolution's own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inside = 2 * width
        self.widen = nn.Conv2d(width, inside, 1)
        self.grouped = nn.Conv2d(inside, inside, 3, 1, 1, groups=inside // _GROUP_SIZE)
        self.narrow = nn.Conv2d(inside, width, 1, bias=False)
        nn.init.zeros_(self.narrow.weight)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps of the same shape."""
        hidden = F.leaky_relu(self.grouped(F.leaky_relu(self.widen(maps), 0.2)), 0.2)
        return maps + self.narrow(hidden)


def stage(width: int) -> nn.Sequential:
    """Return the blocks of a stage."""
    return nn.Sequential(*(Block(width) for _ in range(_BLOCKS)))


class Generator(nn.Module):
    """`jaxgan.networks.r3gan.Generator`."""

    def __init__(self, width: int, stages: int, latent_dim: int) -> None:
        super().__init__()
        self.basis = nn.Parameter(torch.randn(1, width, 4, 4))
        self.scales = nn.Linear(latent_dim, width, bias=False)
        self.stages = nn.ModuleList(stage(width) for _ in range(stages))
        self.filter = Filter(width, gain=4.0)
        self.to_image = nn.Conv2d(width, 3, 1, bias=False)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Return images."""
        maps = self.basis * self.scales(latents)[:, :, None, None]
        if self.stages[0][0].grouped.weight.is_contiguous(memory_format=torch.channels_last):
            maps = maps.contiguous(memory_format=torch.channels_last)
        for index, blocks in enumerate(self.stages):
            maps = blocks(self.filter.double(maps) if index else maps)
        return self.to_image(maps)


class Discriminator(nn.Module):
    """`jaxgan.networks.r3gan.Discriminator`."""

    def __init__(self, width: int, stages: int) -> None:
        super().__init__()
        self.from_image = nn.Conv2d(3, width, 1, bias=False)
        self.stages = nn.ModuleList(stage(width) for _ in range(stages))
        self.filter = Filter(width)
        self.pixels = nn.Parameter(torch.randn(1, width, 4, 4) / 4)
        self.logit = nn.Linear(width, 1, bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        maps = self.from_image(images)
        for index, blocks in enumerate(self.stages):
            maps = blocks(self.filter.halve(maps) if index else maps)
        return self.logit((maps * self.pixels).sum((2, 3)))
