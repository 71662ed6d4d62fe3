"""Make biggan_deep.npz: what BigGAN-deep is in PyTorch, in float64. jaxgan is not imported.

    uv venv golden && uv pip install --python golden/bin/python torch numpy
    golden/bin/python tests/golden/make_biggan_deep.py

The networks are written from figure 16 and tables 7 to 9 of Brock et al. 2019, with the layers of make_networks.py
and make_biggan.py. A block's order is written out. Weights are drawn from the names of jaxgan's leaves
(tests/support/drawn_weights.py).
"""

import torch
from make_biggan import normalized, plainly_normalized
from make_networks import Scope, images_out, write
from torch.nn import functional

from golden_networks import LABELS


def embedded(top, classes, shared):
    return functional.one_hot(torch.tensor(LABELS), classes).double() @ top.parameter(
        "classes/kernel", classes, shared
    )


def generator(z, *, train, base, widths, classes=None, shared=None, attention=None):
    top = Scope(train=train, spectral=True)
    c = z if classes is None else torch.cat([embedded(top, classes, shared), z], dim=1)
    x = top.dense(c, base[0] * base[1] * widths[0]).reshape(-1, *base, widths[0]).permute(0, 3, 1, 2)
    for width in widths[1:]:
        for last in (False, True):
            block, inside = top.below(top.numbered("Bottleneck")), x.shape[1] // 4

            def active(maps, block=block):
                return functional.relu(normalized(block, maps, c, True))

            h = active(block.conv(active(x), inside, 1, name="first"))
            if last:
                x = functional.interpolate(x[:, :width], scale_factor=2)
                h = functional.interpolate(h, scale_factor=2)
            h = active(block.conv(h, inside, name="second"))
            h = active(block.conv(h, inside, name="third"))
            x = x + block.conv(h, x.shape[1], 1, name="fourth")
        if x.shape[2] == attention:
            x = top.attention(x)
    return images_out(torch.tanh(top.conv(functional.relu(plainly_normalized(top, x)), 3)))


def discriminator(images, *, train, widths, down, classes=None, attention=None):
    top = Scope(train=train, spectral=True)
    x = top.conv(images.permute(0, 3, 1, 2), widths[0])
    for stage, width in enumerate(widths[1:]):
        for halves in (stage < down, False):
            block, inside = top.below(top.numbered("Bottleneck")), width // 4
            h = functional.relu(block.conv(functional.relu(x), inside, 1, name="first"))
            h = functional.relu(block.conv(h, inside, name="second"))
            h = functional.relu(block.conv(h, inside, name="third"))
            if halves:
                h, x = functional.avg_pool2d(h, 2), functional.avg_pool2d(x, 2)
            h = block.conv(h, width, 1, name="fourth")
            if x.shape[1] < width:
                x = torch.cat([x, block.conv(x, width - x.shape[1], 1, name="shortcut")], dim=1)
            x = x + h
        if stage < down and x.shape[2] == attention:
            x = top.attention(x)
    h, head = functional.relu(x).sum((2, 3)), top.below("ProjectionHead_0")
    logits = head.dense(h, 1, name="linear")[:, 0]
    if classes is not None:
        logits = logits + (head.kernel("classes", classes, h.shape[1])[torch.tensor(LABELS)] * h).sum(1)
    return logits


MADE = {  # the networks of tests/networks/test_biggan_deep.py
    "generator": (
        generator,
        {"base": (4, 2), "widths": (16, 16, 8), "classes": 3, "shared": 7, "attention": 8},
    ),
    "generator, unconditional": (generator, {"base": (8, 4), "widths": (16, 8)}),
    "discriminator": (discriminator, {"widths": (8, 16, 16), "down": 2, "classes": 3, "attention": 4}),
    "discriminator, unconditional": (discriminator, {"widths": (4, 8, 12), "down": 1}),
}


if __name__ == "__main__":
    write("biggan_deep.npz", MADE)
