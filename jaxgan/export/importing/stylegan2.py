"""StyleGAN2 of NVIDIA's stylegan2-ada-pytorch and stylegan3 (``G_ema`` and ``D`` of a ``.pkl``).

Sizes come from shapes, and the kind of a block from which layers it has. The reference flips the kernels of
its upsampling convolutions, so they are flipped here. Noise outside of training is a fixed image in both.

References:
    https://github.com/NVlabs/stylegan2-ada-pytorch, training/networks.py (names and layouts)
"""

import numpy as np

from jaxgan.export.importing.plan import (
    Entry,
    OtherNetworkError,
    Plan,
    Source,
    as_is,
    check_filters,
    conv,
    dense,
    maps,
)
from jaxgan.networks import stylegan2

_TAPS = (1, 3, 3, 1)
_UNUSED = r"(.*\.)?resample_filter"
_MAPPING_RATE = 0.01
_LARGEST = 2**13  # pixels of a side


def generator(source: Source) -> Plan:
    """Return the plan of a generator.

    Raises:
        OtherNetworkError: if the file has another network.
    """
    sides = _sides(source, r"synthesis\.b(\d+)\.", "synthesis.b4.const")
    channels = {side: source.shape(f"synthesis.b{side}.conv1.weight", 4)[0] for side in sides}
    base, most = _channel_rule(channels)
    skips = any(f"synthesis.b{side}.skip.weight" in source for side in sides)
    layers = source.count(r"mapping\.fc(\d+)\.")
    w_dim, first = (
        source.shape(f"mapping.fc{max(layers - 1, 0)}.weight", 2)[0],
        source.shape("mapping.fc0.weight", 2),
    )
    classes, embedded = None, 0
    if "mapping.embed.weight" in source:
        embedded, classes = source.shape("mapping.embed.weight", 2)
    image_channels = source.shape(f"synthesis.b{sides[-1]}.torgb.weight", 4)[0]
    image_shape = sides[-1], sides[-1], image_channels
    noise = "synthesis.b4.conv1.noise_const" in source
    latent_dim = first[1] - embedded
    if latent_dim < 1:
        raise OtherNetworkError("its mapping takes no latents")
    _check_settings(source)
    entries = _mapping(layers, classes)
    entries += [
        Entry("buffers/mapping/w_average", ("mapping.w_avg",), as_is),
        Entry("params/synthesis/constant", ("synthesis.b4.const",), maps),
    ]
    for block, side in enumerate(sides):
        theirs, ours = f"synthesis.b{side}", f"synthesis/block{block}"
        for name in ("conv0", "conv1") if block else ("conv1",):
            layout = _conv_flipped if name == "conv0" else conv
            entries += _modulated(f"{theirs}.{name}", f"params/{ours}_{name}", layout)
            if noise:
                entries += [
                    Entry(
                        f"params/{ours}_{name}/noise/strength", (f"{theirs}.{name}.noise_strength",), as_is
                    ),
                    Entry(f"buffers/{ours}_{name}/noise/noise", (f"{theirs}.{name}.noise_const",), _noise),
                ]
        if skips and block:
            entries.append(Entry(f"params/{ours}_skip/kernel", (f"{theirs}.skip.weight",), conv))
        if not skips or side == sides[-1]:
            entries += _modulated(f"{theirs}.torgb", f"params/{ours}_image", conv)
    module = stylegan2.Generator(
        image_shape,
        channel_base=base,
        channel_max=most,
        mapping_layers=layers,
        w_dim=w_dim,
        architecture="resnet" if skips else "skip",
        noise=noise,
        num_classes=classes,
    )
    return Plan(module, entries, image_shape, latent_dim, classes, _UNUSED, _notes(source))


def discriminator(source: Source, image_shape: tuple[int, ...]) -> Plan:
    """Return the plan of a discriminator of images of a shape.

    Raises:
        OtherNetworkError: if the file has another network.
    """
    sides = _sides(source, r"b(\d+)\.", "b4.conv.weight")
    largest = sides[-1]
    image_channels = source.shape(f"b{largest}.fromrgb.weight", 4)[1]
    if (largest, largest, image_channels) != tuple(image_shape):
        raise OtherNetworkError(
            f"it takes images {[largest, largest, image_channels]}, not {list(image_shape)}"
        )
    channels = {4: source.shape("b4.conv.weight", 4)[0]}
    channels |= {side: source.shape(f"b{side}.conv0.weight", 4)[0] for side in sides[1:]}
    base, most = _channel_rule(channels)
    classes = source.shape("mapping.embed.weight", 2)[1] if "mapping.embed.weight" in source else None
    resnet = any(f"b{side}.skip.weight" in source for side in sides)
    _check_settings(source)
    source.require("num_channels", (1,), r"b4\.mbstd")
    group = source.settings.get("b4.mbstd", {}).get("group_size", 4)
    if not isinstance(group, int) or group < 1:
        raise OtherNetworkError("its minibatch deviation is of whole batches, not of groups")
    entries = [] if classes is None else _mapping(source.count(r"mapping\.fc(\d+)\."), classes)
    entries += _layer(f"b{largest}.fromrgb", "params/from_image", conv)
    for block, side in enumerate(sides[:0:-1]):
        for name in ("conv0", "conv1"):
            entries += _layer(f"b{side}.{name}", f"params/block{block}_{name}", conv)
        if resnet:
            entries.append(Entry(f"params/block{block}_skip/kernel", (f"b{side}.skip.weight",), conv))
    entries += _layer("b4.conv", "params/last_conv", conv)
    entries += _layer("b4.fc", "params/last_dense", _dense_of_maps)
    entries += _layer("b4.out", "params/logit", dense)
    module = stylegan2.Discriminator(
        channel_base=base,
        channel_max=most,
        architecture="resnet" if resnet else "orig",
        group_size=group,
        num_classes=classes,
    )
    return Plan(module, entries, (largest, largest, image_channels), 0, classes, _UNUSED, _notes(source))


def _sides(source: Source, pattern: str, first: str) -> list[int]:
    """Return the sides of the blocks, 4 and its doubles."""
    sides = source.numbers(pattern)
    if not sides or sides[0] != 4:
        source.shape(first, 4)
    if sides != [4 * 2**i for i in range(len(sides))] or not 4 < sides[-1] <= _LARGEST:
        raise OtherNetworkError(f"its blocks have the sides {sides[:12]}, not 4, 8 and so on")
    return sides


def _channel_rule(channels: dict[int, int]) -> tuple[int, int]:
    """Return `channel_base` and `channel_max` that give blocks of some sides their channels.

    A block of side r has ``min(base // r, max)`` channels.
    """
    most = max(channels.values())
    lowest = max(side * count for side, count in channels.items())
    for side, count in channels.items():
        if min(lowest // side, most) != count:
            raise OtherNetworkError(
                f"its block of side {side} has {count} channels, where {min(lowest // side, most)} fit"
            )
    return lowest, most


def _check_settings(source: Source) -> None:
    """Raise `OtherNetworkError` for another activation, filter or learning rate than jaxgan's network has."""
    source.require("activation", ("lrelu",), r"(.*\.)?(fc\d*|conv\d?|fromrgb)$")
    source.require("activation", ("linear",), r"(.*\.)?(affine|embed|out|skip)$")
    source.require("bias_gain", (_MAPPING_RATE,), r"mapping\.fc\d+$")
    check_filters(source, _UNUSED, _TAPS)


def _notes(source: Source) -> tuple[str, ...]:
    if not (source.has_setting("use_fp16") or source.has_setting("conv_clamp")):
        return ()
    return (
        "the authors' program computes some layers in float16 on a GPU and limits their values; "
        "here all is float32 without a limit, so images may differ in the last digits",
    )


def _mapping(layers: int, classes: int | None) -> list[Entry]:
    entries = [] if classes is None else _layer("mapping.embed", "params/mapping/embed", dense)
    for layer in range(layers):
        entries += _layer(f"mapping.fc{layer}", f"params/mapping/EqualizedDense_{layer}", dense)
    return entries


def _layer(theirs: str, ours: str, layout) -> list[Entry]:
    return [
        Entry(f"{ours}/kernel", (f"{theirs}.weight",), layout),
        Entry(f"{ours}/bias", (f"{theirs}.bias",), as_is),
    ]


def _modulated(theirs: str, ours: str, layout) -> list[Entry]:
    return [
        Entry(f"{ours}/conv/kernel", (f"{theirs}.weight",), layout),
        *_layer(f"{theirs}.affine", f"{ours}/conv/affine", dense),
        Entry(f"{ours}/bias", (f"{theirs}.bias",), as_is),
    ]


def _conv_flipped(kernel: np.ndarray) -> np.ndarray:
    return conv(kernel[:, :, ::-1, ::-1])


def _noise(image: np.ndarray) -> np.ndarray:
    return image[..., None]


def _dense_of_maps(kernel: np.ndarray) -> np.ndarray:
    """Return the kernel of a dense layer on 4x4 maps whose channels come last."""
    outputs = kernel.shape[0]
    return kernel.reshape(outputs, -1, 4, 4).transpose(2, 3, 1, 0).reshape(-1, outputs)
