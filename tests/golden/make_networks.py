"""Make networks.npz: what ResNet and R3GAN are in PyTorch, in float64. jaxgan is not imported.

    uv venv golden && uv pip install --python golden/bin/python torch numpy
    golden/bin/python tests/golden/make_networks.py

The networks are written from the layer tables of Miyato et al. 2018, Zhang et al. 2019 and Huang et al. 2024
with PyTorch's own convolutions, batch norms, pooling and interpolation. Weights are drawn from the names of
jaxgan's leaves (tests/support/drawn_weights.py). Of each network there are the outputs, and the gradient of
their product with drawn numbers by the inputs, in training and in drawing mode.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from drawn_weights import draw_leaf
from golden_networks import LABELS, inputs_of, weights_of_outputs

torch.set_default_dtype(torch.float64)


def leaf(name, *shape):
    return torch.from_numpy(np.asarray(draw_leaf(name, shape), np.float64))


def unit(vector):
    return vector / vector.norm()


class Scope:
    """Layers below a path of names; `train` and `spectral` hold for all of them."""

    def __init__(self, path="", *, train, spectral=False):
        self.path, self.train, self.spectral, self.count = path, train, spectral, {}

    def below(self, name):
        return Scope(f"{self.path}{name}/", train=self.train, spectral=self.spectral)

    def numbered(self, kind):
        number = self.count[kind] = self.count.get(kind, -1) + 1
        return f"{kind}_{number}"

    def parameter(self, name, *shape):
        return leaf(f"params/{self.path}{name}", *shape)

    def kernel(self, layer, *shape):
        """Return a kernel, divided by one step of the power iteration where layers are normalized."""
        kernel = self.parameter(f"{layer}/kernel", *shape)
        if not self.spectral:
            return kernel
        norm = self.numbered("SpectralNorm")
        matrix, u = (
            kernel.reshape(-1, shape[-1]),
            leaf(f"batch_stats/{self.path}{norm}/{layer}/kernel/u", shape[-1]),
        )
        left = unit(matrix @ u)
        return kernel / (left @ matrix @ unit(matrix.T @ left))

    def conv(self, x, features, size=3, *, name=None, bias=True, groups=1):
        name = name or self.numbered("Conv")
        kernel = self.kernel(name, size, size, x.shape[1] // groups, features)
        bias = self.parameter(f"{name}/bias", features) if bias else None
        return functional.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding=size // 2, groups=groups)

    def dense(self, x, features, *, name=None, bias=True):
        name = name or self.numbered("Dense")
        y = x @ self.kernel(name, x.shape[1], features)
        return y + self.parameter(f"{name}/bias", features) if bias else y

    def norm(self, x, classes=None):
        """Return normalized maps; with classes, by the tables of the labels' rows."""
        scope = self if classes is None else self.below(self.numbered("ConditionalBatchNorm"))
        name, channels = scope.numbered("BatchNorm"), x.shape[1]
        mean, var = (leaf(f"batch_stats/{scope.path}{name}/{each}", channels) for each in ("mean", "var"))
        if classes is None:
            weights = [self.parameter(f"{name}/{each}", channels) for each in ("scale", "bias")]
            return functional.batch_norm(x, mean, var, *weights, self.train, 0.1, 2e-5)
        x = functional.batch_norm(x, mean, var, None, None, self.train, 0.1, 2e-5)
        tables = [scope.parameter(f"{each}/embedding", classes, channels) for each in ("scale", "bias")]
        scale, bias = (table[torch.tensor(LABELS)][:, :, None, None] for table in tables)
        return x * scale + bias

    def attention(self, x):
        scope = self.below(self.numbered("SelfAttention"))
        channels = x.shape[1]

        def flat(maps):
            return maps.flatten(2)

        queries = flat(scope.conv(x, channels // 8, 1, name="query", bias=False))
        keys = flat(functional.max_pool2d(scope.conv(x, channels // 8, 1, name="key", bias=False), 2))
        values = flat(functional.max_pool2d(scope.conv(x, channels // 2, 1, name="value", bias=False), 2))
        weights = torch.softmax(torch.bmm(queries.transpose(1, 2), keys), dim=2)
        means = torch.bmm(values, weights.transpose(1, 2)).reshape(x.shape[0], channels // 2, *x.shape[2:])
        return x + scope.parameter("scale") * scope.conv(means, channels, 1, name="output", bias=False)


def images_out(maps):
    return maps.permute(0, 2, 3, 1)


def resnet_generator(z, *, train, base, widths, method, classes=None, attention=None, spectral=False):
    top = Scope(train=train, spectral=spectral)
    x = top.dense(z, base[0] * base[1] * widths[0]).reshape(-1, *base, widths[0]).permute(0, 3, 1, 2)
    for width in widths[1:]:
        block = top.below(top.numbered("ResidualBlock"))
        h = functional.interpolate(functional.relu(block.norm(x, classes)), scale_factor=2, mode=method)
        h = block.conv(h, width, name="first")
        h = block.conv(functional.relu(block.norm(h, classes)), width, name="second")
        x = h + block.conv(functional.interpolate(x, scale_factor=2, mode=method), width, 1, name="shortcut")
        if x.shape[2] == attention:
            x = top.attention(x)
    return images_out(torch.tanh(top.conv(functional.relu(top.norm(x)), 3)))


def resnet_discriminator(images, *, train, widths, down, wide, classes=None, attention=None):
    top, x, attended = Scope(train=train, spectral=True), images.permute(0, 3, 1, 2), False
    for i, width in enumerate(widths):
        block = top.below(top.numbered("ResidualBlock"))
        h = x if i == 0 else functional.relu(x)
        h = block.conv(h, width if wide or i == 0 else x.shape[1], name="first")
        h = block.conv(functional.relu(h), width, name="second")
        if i < down or x.shape[1] != width:
            x = block.conv(x, width, 1, name="shortcut")
        x = functional.avg_pool2d(x, 2) + functional.avg_pool2d(h, 2) if i < down else x + h
        if x.shape[2] == attention and not attended:
            x, attended = top.attention(x), True
    h, head = functional.relu(x).sum((2, 3)), top.below("ProjectionHead_0")
    logits = head.dense(h, 1, name="linear")[:, 0]
    if classes is not None:
        logits = logits + (head.kernel("classes", classes, h.shape[1])[torch.tensor(LABELS)] * h).sum(1)
    return logits


FIR = torch.outer(torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 3, 3, 1])) / 64


def r3gan_stage(top, x, stage, groups, blocks):
    for i in range(blocks):
        block, inside = top.below(f"stage_{stage}_block_{i}"), 2 * x.shape[1]

        def activate(h, block=block, inside=inside):
            bias = block.parameter(f"{block.numbered('BiasedActivation')}/bias", inside)
            return functional.leaky_relu(h + bias[:, None, None], 0.2)

        h = activate(block.conv(x, inside, 1, name="widen", bias=False))
        h = activate(block.conv(h, inside, name="grouped", bias=False, groups=groups))
        x = x + block.conv(h, x.shape[1], 1, name="narrow", bias=False)
    return x


def r3gan_generator(z, *, train, base, widths, groups, blocks, classes=None):
    top = Scope(train=train)
    if classes is not None:
        one_hot = functional.one_hot(torch.tensor(LABELS), classes).double()
        z = torch.cat([z, top.dense(one_hot, 64, name="classes", bias=False)], dim=1)
    basis = top.parameter("basis", *base, widths[0]).permute(2, 0, 1)
    x = basis * top.dense(z, widths[0], name="scales", bias=False)[:, :, None, None]
    for i, width in enumerate(widths):
        if i > 0:
            x = top.conv(x, width, 1, name=f"transition_{i}", bias=False) if width != x.shape[1] else x
            x = functional.conv_transpose2d(
                x, 4 * FIR.repeat(width, 1, 1, 1), stride=2, padding=1, groups=width
            )
        x = r3gan_stage(top, x, i, groups[i], blocks)
    return images_out(top.conv(x, 3, 1, name="to_image", bias=False))


def r3gan_discriminator(images, *, train, widths, groups, blocks, classes=None):
    top = Scope(train=train)
    x = top.conv(images.permute(0, 3, 1, 2), widths[-1], 1, name="from_image", bias=False)
    for i in reversed(range(len(widths))):
        x = r3gan_stage(top, x, i, groups[i], blocks)
        if i > 0:
            x = functional.conv2d(x, FIR.repeat(widths[i], 1, 1, 1), stride=2, padding=1, groups=widths[i])
            new = widths[i - 1]
            x = top.conv(x, new, 1, name=f"transition_{i}", bias=False) if new != widths[i] else x
    pixels = top.parameter("pixels", *x.shape[2:], x.shape[1]).permute(2, 0, 1)
    h = functional.conv2d(x, pixels[:, None], groups=x.shape[1]).flatten(1)
    if classes is None:
        return top.dense(h, 1, name="logit", bias=False)[:, 0]
    rows = top.parameter("classes/kernel", classes, h.shape[1])[torch.tensor(LABELS)]
    return (top.dense(h, h.shape[1], name="logit", bias=False) * rows).sum(1)


R3GAN = {"widths": (16, 16, 8), "groups": (2, 4, 1), "blocks": 2}
MADE = {  # the networks of golden_networks.py
    "sngan generator": (resnet_generator, {"base": (4, 2), "widths": (12, 8, 6), "method": "nearest"}),
    "sngan generator, bilinear": (
        resnet_generator,
        {"base": (4, 2), "widths": (12, 8), "method": "bilinear", "classes": 3},
    ),
    "sagan generator": (
        resnet_generator,
        {
            "base": (4, 2),
            "widths": (8, 16, 8),
            "method": "nearest",
            "classes": 3,
            "attention": 8,
            "spectral": True,
        },
    ),
    "sngan discriminator": (resnet_discriminator, {"widths": (6, 8, 8), "down": 2, "wide": False}),
    "sagan discriminator": (
        resnet_discriminator,
        {"widths": (8, 16, 16), "down": 2, "wide": True, "classes": 3, "attention": 4},
    ),
    "r3gan generator": (r3gan_generator, {"base": (4, 2), **R3GAN}),
    "r3gan generator, classes": (r3gan_generator, {"base": (4, 2), **R3GAN, "classes": 3}),
    "r3gan discriminator": (r3gan_discriminator, R3GAN),
    "r3gan discriminator, classes": (r3gan_discriminator, {**R3GAN, "classes": 3}),
}


def write(file_name, made, *, images=(16, 8, 3)):
    """Write the outputs and gradients of networks, ``name -> (function, options)``, into a file."""
    file, golden = Path(__file__).with_name(file_name), {}
    for name, (network, options) in made.items():
        for mode in ("train", "draw"):
            inputs = torch.from_numpy(inputs_of(name, images).astype(np.float64)).requires_grad_()
            outputs = network(inputs, train=mode == "train", **options)
            (outputs * torch.from_numpy(weights_of_outputs(tuple(outputs.shape)))).sum().backward()
            golden[f"{name}/{mode}/outputs"] = outputs.detach().numpy().astype(np.float32)
            golden[f"{name}/{mode}/gradient"] = inputs.grad.numpy().astype(np.float32)
    np.savez_compressed(file, **golden)
    print(f"{file.name}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    write("networks.npz", MADE)
