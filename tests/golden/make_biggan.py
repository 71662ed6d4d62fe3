"""Make biggan.npz: what BigGAN is in PyTorch, in float64. jaxgan is not imported.

    uv venv golden && uv pip install --python golden/bin/python torch numpy
    golden/bin/python tests/golden/make_biggan.py

The networks are written from the figures and tables of Brock et al. 2019, appendix B, with the layers of
make_networks.py and PyTorch's own linear layers, convolutions, batch norms and pooling. A block's order is
written out: normalize, ReLU, double, 3x3, normalize, ReLU, 3x3, beside double and 1x1. Weights are drawn from
the names of jaxgan's leaves (tests/support/drawn_weights.py).
"""

import torch
from make_networks import Scope, images_out, leaf, write
from torch.nn import functional

from golden_networks import LABELS


def normalized(block, x, vectors, spectral):
    """Return batch-normalized maps times ``1 + W c``, plus ``V c``."""
    scope = block.below(block.numbered("VectorBatchNorm"))
    scope.spectral = spectral
    path, channels = f"batch_stats/{scope.path}BatchNorm_0", x.shape[1]
    x = functional.batch_norm(
        x, leaf(f"{path}/mean", channels), leaf(f"{path}/var", channels), None, None, block.train, 0.1, 1e-5
    )
    gain, shift = (
        scope.dense(vectors, channels, name=name, bias=False)[..., None, None] for name in ("scale", "bias")
    )
    return x * (1 + gain) + shift


def plainly_normalized(scope, x):
    name, channels = scope.numbered("BatchNorm"), x.shape[1]
    mean, var = (leaf(f"batch_stats/{scope.path}{name}/{each}", channels) for each in ("mean", "var"))
    scale, bias = (scope.parameter(f"{name}/{each}", channels) for each in ("scale", "bias"))
    return functional.batch_norm(x, mean, var, scale, bias, scope.train, 0.1, 1e-5)


def generator(z, *, train, base, widths, chunks=None, classes=None, shared=None, attention=None):
    """`chunks` are the lengths of the latents' pieces; None gives all of them to the base."""
    top, label = Scope(train=train, spectral=True), []
    if classes is not None:
        label = [functional.one_hot(torch.tensor(LABELS), classes).double()]
    if shared is not None:
        label = [label[0] @ top.parameter("classes/kernel", classes, shared)]
    first, *pieces = (z,) if chunks is None else torch.split(z, chunks, dim=1)
    x = top.dense(first, base[0] * base[1] * widths[0]).reshape(-1, *base, widths[0]).permute(0, 3, 1, 2)
    for i, width in enumerate(widths[1:]):
        block, vectors = top.below(top.numbered("ResidualBlock")), [*label, *pieces[i : i + 1]]

        def norm(maps, block=block, vectors=vectors):
            if not vectors:
                return plainly_normalized(block, maps)
            return normalized(block, maps, torch.cat(vectors, dim=1), bool(pieces) or shared is not None)

        h = functional.interpolate(functional.relu(norm(x)), scale_factor=2)
        h = block.conv(h, width, name="first")
        h = block.conv(functional.relu(norm(h)), width, name="second")
        x = h + block.conv(functional.interpolate(x, scale_factor=2), width, 1, name="shortcut")
        if x.shape[2] == attention:
            x = top.attention(x)
    return images_out(torch.tanh(top.conv(functional.relu(plainly_normalized(top, x)), 3)))


def discriminator(images, *, train, widths, down, classes=None, attention=None, plain=False):
    """`plain` is whether a shortcut that keeps the number of channels has no convolution."""
    top, x = Scope(train=train, spectral=True), images.permute(0, 3, 1, 2)
    for i, width in enumerate(widths):
        block = top.below(top.numbered("ResidualBlock"))
        h = block.conv(x if i == 0 else functional.relu(x), width, name="first")
        h = block.conv(functional.relu(h), width, name="second")
        if x.shape[1] != width or (i < down and not plain):
            x = block.conv(x, width, 1, name="shortcut")
        x = functional.avg_pool2d(x + h, 2) if i < down else x + h
        if i < down and x.shape[2] == attention:
            x = top.attention(x)
    h, head = functional.relu(x).sum((2, 3)), top.below("ProjectionHead_0")
    logits = head.dense(h, 1, name="linear")[:, 0]
    if classes is not None:
        logits = logits + (head.kernel("classes", classes, h.shape[1])[torch.tensor(LABELS)] * h).sum(1)
    return logits


BASE = {"base": (4, 2)}
MADE = {  # the networks of tests/networks/test_biggan.py
    "generator": (
        generator,
        BASE | {"widths": (16, 16, 8), "chunks": [3, 1, 1], "classes": 3, "shared": 7, "attention": 8},
    ),
    "generator, tables": (generator, BASE | {"widths": (12, 12, 12), "classes": 3}),
    "generator, unconditional": (generator, BASE | {"widths": (8, 8), "chunks": [3, 2]}),
    "discriminator": (
        discriminator,
        {"widths": (8, 16, 16), "down": 2, "classes": 3, "attention": 4},
    ),
    "discriminator, plain shortcuts": (discriminator, {"widths": (8, 8, 8), "down": 2, "plain": True}),
}


if __name__ == "__main__":
    write("biggan.npz", MADE)
