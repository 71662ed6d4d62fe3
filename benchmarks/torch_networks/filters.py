"""`jaxgan.layers.resampling` in PyTorch: the filter (1, 3, 3, 1) of both axes, as a depthwise convolution."""

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


class Filter(nn.Module):
    """Filter maps, and double or halve them.

    Args:
        channels: channels of the maps.
        pad: zeros around the maps of `blur`.
        gain: factor of the result; 4 where maps are doubled.
    """

    def __init__(self, channels: int, *, pad: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
        kernel = gain * torch.outer(taps, taps)
        self.channels, self.pad = channels, pad
        self.register_buffer("kernel", kernel.expand(channels, 1, 4, 4).contiguous())

    def blur(self, maps: torch.Tensor) -> torch.Tensor:
        """Return filtered maps."""
        return F.conv2d(maps, self.kernel, padding=self.pad, groups=self.channels)

    def double(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps of twice the height and width."""
        return F.conv_transpose2d(maps, self.kernel, stride=2, padding=1, groups=self.channels)

    def halve(self, maps: torch.Tensor) -> torch.Tensor:
        """Return maps of half the height and width."""
        return F.conv2d(maps, self.kernel, stride=2, padding=1, groups=self.channels)
