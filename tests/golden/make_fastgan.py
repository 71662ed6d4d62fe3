"""Make fastgan.npz: what FastGAN is in PyTorch, in float64. jaxgan is not imported.

    uv venv golden && uv pip install --python golden/bin/python torch numpy
    golden/bin/python tests/golden/make_fastgan.py

The networks are written from the paper, Liu et al. 2021, and a table of the layers of its code, with
PyTorch's own convolutions, batch norms, pooling and interpolation. Weights are drawn from the names of jaxgan's
leaves (tests/support/drawn_weights.py). A transposed convolution of one pixel is the kernel, mirrored as linen's is, times the latents.
Noise is the fixed image of drawing mode; in training it is left out.
"""

import torch
from make_networks import Scope, images_out, leaf, write
from torch.nn import functional

from golden_networks import LABELS

IMAGES = (32, 32, 1)
GENERATOR, DISCRIMINATOR = (
    (16, 8, 4, 2, 2, 1, 0.5),
    (8, 4, 2, 1, 0.5, 0.25),
)  # channels by stage, from the base


def norm(scope, x, name, is_normalized=True):
    if not is_normalized:
        return x
    path, channels = f"{name}_norm", x.shape[1]
    mean, var = (leaf(f"batch_stats/{path}/{each}", channels) for each in ("mean", "var"))
    scale, bias = (scope.parameter(f"{path}/{each}", channels) for each in ("scale", "bias"))
    return functional.batch_norm(x, mean, var, scale, bias, scope.train, 0.1, 1e-5)


def gated(scope, x, name, noise):
    if noise:
        fixed = leaf(f"buffers/{name}_noise/noise", *x.shape[2:], 1)
        x = x + scope.parameter(f"{name}_noise/strength") * fixed[:, :, 0]
    return functional.glu(norm(scope, x, name), dim=1)


def excited(scope, name, small, large):
    gate, features = scope.below(name), large.shape[1]
    x = functional.adaptive_avg_pool2d(small, 4)
    squeeze = gate.kernel("squeeze", 4, 4, small.shape[1], features).permute(3, 2, 0, 1)
    x = functional.silu(functional.conv2d(x, squeeze))
    return large * torch.sigmoid(gate.conv(x, features, 1, name="excite", bias=False))


def generator(z, *, train, width, base, doublings, noise=False, classes=None, squash=False, small=False):
    top = Scope(train=train, spectral=True)
    if classes is not None:
        one_hot = functional.one_hot(torch.tensor(LABELS), classes).double()
        z = torch.cat([z, one_hot @ top.parameter("classes/kernel", classes, 64)], dim=1)
    widths = [max(1, int(width * times)) for times in GENERATOR]
    kernel = top.kernel("base", *base, z.shape[1], 2 * widths[0])
    stages = [gated(top, torch.einsum("bz,hwzc->bchw", z, kernel.flip(0, 1)), "base", False)]
    for stage in range(1, doublings + 1):
        two, name = stage % 2 == 1, f"stage_{stage}"
        x = functional.interpolate(stages[-1], scale_factor=2)
        x = top.conv(x, 2 * widths[stage], name=f"{name}_double", bias=False)
        x = gated(top, x, f"{name}_double", noise and two)
        if two:
            x = top.conv(x, 2 * widths[stage], name=f"{name}_second", bias=False)
            x = gated(top, x, f"{name}_second", noise)
        stages.append(x if stage < 4 else excited(top, f"{name}_gate", stages[stage - 4], x))
    images = top.conv(stages[-1], 1, name="to_image", bias=False)
    if small:
        images = top.conv(stages[5], 1, 1, name="to_small", bias=False)
    return images_out(torch.tanh(images) if squash else images)


def discriminator(
    images, *, train, width, blocks, stem, is_normalized=True, classes=None, judges=2, quarters=()
):
    """With `quarters`, return what the decoders rebuild, side by side."""
    top, images = Scope(train=train, spectral=True), images.permute(0, 3, 1, 2)
    stages_of = [16 * width, *(max(1, int(width * times)) for times in DISCRIMINATOR)]

    def conv(x, stage, size, name, normal=True):
        kernel = top.kernel(name, size, size, x.shape[1], stages_of[stage]).permute(3, 2, 0, 1)
        x = functional.conv2d(x, kernel, stride=2 if size == 4 else 1, padding=(size - 1) // 2)
        return functional.leaky_relu(norm(top, x, name, normal and is_normalized), 0.2)

    def judge(x, name):
        return functional.conv2d(x, top.kernel(name, 4, 4, x.shape[1], 1).permute(3, 2, 0, 1)).flatten(1)

    x = images if stem else conv(images, blocks + 1, 3, "stem", normal=False)
    for i in range(stem):
        x = conv(x, blocks + stem - i, 4, f"stem_{i}", normal=i > 0)
    stages = [x]
    for block in range(1, blocks + 1):
        stage, name = blocks + 1 - block, f"block_{block}"
        main = conv(conv(x, stage, 4, f"{name}_first"), stage, 3, f"{name}_second")
        x = (main + conv(functional.avg_pool2d(x, 2), stage, 1, f"{name}_shortcut")) / 2
        stages.append(x if block < 3 else excited(top, f"{name}_gate", stages[block - 3], x))
        x = stages[-1]
    last = conv(x, 0, 1, "last")
    logits = judge(last, "logits")
    if classes is not None:
        rows = top.kernel("classes", classes, last.shape[1])[torch.tensor(LABELS)]
        logits = logits + (rows * last.mean((2, 3))).sum(1, keepdim=True)
    if judges == 2:
        x = functional.avg_pool2d(images, 2 ** (stem + 1))
        for i, stage in enumerate(range(blocks, 1, -1)):
            x = conv(x, stage, 4, f"small_{i}", normal=i > 0)
        logits = torch.cat([logits, judge(x, "small_logits")], dim=1)

    def decode(maps, name):
        for i, times in enumerate((4, 2, 2, 1)[: blocks + stem - 1]):
            maps = functional.interpolate(maps, scale_factor=2)
            maps = top.conv(maps, width * times, name=f"{name}_{i}", bias=False)
            maps = functional.glu(norm(top, maps, f"{name}_{i}", is_normalized), dim=1)
        return torch.tanh(top.conv(maps, images.shape[1], name=f"{name}_image", bias=False)).flatten(1)

    if not quarters:
        return logits
    halves = [
        maps.chunk(2, dim=2)[place // 2] for maps, place in zip(stages[-2].split(1), quarters, strict=True)
    ]
    parts = torch.cat([maps.chunk(2, dim=3)[place % 2] for maps, place in zip(halves, quarters, strict=True)])
    rebuilt = [decode(stages[-1], "decode"), decode(parts, "decode_quarter")]
    return torch.cat([*rebuilt, *([decode(x, "decode_small")] if judges == 2 else [])], dim=1)


MADE = {  # the networks of tests/networks/test_fastgan.py
    "generator": (generator, {"width": 2, "base": (2, 1), "doublings": 4, "classes": 3, "squash": True}),
    "generator, noise": (generator, {"width": 2, "base": (3, 5), "doublings": 2, "noise": True}),
    "generator, small images": (
        generator,
        {"width": 1, "base": (1, 1), "doublings": 6, "small": True},
    ),
    "discriminator": (
        discriminator,
        {"width": 4, "blocks": 3, "stem": 0, "classes": 3, "judges": 1},
    ),
    "discriminator, two judges": (discriminator, {"width": 4, "blocks": 2, "stem": 1}),
    "discriminator, no batch norm": (
        discriminator,
        {"width": 4, "blocks": 1, "stem": 2, "is_normalized": False, "judges": 1},
    ),
    "discriminator, decoders": (
        discriminator,
        {"width": 4, "blocks": 2, "stem": 1, "quarters": (3, 0, 1, 2)},
    ),
}


if __name__ == "__main__":
    write("fastgan.npz", MADE, images=IMAGES)
