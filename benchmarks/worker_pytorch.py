"""The PyTorch side of vs_pytorch.py: the same networks and the same update, in a process of its own.

It is started as ``python worker_pytorch.py NETWORK BATCH VARIANT``; a variant is ``eager``, or any of
``channels_last``, ``fused`` and ``compile`` joined by +. Each line ``SECONDS`` on its standard input is
answered by one line of JSON.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

NETWORKS = {  # image size, channels, width; as in vs_pytorch.NETWORKS
    "mlp": (28, 1, None),
    "dcgan_28": (28, 1, 32),
    "dcgan_32": (32, 3, 64),
    "dcgan_64": (64, 3, 64),
}
LATENT_DIM, IMAGES, EMA_DECAY = 100, 4096, 0.999


class Generator(nn.Module):
    """`jaxgan.networks.dcgan.Generator`."""

    def __init__(self, size: int, channels: int, width: int, rungs: int) -> None:
        super().__init__()
        self.base, self.features = size // 2**rungs, width * 2 ** (rungs - 1)
        self.project = nn.Linear(LATENT_DIM, self.base**2 * self.features, bias=False)
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


def networks(name: str) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    """Return generator, discriminator and image shape."""
    size, channels, width = NETWORKS[name]
    if width is None:
        pixels = size * size * channels
        generator = nn.Sequential(
            nn.Linear(LATENT_DIM, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 784),
            nn.ReLU(), nn.Linear(784, pixels), nn.Tanh(),
        )  # fmt: skip
        discriminator = nn.Sequential(
            nn.Linear(pixels, 512),
            nn.LeakyReLU(0.2),
            nn.Linear(512, 256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 1),
        )
        return generator, discriminator, (pixels,)
    rungs, side = 0, size
    while side % 2 == 0 and side > 4:
        side, rungs = side // 2, rungs + 1
    layers: list[nn.Module] = []
    for rung in range(rungs):
        inputs = channels if rung == 0 else width * 2 ** (rung - 1)
        layers.append(nn.Conv2d(inputs, width * 2**rung, 4, 2, 1, bias=rung == 0))
        layers += [nn.BatchNorm2d(width * 2**rung)] * (rung > 0) + [nn.LeakyReLU(0.2, True)]
    layers += [nn.Flatten(), nn.Linear(side**2 * width * 2 ** (rungs - 1), 1)]
    return Generator(size, channels, width, rungs), nn.Sequential(*layers), (channels, size, size)


def main() -> None:
    """Answer each request for so many seconds of training with the seconds a step took."""
    name, batch, variant = sys.argv[1], int(sys.argv[2]), set(sys.argv[3].split("+"))
    torch.manual_seed(0)
    generator, discriminator, shape = networks(name)
    layout = (
        torch.channels_last if "channels_last" in variant and len(shape) == 3 else torch.contiguous_format
    )
    generator, discriminator = (each.to(memory_format=layout) for each in (generator, discriminator))
    options = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": "fused" in variant}
    g_tx = torch.optim.Adam(generator.parameters(), **options)
    d_tx = torch.optim.Adam(discriminator.parameters(), **options)
    weights = [*generator.parameters(), *(b for b in generator.buffers() if b.is_floating_point())]
    average = [weight.detach().clone() for weight in weights]
    images = torch.randint(0, 256, (IMAGES, *shape), dtype=torch.uint8)
    play, judge = generator, discriminator
    if "compile" in variant:
        play, judge = torch.compile(generator), torch.compile(discriminator)

    def step() -> torch.Tensor:
        rows = torch.randint(0, IMAGES, (batch,))
        real = (images[rows].float() / 127.5 - 1).contiguous(memory_format=layout)
        d_tx.zero_grad(set_to_none=True)
        with torch.no_grad():
            fake = play(torch.randn(batch, LATENT_DIM))
        loss = F.softplus(-judge(real)).mean() + F.softplus(judge(fake)).mean()
        loss.backward()
        d_tx.step()
        g_tx.zero_grad(set_to_none=True)
        for weight in discriminator.parameters():
            weight.requires_grad_(False)
        F.softplus(-judge(play(torch.randn(batch, LATENT_DIM)))).mean().backward()
        g_tx.step()
        for weight in discriminator.parameters():
            weight.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(average, weights, 1 - EMA_DECAY)
        return loss.detach()

    for _ in range(3):
        step()
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        count, start = 0, time.perf_counter()
        while (taken := time.perf_counter() - start) < float(line) or count < 2:
            step()
            count += 1
        print(json.dumps({"step_seconds": taken / count}), flush=True)


if __name__ == "__main__":
    main()
