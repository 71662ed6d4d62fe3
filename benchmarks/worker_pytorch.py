"""The PyTorch side of vs_pytorch.py: the same networks and the same update, in a process of its own.

It is started as ``python worker_pytorch.py NETWORK BATCH VARIANT``. A variant is ``eager``, or some of
``channels_last``, ``fused``, ``compile``, ``graphs`` (compiled, and replayed as CUDA graphs) and ``bfloat16``
(autocast) with + between. It uses a GPU if the machine has one, with TF32 as JAX does. Each line ``SECONDS``
on the standard input is answered by one line of JSON.
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
    "sngan_32": (32, 3, 128),
    "pix2pix_64": (64, 3, 32),
    "srresnet_64": (64, 3, 32),
}
TRANSLATES = ("pix2pix_64", "srresnet_64")  # the games of pairs
RECONSTRUCTION, SCALE, LUMA = 100.0, 4, (0.299, 0.587, 0.114)
IMAGES, EMA_DECAY = 4096, 0.999
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


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


class GeneratorBlock(nn.Module):
    """A block of `sngan.Generator`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.convs = nn.ModuleList([nn.Conv2d(width, width, 3, 1, 1), nn.Conv2d(width, width, 3, 1, 1)])
        self.short = nn.Conv2d(width, width, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of twice the size."""
        hidden = F.interpolate(F.relu(self.norms[0](features)), scale_factor=2)
        hidden = self.convs[1](F.relu(self.norms[1](self.convs[0](hidden))))
        return hidden + F.interpolate(self.short(features), scale_factor=2)


class ResNetGenerator(nn.Module):
    """`sngan.Generator`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width, self.project = width, nn.Linear(128, 16 * width)
        self.blocks = nn.Sequential(*(GeneratorBlock(width) for _ in range(3)))
        self.norm, self.last = nn.BatchNorm2d(width), nn.Conv2d(width, 3, 3, 1, 1)

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Return images."""
        features = self.project(latents).view(-1, self.width, 4, 4)
        if self.last.weight.is_contiguous(memory_format=torch.channels_last):
            features = features.contiguous(memory_format=torch.channels_last)
        return torch.tanh(self.last(F.relu(self.norm(self.blocks(features)))))


class DiscriminatorBlock(nn.Module):
    """A block of `sngan.Discriminator`."""

    def __init__(self, inputs: int, width: int, *, halve: bool) -> None:
        super().__init__()
        spectral = nn.utils.parametrizations.spectral_norm
        self.first, self.halve = inputs == 3, halve
        self.convs = nn.ModuleList(
            [spectral(nn.Conv2d(inputs, width, 3, 1, 1)), spectral(nn.Conv2d(width, width, 3, 1, 1))]
        )
        self.short = spectral(nn.Conv2d(inputs, width, 1)) if halve else None

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features, of half the size with `halve`."""
        hidden = self.convs[0](features if self.first else F.relu(features))
        hidden = self.convs[1](F.relu(hidden))
        if self.short is not None:
            hidden, features = F.avg_pool2d(hidden, 2), self.short(F.avg_pool2d(features, 2))
        return hidden + features


class ResNetDiscriminator(nn.Module):
    """`sngan.Discriminator`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inputs = (3, width, width, width)
        self.blocks = nn.Sequential(
            *(DiscriminatorBlock(count, width, halve=i < 2) for i, count in enumerate(inputs))
        )
        self.last = nn.utils.parametrizations.spectral_norm(nn.Linear(width, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        return self.last(F.relu(self.blocks(images)).sum((2, 3)))


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


def networks(name: str) -> tuple[nn.Module, nn.Module, tuple[int, ...]]:
    """Return generator, discriminator and image shape."""
    size, channels, width = NETWORKS[name]
    if name == "pix2pix_64":
        return UNet(1, channels, width, 6), Patches(channels + 1, width), (channels, size, size)
    if name == "srresnet_64":
        return SRResNet(channels, width), Patches(2 * channels, width), (channels, size, size)
    if name == "sngan_32":
        return ResNetGenerator(2 * width), ResNetDiscriminator(width), (channels, size, size)
    if width is None:
        pixels = size * size * channels
        generator = nn.Sequential(
            nn.Linear(100, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 784),
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
    """Answer each request for so many seconds of training with the seconds of one step."""
    name, batch, variant = sys.argv[1], int(sys.argv[2]), set(sys.argv[3].split("+"))
    torch.manual_seed(0)
    generator, discriminator, shape = networks(name)
    layout = (
        torch.channels_last if "channels_last" in variant and len(shape) == 3 else torch.contiguous_format
    )
    generator, discriminator = (each.to(DEVICE, memory_format=layout) for each in (generator, discriminator))
    options = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": "fused" in variant}
    g_tx = torch.optim.Adam(generator.parameters(), **options)
    d_tx = torch.optim.Adam(discriminator.parameters(), **options)
    weights = [*generator.parameters(), *(b for b in generator.buffers() if b.is_floating_point())]
    average = [weight.detach().clone() for weight in weights]
    images = torch.randint(0, 256, (IMAGES, *shape), dtype=torch.uint8, device=DEVICE)
    play, judge = generator, discriminator
    if variant & {"compile", "graphs"}:
        mode = "reduce-overhead" if "graphs" in variant else None
        play, judge = (torch.compile(network, mode=mode) for network in (generator, discriminator))
    hinge, latent_dim = name == "sngan_32", 128 if name == "sngan_32" else 100
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True

    def autocast() -> torch.autocast:
        return torch.autocast(DEVICE, dtype=torch.bfloat16, enabled="bfloat16" in variant)

    translates = name in TRANSLATES

    def inputs(real: torch.Tensor) -> torch.Tensor:
        return degraded(name, real) if translates else torch.randn(batch, latent_dim, device=DEVICE)

    def shown(images: torch.Tensor, given: torch.Tensor) -> torch.Tensor:
        if not translates:
            return images
        return torch.cat([images, F.interpolate(given, size=images.shape[2:])], 1)

    def step() -> torch.Tensor:
        if "graphs" in variant:
            torch.compiler.cudagraph_mark_step_begin()
        rows = torch.randint(0, IMAGES, (batch,), device=DEVICE)
        real = (images[rows].float() / 127.5 - 1).contiguous(memory_format=layout)
        d_tx.zero_grad(set_to_none=True)
        with torch.no_grad(), autocast():
            given = inputs(real)
            fake = play(given).clone()  # a graph's next call overwrites its result
        with autocast():
            real_logits, fake_logits = judge(shown(real, given)).clone(), judge(shown(fake, given))
        if hinge:
            loss = F.relu(1 - real_logits.float()).mean() + F.relu(1 + fake_logits.float()).mean()
        else:
            loss = F.softplus(-real_logits.float()).mean() + F.softplus(fake_logits.float()).mean()
        loss.backward()
        d_tx.step()
        g_tx.zero_grad(set_to_none=True)
        for weight in discriminator.parameters():
            weight.requires_grad_(False)
        with autocast():
            given = inputs(real)
            fake = play(given)
            logits = judge(shown(fake, given)).float()
        loss = (-logits if hinge else F.softplus(-logits)).mean()
        (loss + RECONSTRUCTION * (fake - real).abs().mean() if translates else loss).backward()
        g_tx.step()
        for weight in discriminator.parameters():
            weight.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(average, weights, 1 - EMA_DECAY)
        return loss.detach()

    def finish() -> None:
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        step()
    finish()
    start = time.perf_counter()
    for _ in range(2):
        step()
    finish()
    chunk = max(1, round(0.1 / ((time.perf_counter() - start) / 2)))  # steps between looks at the clock
    print(json.dumps({"torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        count, start = 0, time.perf_counter()
        while (taken := time.perf_counter() - start) < float(line):
            for _ in range(chunk):
                step()
            finish()
            count += chunk
        print(json.dumps({"step_seconds": taken / count}), flush=True)


if __name__ == "__main__":
    main()
