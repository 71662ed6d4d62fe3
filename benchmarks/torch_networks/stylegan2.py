"""`jaxgan.networks.stylegan2` in PyTorch: the generator "skip", the discriminator "resnet"."""

import math
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from torch_networks.filters import Filter

_LEARNING_RATE, _W_DECAY, _MIXING, _MAPPING_LAYERS = 0.01, 0.995, 0.9, 2


def activate(maps: torch.Tensor) -> torch.Tensor:
    """Return a leaky ReLU times sqrt(2)."""
    return math.sqrt(2) * F.leaky_relu(maps, 0.2)


def normalized(vectors: torch.Tensor) -> torch.Tensor:
    """Return vectors divided by their root mean square."""
    return vectors * torch.rsqrt(vectors.square().mean(1, keepdim=True) + 1e-8)


class Dense(nn.Module):
    """`jaxgan.layers.EqualizedDense`."""

    def __init__(self, inputs: int, outputs: int, *, rate: float = 1.0, bias: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias = nn.Parameter(torch.full((outputs,), bias / rate))
        self.rate, self.scale = rate, rate / math.sqrt(inputs)

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Return outputs."""
        return F.linear(vectors, self.scale * self.weight, self.rate * self.bias)


class Conv(nn.Module):
    """`jaxgan.layers.EqualizedConv`."""

    def __init__(
        self, inputs: int, outputs: int, taps: int, *, stride: int = 1, pad: int = 0, bias: bool = True
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, taps, taps))
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None
        self.scale, self.stride, self.pad = 1 / math.sqrt(inputs * taps * taps), stride, pad

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps."""
        return F.conv2d(maps, self.scale * self.weight, self.bias, self.stride, self.pad)


class ModulatedConv(nn.Module):
    """`jaxgan.layers.ModulatedConv`: scaled inputs, one convolution for all examples, scaled outputs."""

    def __init__(self, inputs: int, outputs: int, taps: int, w_dim: int, *, doubles: bool = False) -> None:
        super().__init__()
        self.affine = Dense(w_dim, inputs, bias=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, taps, taps))
        self.filter = Filter(outputs, gain=4.0) if doubles else None
        self.demodulate, self.taps = taps > 1, taps  # a 1x1 convolution makes an image

    def forward(self, maps: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """Return maps."""
        styles = self.affine(w)
        if not self.demodulate:
            styles = styles / math.sqrt(self.weight[0].numel())
        maps = maps * styles[:, :, None, None]
        if self.filter is None:
            maps = F.conv2d(maps, self.weight, padding=self.taps // 2)
        else:
            maps = self.filter.blur(F.conv_transpose2d(maps, self.weight.transpose(0, 1), stride=2))
        if not self.demodulate:
            return maps
        norms = styles.square() @ self.weight.square().sum((2, 3)).T
        return maps * torch.rsqrt(norms + 1e-8)[:, :, None, None]


class Layer(nn.Module):
    """`jaxgan.networks.stylegan2.synthesis.Layer`."""

    def __init__(self, inputs: int, outputs: int, side: int, w_dim: int, *, doubles: bool) -> None:
        super().__init__()
        self.conv = ModulatedConv(inputs, outputs, 3, w_dim, doubles=doubles)
        self.strength, self.bias = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(outputs))
        self.register_buffer("noise", torch.randn(side, side))  # for drawing

    def forward(self, maps: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """Return maps."""
        maps = self.conv(maps, w)
        noise = torch.randn(len(maps), 1, *maps.shape[2:], device=maps.device)
        return activate(maps + self.strength * noise + self.bias[:, None, None])


class ToImage(nn.Module):
    """`jaxgan.networks.stylegan2.synthesis.ToImage`."""

    def __init__(self, inputs: int, w_dim: int) -> None:
        super().__init__()
        self.conv, self.bias = ModulatedConv(inputs, 3, 1, w_dim), nn.Parameter(torch.zeros(3))

    def forward(self, maps: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        """Return images."""
        return self.conv(maps, w) + self.bias[:, None, None]


def widths(size: int, channel_base: int) -> list[tuple[int, int]]:
    """Return the side and the channels of each block, from 4x4 on."""
    sides = [4 * 2**block for block in range(int(math.log2(size // 4)) + 1)]
    return [(side, min(channel_base // side, 512)) for side in sides]


class Generator(nn.Module):
    """`jaxgan.networks.stylegan2.Generator`, with noise and style mixing."""

    def __init__(self, size: int, channel_base: int, latent_dim: int) -> None:
        super().__init__()
        blocks = widths(size, channel_base)
        self.latent_dim, w_dim = latent_dim, blocks[0][1]
        lengths = [latent_dim, *[w_dim] * _MAPPING_LAYERS]
        self.mapping = nn.ModuleList(Dense(a, b, rate=_LEARNING_RATE) for a, b in pairwise(lengths))
        self.register_buffer("w_average", torch.zeros(w_dim))
        self.constant = nn.Parameter(torch.randn(1, w_dim, 4, 4))
        self.layers = nn.ModuleList([Layer(w_dim, w_dim, 4, w_dim, doubles=False)])
        for (_, before), (side, width) in pairwise(blocks):
            self.layers.append(Layer(before, width, side, w_dim, doubles=True))
            self.layers.append(Layer(width, width, side, w_dim, doubles=False))
        self.images = nn.ModuleList(ToImage(width, w_dim) for _, width in blocks)
        self.filter = Filter(3, gain=4.0)

    def map(self, latents: torch.Tensor) -> torch.Tensor:
        """Return w."""
        w = normalized(latents)
        for layer in self.mapping:
            w = activate(layer(w))
        return w

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Return images."""
        count, layers = len(latents), len(self.layers) + 1
        w = self.map(latents)
        with torch.no_grad():
            self.w_average.lerp_(w.float().mean(0), 1 - _W_DECAY)
        other = self.map(torch.randn_like(latents))
        mixes = torch.rand(count, device=w.device) < _MIXING
        first = torch.where(mixes, torch.randint(1, layers, (count,), device=w.device), layers)
        places = torch.arange(layers, device=w.device)
        ws = torch.where((places < first[:, None])[:, :, None], w[:, None], other[:, None])

        maps = self.constant.expand(count, -1, -1, -1)
        if self.layers[0].conv.weight.is_contiguous(memory_format=torch.channels_last):
            maps = maps.contiguous(memory_format=torch.channels_last)
        maps = self.layers[0](maps, ws[:, 0])
        images = self.images[0](maps, ws[:, 1])
        for block, to_image in enumerate(self.images[1:]):
            place = 2 * block + 1
            maps = self.layers[place](maps, ws[:, place])
            maps = self.layers[place + 1](maps, ws[:, place + 1])
            images = self.filter.double(images) + to_image(maps, ws[:, place + 2])
        return images


class DiscriminatorBlock(nn.Module):
    """A residual block that halves the maps."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.filter, self.skip_filter = Filter(inputs, pad=2), Filter(inputs)
        self.first = Conv(inputs, inputs, 3, pad=1)
        self.second = Conv(inputs, outputs, 3, stride=2)
        self.skip = Conv(inputs, outputs, 1, bias=False)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps of half the height and width."""
        hidden = activate(self.second(self.filter.blur(activate(self.first(maps)))))
        return (self.skip(self.skip_filter.halve(maps)) + hidden) * math.sqrt(0.5)


class Discriminator(nn.Module):
    """`jaxgan.networks.stylegan2.Discriminator`; groups of `group` examples are compared."""

    def __init__(self, size: int, channel_base: int, group: int) -> None:
        super().__init__()
        counts = [width for _, width in reversed(widths(size, channel_base))]
        self.group, last = group, counts[-1]
        self.from_image = Conv(3, counts[0], 1)
        self.blocks = nn.Sequential(*(DiscriminatorBlock(a, b) for a, b in pairwise(counts)))
        self.conv, self.dense = Conv(last + 1, last, 3, pad=1), Dense(16 * last, last)
        self.logit = Dense(last, 1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        maps = self.blocks(activate(self.from_image(images)))
        groups = maps.reshape(-1, self.group, *maps.shape[1:])
        spread = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
        channel = spread.repeat_interleave(self.group)[:, None, None, None].expand(-1, 1, *maps.shape[2:])
        maps = activate(self.conv(torch.cat([maps, channel], 1)))
        return self.logit(activate(self.dense(maps.flatten(1))))
