"""BigGAN of ajbrock/BigGAN-PyTorch: a ``.pth`` of the generator, ``G_ema.pth``, and one of the discriminator.

A file holds no settings, only arrays: everything comes from names and shapes. Spectral normalization keeps
the same vector in both programs, but for the discriminator's table of classes. There the authors iterate on
the other side of the matrix, so half an iteration is made here. The singular value is the same once the
iteration has converged, as it has in training.

References:
    https://github.com/ajbrock/BigGAN-PyTorch, BigGAN.py and layers.py (names and layouts)
"""

import math
from collections.abc import Iterable

import numpy as np

from jaxgan.export.importing.plan import Entry, OtherNetworkError, Plan, Source, as_is, conv, dense
from jaxgan.networks import biggan

UNUSED = r".*\.(num_batches_tracked|accumulation_counter)"
SYNCHRONIZED = (
    "the authors' synchronized batch normalization multiplies by its scale in training, and adds it when "
    "images are drawn; here it always multiplies, so images differ from theirs"
)
SMALL = 32  # pixels up to which two of the discriminator's four blocks halve


def generator(source: Source) -> Plan:
    """Return the plan of a generator.

    Raises:
        OtherNetworkError: if the file has another network.
    """
    blocks = source.count(r"blocks\.(\d+)\.")
    base = source.shape("blocks.0.0.conv1.weight", 4)[1]
    channels = [base, *(source.shape(f"blocks.{i}.0.conv1.weight", 4)[0] for i in range(blocks))]
    outputs, first = source.shape("linear.weight", 2)
    side = side_of(outputs, base)
    image_channels = source.shape("output_layer.2.weight", 4)[0]
    gain = source.shape("blocks.0.0.bn1.gain.weight", 2)
    shared = source.shape("shared.weight", 2) if "shared.weight" in source else None
    chunk = 0 if shared is None else gain[1] - shared[1]
    if chunk not in (0, first):
        raise OtherNetworkError(f"its blocks take {chunk} latent numbers each, and its first layer {first}")
    classes = gain[0] if shared is None else shared[0]
    attention = [block for block in range(blocks) if f"blocks.{block}.1.theta.weight" in source]
    width = math.gcd(*channels)
    image_shape = side * 2**blocks, side * 2**blocks, image_channels

    entries = generator_ends(source, base, side)
    if shared is not None:
        entries.append(Entry("params/classes/kernel", ("shared.weight",), as_is))
    for block in range(blocks):
        theirs, ours = f"blocks.{block}.0", f"ResidualBlock_{block}/"
        entries += _convolutions(theirs, ours, True)
        for i in range(2):
            entries += batch_norm(
                source, f"{theirs}.bn{i + 1}", f"{ours}VectorBatchNorm_{i}/", shared is None
            )
    entries += attentions(f"blocks.{block}.1" for block in attention)
    module = biggan.Generator(
        image_shape,
        width=width,
        multipliers=tuple(count // width for count in channels),
        num_classes=classes,
        chunks=chunk > 0,
        shared=None if shared is None else shared[1],
        attention=tuple(side * 2 ** (block + 1) for block in attention),
    )
    latent_dim = first * (blocks + 1) if chunk else first
    synchronized = "output_layer.0.bn.running_mean" in source
    notes = (SYNCHRONIZED,) if synchronized else ()
    return Plan(module, entries, image_shape, latent_dim, classes, UNUSED, notes)


def discriminator(source: Source, image_shape: tuple[int, ...]) -> Plan:
    """Return the plan of a discriminator of images of a shape.

    Raises:
        OtherNetworkError: if the file has another network.
    """
    blocks = source.count(r"blocks\.(\d+)\.")
    image_channels = source.shape("blocks.0.0.conv1.weight", 4)[1]
    if image_channels != image_shape[2]:
        raise OtherNetworkError(f"it takes images of {image_channels} channels, not {image_shape[2]}")
    down = 2 if image_shape[0] <= SMALL else blocks - 1
    if image_shape[0] % 2**down:
        raise OtherNetworkError(
            f"it halves images {down} times, and images of {image_shape[0]} pixels cannot be"
        )
    channels = [source.shape(f"blocks.{block}.0.conv1.weight", 4)[0] for block in range(blocks)]
    classes = source.shape("embed.weight", 2)[0]
    attention = [block for block in range(blocks) if f"blocks.{block}.1.theta.weight" in source]
    width = math.gcd(*channels)
    entries = []
    for block in range(blocks):
        changes = block < down or channels[block] != channels[block - 1]
        entries += _convolutions(f"blocks.{block}.0", f"ResidualBlock_{block}/", changes)
    entries += attentions(f"blocks.{block}.1" for block in attention)
    entries += head()
    module = biggan.Discriminator(
        width=width,
        multipliers=tuple(count // width for count in channels),
        down=down,
        num_classes=classes,
        attention=tuple(image_shape[0] // 2 ** min(block + 1, down) for block in attention),
    )
    height, columns = image_shape[:2]
    return Plan(module, entries, (height, columns, image_channels), 0, classes, UNUSED)


def side_of(outputs: int, channels: int) -> int:
    """Return the height and width of square maps of so many numbers.

    Raises:
        OtherNetworkError: if there are no such maps.
    """
    side = math.isqrt(outputs // channels)
    if side < 1 or side * side * channels != outputs:
        raise OtherNetworkError(
            f"linear.weight makes {outputs} numbers, which are no square maps of {channels} channels"
        )
    return side


def generator_ends(source: Source, base: int, side: int) -> list[Entry]:
    """Return a generator's first layer, to `side` x `side` maps of `base` channels, and its last two."""

    def from_maps(array: np.ndarray) -> np.ndarray:
        """Return numbers for maps whose channels come last; the first axis is over theirs."""
        whole = array.reshape(base, side, side, *array.shape[1:])
        return np.moveaxis(whole, 0, 2).reshape(array.shape)

    return [
        Entry("params/Dense_0/kernel", ("linear.weight",), lambda kernel: dense(from_maps(kernel))),
        Entry("params/Dense_0/bias", ("linear.bias",), from_maps),
        *_spectral("linear", "batch_stats/SpectralNorm_0/Dense_0", lambda u: from_maps(u.reshape(-1))),
        *kernel("output_layer.2", "", "SpectralNorm_1/Conv_0"),
        Entry("params/BatchNorm_0/scale", ("output_layer.0.gain",), as_is),
        Entry("params/BatchNorm_0/bias", ("output_layer.0.bias",), as_is),
        *statistics(source, "output_layer.0", "batch_stats/BatchNorm_0"),
    ]


def head() -> list[Entry]:
    """Return the end of a discriminator, the projection."""
    place = "ProjectionHead_0/"
    vectors = f"batch_stats/{place}SpectralNorm_1/classes/kernel"
    return [
        *kernel("linear", place, "SpectralNorm_0/linear", dense),
        Entry(f"params/{place}classes/kernel", ("embed.weight",), as_is),
        Entry(f"{vectors}/u", ("embed.u0", "embed.weight"), _other_side),
        Entry(f"{vectors}/sigma", ("embed.sv0",), _scalar),
    ]


def kernel(theirs: str, place: str, ours: str, layout=conv, *, bias: bool = True) -> list[Entry]:
    """Return a layer of spectral normalization; `ours` is the wrapper and the layer in a module `place`."""
    layer = ours.split("/")[-1]
    entries = [
        Entry(f"params/{place}{layer}/kernel", (f"{theirs}.weight",), layout),
        *_spectral(theirs, f"batch_stats/{place}{ours}", _row),
    ]
    if bias:
        entries.append(Entry(f"params/{place}{layer}/bias", (f"{theirs}.bias",), as_is))
    return entries


def _spectral(theirs: str, ours: str, vector) -> list[Entry]:
    return [
        Entry(f"{ours}/kernel/u", (f"{theirs}.u0",), vector),
        Entry(f"{ours}/kernel/sigma", (f"{theirs}.sv0",), _scalar),
    ]


def _convolutions(theirs: str, ours: str, shortcut: bool) -> list[Entry]:
    """Return the convolutions of a residual block."""
    names = [("conv1", "first"), ("conv2", "second"), *([("conv_sc", "shortcut")] if shortcut else [])]
    return [
        entry
        for i, (their, our) in enumerate(names)
        for entry in kernel(f"{theirs}.{their}", ours, f"SpectralNorm_{i}/{our}")
    ]


def batch_norm(source: Source, norm: str, place: str, is_table: bool = False) -> list[Entry]:
    """Return a batch normalization by a vector; a table has a row for each class in its place."""
    entries = statistics(source, norm, f"batch_stats/{place}BatchNorm_0")
    for i, (their, our) in enumerate((("gain", "scale"), ("bias", "bias"))):
        if is_table:
            entries.append(Entry(f"params/{place}{our}/kernel", (f"{norm}.{their}.weight",), as_is))
        else:
            entries += kernel(f"{norm}.{their}", place, f"SpectralNorm_{i}/{our}", dense, bias=False)
    return entries


def attentions(places: Iterable[str]) -> list[Entry]:
    """Return the attention layers of these names, in order."""
    entries = []
    for number, theirs in enumerate(places):
        ours = f"SelfAttention_{number}/"
        entries.append(Entry(f"params/{ours}scale", (f"{theirs}.gamma",), as_is))
        for i, (their, our) in enumerate(
            (("theta", "query"), ("phi", "key"), ("g", "value"), ("o", "output"))
        ):
            entries += kernel(f"{theirs}.{their}", ours, f"SpectralNorm_{i}/{our}", bias=False)
    return entries


def statistics(source: Source, theirs: str, ours: str) -> list[Entry]:
    """Return the running averages of a batch normalization, of whichever of the authors' three kinds.

    Their own kind may hold sums in the place of averages (standing statistics), beside how many were added.
    """
    names = [
        (f"{theirs}.stored_mean", f"{theirs}.stored_var"),
        (f"{theirs}.bn.stored_mean", f"{theirs}.bn.stored_var"),
        (f"{theirs}.bn.running_mean", f"{theirs}.bn.running_var"),
    ]
    mean, variance = next((pair for pair in names if pair[0] in source), names[0])
    counter = f"{theirs}.bn.accumulation_counter"
    count = (counter,) if counter in source else ()
    return [
        Entry(f"{ours}/mean", (mean, *count), _average),
        Entry(f"{ours}/var", (variance, *count), _average),
    ]


def _average(values: np.ndarray, count: np.ndarray | None = None) -> np.ndarray:
    return values if count is None or count.size != 1 or count.item() <= 0 else values / count


def _row(vector: np.ndarray) -> np.ndarray:
    return vector.squeeze(0)


def _scalar(value: np.ndarray) -> np.ndarray:
    return value.reshape(())


def _other_side(vector: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Return the right singular vector that belongs to a left one."""
    right = (vector @ matrix).squeeze(0)
    return right / max(float(np.linalg.norm(right)), 1e-12)
