"""Outputs and gradients of StyleGAN2 by an implementation of its own, in PyTorch's float64.

    python tests/golden/make_stylegan2.py      (needs torch and numpy; writes stylegan2.npz)

It follows the papers step by step, and takes none of jaxgan's short cuts: each example has its own modulated
kernel, images are upsampled by zeros and a 4x4 filter for each channel, and the convolution comes after that.
Weights are drawn by name (tests/support/stylegan2_cases.py).
"""

import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 -- its name everywhere

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from stylegan2_cases import BATCH, DISCRIMINATORS, GENERATORS, LABELS, LATENT, draw, normal

OUT = Path(__file__).with_name("stylegan2.npz")
torch.set_default_dtype(torch.float64)


def weight(name, *shape):
    return torch.from_numpy(np.asarray(draw(name, shape), np.float64))


def fixed(name, *shape):
    return torch.from_numpy(np.asarray(normal(name, shape), np.float32).astype(np.float64))


def dense(x, name, width, rate=1.0):
    kernel = weight(f"{name}/kernel", x.shape[1], width)
    return x @ kernel * rate / x.shape[1] ** 0.5 + rate * weight(f"{name}/bias", width)


def activate(x):
    return torch.where(x > 0, x, 0.2 * x) * 2**0.5


def normalized(x):
    return x / (x.pow(2).mean(1, keepdim=True) + 1e-8).sqrt()


def mapping(z, labels, case, width, layers):
    parts = [] if z is None else [normalized(z)]
    if case["num_classes"] is not None:
        one_hot = F.one_hot(labels, case["num_classes"]).double()
        parts.append(normalized(dense(one_hot, "mapping/embed", width)))
    w = torch.cat(parts, 1)
    for layer in range(layers):
        w = activate(dense(w, f"mapping/EqualizedDense_{layer}", width, 0.01))
    return w


def upfirdn(x, pads, up=1, down=1, gain=1.0):
    """Put zeros after each pixel, pad, filter each channel, keep every `down`-th pixel. x is [B, C, H, W]."""
    batch, channels, height, width = x.shape
    if up == 2:
        stuffed = torch.zeros(batch, channels, 2 * height, 2 * width)
        stuffed[:, :, ::2, ::2] = x
        x = stuffed
    x = F.pad(x, (*pads, *pads))
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    kernel = (gain * taps[:, None] * taps[None]).flip(0, 1).expand(channels, 1, 4, 4)
    return F.conv2d(x, kernel, groups=channels)[:, :, ::down, ::down]


def up_image(x):
    return upfirdn(x, (2, 1), up=2, gain=4.0)


def kernel_of(name, taps, inputs, outputs):
    return weight(f"{name}/kernel", taps, taps, inputs, outputs).permute(3, 2, 0, 1)


def modulated(x, w, name, outputs, taps, demodulate=True, up=False):
    inputs = x.shape[1]
    style = dense(w, f"{name}/affine", inputs)
    kernel = kernel_of(name, taps, inputs, outputs)
    if not demodulate:
        style = style / (inputs * taps * taps) ** 0.5
    results = []
    for image, factors in zip(x, style, strict=True):
        own = kernel * factors[None, :, None, None]
        if demodulate:
            own = own / (own.pow(2).sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        padded = image[None]
        padded = upfirdn(padded, (3, 2), up=2, gain=4.0) if up else F.pad(padded, (taps // 2,) * 4)
        results.append(F.conv2d(padded, own))
    return torch.cat(results)


def sizes(case):
    height, width, _ = case["image_shape"]
    sides = [(height, width)]
    while height % 2 == 0 and width % 2 == 0 and min(height, width) > 4:
        height, width = height // 2, width // 2
        sides.insert(0, (height, width))
    return [(*side, min(case["channel_base"] // min(side), case["channel_max"])) for side in sides]


def layer(x, w, name, outputs, up):
    x = modulated(x, w, f"{name}/conv", outputs, 3, up=up)
    noise = fixed(f"{name}/noise/noise", *x.shape[2:], 1).permute(2, 0, 1)
    x = x + weight(f"{name}/noise/strength") * noise
    return activate(x + weight(f"{name}/bias", outputs)[:, None, None])


def synthesis(ws, case):
    blocks, shown = sizes(case), case["image_shape"][2]
    height, width, channels = blocks[0]
    x = weight("synthesis/constant", height, width, channels).permute(2, 0, 1).expand(len(ws), -1, -1, -1)
    image, place = None, 0
    for i, (_, _, channels) in enumerate(blocks):
        name = f"synthesis/block{i}"
        if i:
            skip = x
            x = layer(x, ws[:, place], f"{name}_conv0", channels, True)
            place += 1
        x = layer(x, ws[:, place], f"{name}_conv1", channels, False)
        place += 1
        if i and case["architecture"] == "resnet":
            kernel = kernel_of(f"{name}_skip", 1, skip.shape[1], channels) / skip.shape[1] ** 0.5
            x = (x + F.conv2d(up_image(skip), kernel)) * 0.5**0.5
        if case["architecture"] == "skip" or i == len(blocks) - 1:
            new = modulated(x, ws[:, place], f"{name}_image/conv", shown, 1, demodulate=False)
            new = new + weight(f"{name}_image/bias", shown)[:, None, None]
            image = new if image is None else up_image(image) + new
    return image.permute(0, 2, 3, 1)


def convolved(x, name, outputs, taps, stride=1, padding=0, bias=True):
    kernel = kernel_of(name, taps, x.shape[1], outputs) / (x.shape[1] * taps * taps) ** 0.5
    added = weight(f"{name}/bias", outputs) if bias else None
    return F.conv2d(x, kernel, added, stride=stride, padding=padding)


def discriminator(images, labels, case):
    blocks = sizes(case)[::-1]
    x = activate(convolved(images.permute(0, 3, 1, 2), "from_image", blocks[0][2], 1))
    for i, (_, _, channels) in enumerate(blocks[1:]):
        name, skip = f"block{i}", x
        x = activate(convolved(x, f"{name}_conv0", x.shape[1], 3, padding=1))
        x = activate(convolved(upfirdn(x, (2, 2)), f"{name}_conv1", channels, 3, stride=2))
        if case["architecture"] == "resnet":
            skip = convolved(upfirdn(skip, (1, 1), down=2), f"{name}_skip", channels, 1, bias=False)
            x = (x + skip) * 0.5**0.5
    groups = x.reshape(-1, case["group_size"], *x.shape[1:])
    deviation = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    deviation = deviation.repeat_interleave(case["group_size"])[:, None, None, None]
    x = torch.cat([x, deviation.expand(-1, 1, *x.shape[2:])], 1)
    width = blocks[-1][2]
    x = activate(convolved(x, "last_conv", width, 3, padding=1))
    x = activate(dense(x.permute(0, 2, 3, 1).flatten(1), "last_dense", width))
    if case["num_classes"] is None:
        return dense(x, "logit", 1)[:, 0]
    labels = mapping(None, labels, case, width, 8)
    return (dense(x, "logit", width) * labels).sum(1) / width**0.5


def main() -> None:
    results, labels = {}, torch.from_numpy(LABELS).long()
    for name, case in GENERATORS.items():
        latents = fixed("latents", BATCH, LATENT).requires_grad_()
        average = weight("mapping/w_average", case["w_dim"])
        w = mapping(latents, labels, case, case["w_dim"], case["mapping_layers"])
        places = 2 * len(sizes(case))
        full = w[:, None].expand(-1, places, -1)
        cut = (torch.arange(places) < 3)[None, :, None]
        ws = torch.where(cut, average + 0.7 * (full - average), full)
        ws.retain_grad()
        images = synthesis(ws, case)
        (images * fixed("direction", *images.shape)).sum().backward()
        found = {"images": images, "ws": ws, "ws_gradient": ws.grad, "latents_gradient": latents.grad}
        results |= {f"generator/{name}/{key}": value for key, value in found.items()}
    for name, case in DISCRIMINATORS.items():
        images = fixed("images", BATCH, *case["image_shape"]).requires_grad_()
        logits = discriminator(images, labels, case)
        (gradient,) = torch.autograd.grad(
            (100 * logits * fixed("direction", BATCH)).sum(), images, create_graph=True
        )
        (second,) = torch.autograd.grad(gradient.pow(2).sum(), images)
        found = {"logits": logits, "gradient": gradient, "second_gradient": second}
        results |= {f"discriminator/{name}/{key}": value for key, value in found.items()}
    np.savez_compressed(OUT, **{key: value.detach().numpy() for key, value in results.items()})
    for key, value in results.items():
        print(f"{key}: {tuple(value.shape)}, deviation {float(value.detach().std()):.3g}")
    print(f"{OUT.name}: {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
