"""R3GAN of brownvc/R3GAN (``G_ema`` and ``D`` of a ``.pkl``).

Sizes and groups come from shapes. The generator's stages are numbered from the base on in both programs, the
discriminator's from the image on in the authors', and from the base on here.

References:
    https://github.com/brownvc/R3GAN, R3GAN/Networks.py (names and layouts)
"""

from typing import NamedTuple

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
from jaxgan.networks import r3gan

_TAPS = (1, 3, 3, 1)  # (1, 2, 1) convolved with (1, 1)
_UNUSED = r".*\.Resampler\.Kernel"
_EMBEDDING = 64  # numbers that jaxgan's generator makes of a label


class _Sizes(NamedTuple):
    """What the shapes of a network's stages say, in the file's order.

    Attributes:
        widths: channels of each stage.
        groups: groups of each stage's 3x3 convolutions.
        blocks: blocks of a stage.
        expansion: channels within a block, in units of its width.
    """

    widths: tuple[int, ...]
    groups: tuple[int, ...]
    blocks: int
    expansion: int


def generator(source: Source) -> Plan:
    """Return the plan of a generator.

    Raises:
        OtherNetworkError: if the file has another network.
    """
    sizes = _sizes(source, first=1)
    check_filters(source, _UNUSED, _TAPS)
    channels = source.shape("AggregationLayer.Layer.weight", 4)[0]
    side = source.shape("MainLayers.0.Layers.0.Basis", 3)[1] * 2 ** (len(sizes.widths) - 1)
    classes, latent_dim = None, source.shape("MainLayers.0.Layers.0.LinearLayer.weight", 2)[1]
    if "EmbeddingLayer.weight" in source:
        length, classes = source.shape("EmbeddingLayer.weight", 2)
        if length != _EMBEDDING:
            raise OtherNetworkError(f"its embedding of a label has length {length}, not {_EMBEDDING}")
        latent_dim -= length
    if latent_dim < 1:
        raise OtherNetworkError("its generator takes no latents")
    entries = [
        Entry("params/basis", ("MainLayers.0.Layers.0.Basis",), maps),
        Entry("params/scales/kernel", ("MainLayers.0.Layers.0.LinearLayer.weight",), dense),
        Entry("params/to_image/kernel", ("AggregationLayer.Layer.weight",), conv),
    ]
    for stage, width in enumerate(sizes.widths):
        if stage and width != sizes.widths[stage - 1]:
            name = f"MainLayers.{stage}.Layers.0.LinearLayer.Layer.weight"
            entries.append(Entry(f"params/transition_{stage}/kernel", (name,), conv))
        entries += _blocks(sizes, stage, stage, first=1)
    if classes is not None:
        entries.append(Entry("params/classes/kernel", ("EmbeddingLayer.weight",), dense))
    image_shape = side, side, channels
    module = r3gan.Generator(image_shape, **sizes._asdict(), num_classes=classes)
    return Plan(module, entries, image_shape, latent_dim, classes, _UNUSED, _notes(source))


def discriminator(source: Source, image_shape: tuple[int, ...]) -> Plan:
    """Return the plan of a discriminator of images of a shape.

    Raises:
        OtherNetworkError: if the file has another network.
    """
    sizes = _sizes(source, first=0)
    check_filters(source, _UNUSED, _TAPS)
    last, blocks = len(sizes.widths) - 1, sizes.blocks
    side = source.shape(f"MainLayers.{last}.Layers.{blocks}.Basis.weight", 4)[2] * 2**last
    channels = source.shape("ExtractionLayer.Layer.weight", 4)[1]
    if (side, side, channels) != tuple(image_shape):
        raise OtherNetworkError(f"it takes images {[side, side, channels]}, not {list(image_shape)}")
    classes = source.shape("EmbeddingLayer.weight", 2)[1] if "EmbeddingLayer.weight" in source else None
    entries = [
        Entry("params/from_image/kernel", ("ExtractionLayer.Layer.weight",), conv),
        Entry("params/pixels", (f"MainLayers.{last}.Layers.{blocks}.Basis.weight",), _pixels),
        Entry("params/logit/kernel", (f"MainLayers.{last}.Layers.{blocks}.LinearLayer.weight",), dense),
    ]
    for place, width in enumerate(sizes.widths):
        stage = last - place
        entries += _blocks(sizes, place, stage, first=0)
        if stage and sizes.widths[place + 1] != width:
            name = f"MainLayers.{place}.Layers.{blocks}.LinearLayer.Layer.weight"
            entries.append(Entry(f"params/transition_{stage}/kernel", (name,), conv))
    if classes is not None:
        entries.append(Entry("params/classes/kernel", ("EmbeddingLayer.weight",), dense))
    module = r3gan.Discriminator(
        sizes.widths[::-1], sizes.groups[::-1], blocks, sizes.expansion, num_classes=classes
    )
    return Plan(module, entries, (side, side, channels), 0, classes, _UNUSED, _notes(source))


def _sizes(source: Source, first: int) -> _Sizes:
    """Return the sizes of a network whose blocks begin at a place of each stage."""
    stages = source.count(r"MainLayers\.(\d+)\.")
    if not stages:
        source.shape("MainLayers.0.Layers.0.LinearLayer1.Layer.weight", 4)
    blocks = [
        len(source.numbers(rf"MainLayers\.{stage}\.Layers\.(\d+)\.LinearLayer1\.")) for stage in range(stages)
    ]
    if min(blocks) < 1 or len(set(blocks)) > 1:
        raise OtherNetworkError(
            f"its stages have {', '.join(map(str, blocks[:12]))} blocks, not equally many"
        )
    widths, groups, expansions = [], [], set()
    for stage in range(stages):
        block = f"MainLayers.{stage}.Layers.{first}"
        inside, width = source.shape(f"{block}.LinearLayer1.Layer.weight", 4)[:2]
        within = source.shape(f"{block}.LinearLayer2.Layer.weight", 4)[1]
        widths.append(width)
        groups.append(inside // within)
        expansions.add(inside / width)
    if len(expansions) > 1 or not min(expansions).is_integer() or min(groups) < 1:
        raise OtherNetworkError("its blocks do not widen their maps by one whole number")
    return _Sizes(tuple(widths), tuple(groups), blocks[0], int(expansions.pop()))


def _blocks(sizes: _Sizes, place: int, stage: int, first: int) -> list[Entry]:
    entries = []
    for block in range(sizes.blocks):
        theirs, ours = f"MainLayers.{place}.Layers.{first + block}", f"params/stage_{stage}_block_{block}"
        entries += [
            Entry(f"{ours}/{name}/kernel", (f"{theirs}.LinearLayer{i}.Layer.weight",), conv)
            for i, name in enumerate(("widen", "grouped", "narrow"), 1)
        ]
        entries += [
            Entry(f"{ours}/BiasedActivation_{i}/bias", (f"{theirs}.NonLinearity{i + 1}.Bias",), as_is)
            for i in range(2)
        ]
    return entries


def _notes(source: Source) -> tuple[str, ...]:
    """Return a note on bfloat16: a stage's type is a name, which is no plain setting."""
    typed = any(place.startswith("MainLayers.") for place in source.settings)
    if not typed:
        return ()
    return (
        "the authors' program computes some stages in bfloat16; here all is float32, so images may differ in "
        "the last digits",
    )


def _pixels(kernel: np.ndarray) -> np.ndarray:
    """Return one weight for each pixel and channel of a depthwise kernel ``[channels, 1, height, width]``."""
    return maps(kernel.squeeze(1))
