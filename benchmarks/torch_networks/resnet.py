"""`jaxgan.networks.resnet` and, with classes, `jaxgan.networks.biggan` in PyTorch, for 32x32 pixels."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

Wrap = Callable[[nn.Module], nn.Module]
spectral: Wrap = nn.utils.parametrizations.spectral_norm


class Norm(nn.Module):
    """Batch normalization; with classes, each class has its own scales and biases."""

    def __init__(self, width: int, classes: int | None = None) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=classes is None)
        self.tables = nn.ModuleList([] if classes is None else [nn.Embedding(classes, width) for _ in "sb"])

    def forward(self, maps: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Return normalized maps."""
        maps = self.norm(maps)
        if not self.tables:
            return maps
        scale, bias = (table(labels)[:, :, None, None] for table in self.tables)
        return (1 + scale) * maps + bias


class GeneratorBlock(nn.Module):
    """A block of the generator, whose 1x1 convolution works on the smaller maps."""

    def __init__(self, width: int, classes: int | None, wrap: Wrap) -> None:
        super().__init__()
        self.norms = nn.ModuleList([Norm(width, classes), Norm(width, classes)])
        self.convs = nn.ModuleList([wrap(nn.Conv2d(width, width, 3, 1, 1)) for _ in range(2)])
        self.short = wrap(nn.Conv2d(width, width, 1))

    def forward(self, maps: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        """Return maps of twice the size."""
        hidden = self.convs[0](F.interpolate(F.relu(self.norms[0](maps, labels)), scale_factor=2))
        hidden = self.convs[1](F.relu(self.norms[1](hidden, labels)))
        return hidden + F.interpolate(self.short(maps), scale_factor=2)


class Generator(nn.Module):
    """Latents, and labels with classes, to images; BigGAN's has spectral normalization."""

    def __init__(self, width: int, latent_dim: int, classes: int | None) -> None:
        super().__init__()
        wrap: Wrap = nn.Identity() if classes is None else spectral
        self.width, self.project = width, wrap(nn.Linear(latent_dim, 16 * width))
        self.blocks = nn.ModuleList(GeneratorBlock(width, classes, wrap) for _ in range(3))
        self.norm, self.last = Norm(width), wrap(nn.Conv2d(width, 3, 3, 1, 1))

    def forward(self, latents: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Return images."""
        maps = self.project(latents).view(-1, self.width, 4, 4)
        if self.last.weight.is_contiguous(memory_format=torch.channels_last):
            maps = maps.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            maps = block(maps, labels)
        return torch.tanh(self.last(F.relu(self.norm(maps))))


class DiscriminatorBlock(nn.Module):
    """A block of the discriminator."""

    def __init__(self, inputs: int, width: int, *, halve: bool) -> None:
        super().__init__()
        self.first, self.halve = inputs == 3, halve
        self.convs = nn.ModuleList(
            [spectral(nn.Conv2d(inputs, width, 3, 1, 1)), spectral(nn.Conv2d(width, width, 3, 1, 1))]
        )
        self.short = spectral(nn.Conv2d(inputs, width, 1)) if halve else None

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps, of half the size with `halve`."""
        hidden = self.convs[0](maps if self.first else F.relu(maps))
        hidden = self.convs[1](F.relu(hidden))
        if self.short is not None:
            hidden, maps = F.avg_pool2d(hidden, 2), self.short(F.avg_pool2d(maps, 2))
        return hidden + maps


class Discriminator(nn.Module):
    """Images, and labels with classes, to logits."""

    def __init__(self, width: int, classes: int | None) -> None:
        super().__init__()
        inputs = (3, width, width, width)
        self.blocks = nn.Sequential(
            *(DiscriminatorBlock(count, width, halve=i < 2) for i, count in enumerate(inputs))
        )
        self.last = spectral(nn.Linear(width, 1))
        self.classes = None if classes is None else spectral(nn.Embedding(classes, width))

    def forward(self, images: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        """Return logits."""
        maps = F.relu(self.blocks(images)).sum((2, 3))
        logits = self.last(maps)
        return logits if self.classes is None else logits + (self.classes(labels) * maps).sum(1, keepdim=True)
