"""BigGAN-deep of ajbrock/BigGAN-PyTorch: files as those of `biggan`, of its other program.

References:
    https://github.com/ajbrock/BigGAN-PyTorch, BigGANdeep.py and layers.py (names and layouts)
"""

import math

from jaxgan.export.importing.biggan import (
    SMALL,
    SYNCHRONIZED,
    UNUSED,
    attentions,
    batch_norm,
    generator_ends,
    head,
    kernel,
    side_of,
)
from jaxgan.export.importing.plan import Entry, OtherNetworkError, Plan, Source, as_is
from jaxgan.networks import biggan_deep

_DEPTH = 2  # blocks of a stage
_CONVOLUTIONS = {"conv1": "first", "conv2": "second", "conv3": "third", "conv4": "fourth"}


def generator(source: Source) -> Plan:
    """Return the plan of a generator.

    Raises:
        OtherNetworkError: if the file has another network.
    """
    blocks = source.count(r"blocks\.(\d+)\.")
    if blocks % _DEPTH:
        raise OtherNetworkError(f"it has {blocks} blocks, which are no stages of {_DEPTH}")
    stages = blocks // _DEPTH
    last = [f"blocks.{_DEPTH * stage + 1}" for stage in range(stages)]  # of each stage
    base = source.shape("blocks.0.0.conv1.weight", 4)[1]
    channels = [base, *(source.shape(f"{place}.0.conv4.weight", 4)[0] for place in last)]
    outputs, first = source.shape("linear.weight", 2)
    side = side_of(outputs, base)
    image_channels = source.shape("output_layer.2.weight", 4)[0]
    classes, shared = source.shape("shared.weight", 2)
    if first <= shared:
        raise OtherNetworkError(
            f"its first layer takes {first} numbers, and the embedding alone has {shared}"
        )
    attention = [stage for stage in range(stages) if f"{last[stage]}.1.theta.weight" in source]
    image_shape = side * 2**stages, side * 2**stages, image_channels
    entries = generator_ends(source, base, side)
    entries.append(Entry("params/classes/kernel", ("shared.weight",), as_is))
    for block in range(blocks):
        theirs, ours = f"blocks.{block}.0", f"Bottleneck_{block}/"
        entries += _block(theirs, ours)
        for i in range(len(_CONVOLUTIONS)):
            entries += batch_norm(source, f"{theirs}.bn{i + 1}", f"{ours}VectorBatchNorm_{i}/")
    entries += attentions(f"{last[stage]}.1" for stage in attention)
    width = math.gcd(*channels)
    module = biggan_deep.Generator(
        image_shape,
        width,
        tuple(count // width for count in channels),
        classes,
        shared,
        tuple(side * 2 ** (stage + 1) for stage in attention),
    )
    notes = (SYNCHRONIZED,) if "output_layer.0.bn.running_mean" in source else ()
    return Plan(module, entries, image_shape, first - shared, classes, UNUSED, notes)


def discriminator(source: Source, image_shape: tuple[int, ...]) -> Plan:
    """Return the plan of a discriminator of images of a shape.

    Raises:
        OtherNetworkError: if the file has another network.
    """
    stages = source.count(r"blocks\.(\d+)\.")
    first, image_channels = source.shape("input_conv.weight", 4)[:2]
    if image_channels != image_shape[2]:
        raise OtherNetworkError(f"it takes images of {image_channels} channels, not {image_shape[2]}")
    down = min(2, stages) if image_shape[0] <= SMALL else stages
    if image_shape[0] % 2**down:
        raise OtherNetworkError(
            f"it halves images {down} times, and images of {image_shape[0]} pixels cannot be"
        )
    channels = [first, *(source.shape(f"blocks.{stage}.0.conv4.weight", 4)[0] for stage in range(stages))]
    classes = source.shape("embed.weight", 2)[0]
    attention = [stage for stage in range(stages) if f"blocks.{stage}.{_DEPTH}.theta.weight" in source]
    entries = kernel("input_conv", "", "SpectralNorm_0/Conv_0")
    for block in range(_DEPTH * stages):
        theirs, ours = f"blocks.{block // _DEPTH}.{block % _DEPTH}", f"Bottleneck_{block}/"
        entries += _block(theirs, ours)
        if f"{theirs}.conv_sc.weight" in source:
            entries += kernel(f"{theirs}.conv_sc", ours, "SpectralNorm_4/shortcut")
    entries += attentions(f"blocks.{stage}.{_DEPTH}" for stage in attention)
    entries += head()
    width = math.gcd(*channels)
    module = biggan_deep.Discriminator(
        width,
        tuple(count // width for count in channels),
        down,
        classes,
        tuple(image_shape[0] // 2 ** min(stage + 1, down) for stage in attention),
    )
    height, columns = image_shape[:2]
    return Plan(module, entries, (height, columns, image_channels), 0, classes, UNUSED)


def _block(theirs: str, ours: str) -> list[Entry]:
    """Return the convolutions of a block, without its shortcut."""
    return [
        entry
        for i, (their, our) in enumerate(_CONVOLUTIONS.items())
        for entry in kernel(f"{theirs}.{their}", ours, f"SpectralNorm_{i}/{our}")
    ]
