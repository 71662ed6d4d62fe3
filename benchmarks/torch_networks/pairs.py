"""`jaxgan.networks.translators` and `.patches` in PyTorch, and the games of pairs that they play."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

GAMES = ("pix2pix_64", "srresnet_64")
RECONSTRUCTION, SCALE, LUMA = 100.0, 4, (0.299, 0.587, 0.114)


class UNet(nn.Module):
    """`jaxgan.networks.translators.UNet`."""

    def __init__(self, inputs: int, channels: int, width: int, depth: int) -> None:
        super().__init__()
        widths = [width * min(8, 2**level) for level in range(depth)]
        before = [inputs, *widths[:-1]]
        self.down = nn.ModuleList([nn.Conv2d(a, b, 4, 2, 1) for a, b in zip(before, widths, strict=True)])
        deep = [widths[-1], *(2 * each for each in widths[-2:0:-1])]  # beside what the way down has
        self.up = nn.ModuleList(
            [nn.ConvTranspose2d(a, b, 4, 2, 1) for a, b in zip(deep, widths[-2::-1], strict=True)]
        )
        self.last = nn.ConvTranspose2d(2 * widths[0], channels, 4, 2, 1)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Return images of sources."""
        across = []
        for level, layer in enumerate(self.down):
            maps = layer(F.leaky_relu(maps, 0.2) if level else maps)
            if 0 < level < len(self.down) - 1:
                maps = F.instance_norm(maps)
            across.append(maps)
        for layer, beside in zip(self.up, across[-2::-1], strict=True):
            maps = torch.cat([F.instance_norm(layer(F.relu(maps))), beside], 1)
        return torch.tanh(self.last(F.relu(maps)))


class SRResNet(nn.Module):
    """`jaxgan.networks.translators.SRResNet`, with 16 blocks."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels, width, 9, 1, 4), nn.PReLU())
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, 1, 1), nn.PReLU(), nn.Conv2d(width, width, 3, 1, 1))
            for _ in range(16)
        )
        self.inner = nn.Conv2d(width, width, 3, 1, 1)
        self.up = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(width, 4 * width, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU())
                for _ in range(2)
            )
        )
        self.last = nn.Conv2d(width, channels, 9, 1, 4)

    def forward(self, sources: torch.Tensor) -> torch.Tensor:
        """Return images of sources."""
        first = maps = self.first(sources)
        for block in self.blocks:
            maps = maps + block(maps)
        return F.interpolate(sources, scale_factor=SCALE) + self.last(self.up(first + self.inner(maps)))


class Patches(nn.Module):
    """`jaxgan.networks.patches.PatchDiscriminator` of two halvings; it sees image and source."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        widths = [inputs, width, 2 * width, 4 * width]
        self.convs = nn.ModuleList(
            [nn.Conv2d(widths[i], widths[i + 1], 4, 2 if i < 2 else 1, 1) for i in range(3)]
        )
        self.last = nn.Conv2d(widths[-1], 1, 4, 1, 1)

    def forward(self, shown: torch.Tensor) -> torch.Tensor:
        """Return the logits of all patches."""
        for layer, convolution in enumerate(self.convs):
            shown = convolution(shown)
            shown = F.leaky_relu(F.instance_norm(shown) if layer else shown, 0.2)
        return self.last(shown).flatten(1)


def degraded(name: str, images: torch.Tensor) -> torch.Tensor:
    """Return the sources of images, at the 256 values of a picture."""
    if name == "pix2pix_64":
        luma = torch.tensor(LUMA, device=images.device).view(1, 3, 1, 1)
        sources = (images * luma).sum(1, keepdim=True)
    else:
        sources = F.avg_pool2d(images, SCALE)
    return (127.5 * (sources + 1)).round().clamp(0, 255) / 127.5 - 1
