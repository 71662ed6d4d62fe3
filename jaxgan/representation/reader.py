"""A run's networks as functions of images, and the images to give them.

All of it comes from exported files, so a stranger's export folder works like a run's own.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxgan import build, data, export
from jaxgan.config import config_of
from jaxgan.data.dataset import held_out_rows, part
from jaxgan.data.sources import has_splits, is_tfds
from jaxgan.evaluate.reals import Reals, draw_reals, load, with_labels
from jaxgan.evaluate.subject import TEST, Subject, settings_of, source_of, training_images
from jaxgan.export import Network
from jaxgan.games.heads import heads_of, readings
from jaxgan.images import to_float
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded
from jaxgan.system.settings import converted

BATCH_SIZE = 256  # images that go through a network at a time


class Reader(NamedTuple):
    """What the networks of a run know of images.

    All functions take images ``[N, H, W, C]``, uint8 or float in [-1, 1], and labels ``[N]`` where the run is
    conditional. They work in batches and return NumPy arrays.

    Attributes:
        path: where the run is.
        description: content of the exported ``config.json``.
        image_shape: shape of one image.
        num_classes: number of classes of a conditional run; None for others.
        encode: ``(images, labels=None) -> latents [N, Z]``; None if the run has no encoder.
        reads: ``images -> {name: [N, k]}``, what the discriminator's heads read: chances of categories and
            classes, means of codes; ``{}`` without heads.
        features: ``(images, labels=None) -> {name: [N, ...]}``, the discriminator's activations with
            ``train=False``, a name for each layer from the image on ("stage_0", ...). Without labels, a
            conditional discriminator is given none of the classes.
        discriminate: ``(images, labels=None) -> logits [N]``. A BiGAN's discriminator judges each image with
            the encoder's latent of it.
        generate: ``(latents, labels=None) -> images [N, H, W, C]``, float in [-1, 1].
        encode_features: ``(images, labels=None) -> [N, D]``, what the encoder's last dense layer makes the
            latents of, or None if it has no such layer; None if the run has no encoder.
    """

    path: Path
    description: dict[str, Any]
    image_shape: tuple[int, ...]
    num_classes: int | None
    encode: Callable[..., Float[np.ndarray, "n latent"]] | None
    reads: Callable[..., dict[str, np.ndarray]]
    features: Callable[..., dict[str, np.ndarray]]
    discriminate: Callable[..., Float[np.ndarray, " n"]]
    generate: Callable[..., np.ndarray]
    encode_features: Callable[..., Float[np.ndarray, "n d"] | None] | None = None

    def reconstruct(self, images: Any, labels: Any = None) -> np.ndarray:
        """Return what the generator makes of the latents of images, float in [-1, 1].

        Raises:
            UserError: if the run has no encoder.
        """
        if self.encode is None:
            raise UserError(no_encoder(self.path))
        return self.generate(self.encode(images, labels), labels)


def no_encoder(path: Path) -> str:
    """Return a sentence that says how a run without an encoder gets one."""
    return f"{path} has no encoder: `jaxgan encode {path} DATA --train` trains one"


def open_reader(
    run: str | Path,
    *,
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    encoder: nn.Module | None = None,
) -> Reader:
    """Open the exported networks of a run.

    Args:
        run: a run's folder, its ``export`` folder, or the file of a generator's weights.
        generator: the generator's module, if it is not one of jaxgan's.
        discriminator: the discriminator's module, if it is not one of jaxgan's.
        encoder: the encoder's module, if it is not one of jaxgan's.

    Returns:
        The `Reader`. Where an older run has no exported discriminator, functions that need it raise a
        `UserError`; so does `encode` of an encoder that was trained for another generator than the present.

    Raises:
        UserError: if no generator can be read there, or if a file is damaged or does not fit.
    """
    path: Path = converted("run", run, Path)
    maker, beside = export.read_generator(path, generator), export.folder_of(path)
    export.refuse_translator(maker.description)
    judge = export.read_discriminator(beside, discriminator) if export.has_discriminator(beside) else None
    coder = export.read_encoder(beside, encoder) if export.has_encoder(beside) else None
    return reader_of(path, maker, judge, coder)


def reader_of(path: Path, maker: Network, judge: Network | None, coder: Network | None) -> Reader:
    """Return the reader of networks that were read.

    The reader of a translator has ``generate(sources)``; what a discriminator that judges sources says cannot
    be asked by a reader.

    Args:
        path: where the run is.
        maker: the run's generator.
        judge: the run's discriminator, or None.
        coder: the run's encoder, or None.

    Raises:
        UserError: if they do not fit each other, or make no images.
    """
    if len(maker.image_shape) != 3:
        raise UserError(f"{path} makes no images, and only networks of images are read")
    for network in (judge, coder):
        if network is not None:
            _check_same(path, maker, network)
    encode = None if coder is None else _encode(path, maker, coder)
    translates = export.source_shape_of(maker.description) is not None
    draw = export.translating(maker) if translates else export.generating(maker)
    return Reader(
        path,
        maker.description,
        maker.image_shape,
        maker.num_classes,
        encode,
        _reads(judge),
        _features(path, judge),
        _discriminate(path, judge, encode),
        _generate(draw),
        None if coder is None else _encode_features(coder),
    )


def open_data(
    reader: Reader,
    data: str | Path | None,
    *,
    split: str | None = None,
    n: int | None = None,
    data_dir: str | None = None,
) -> Reals:
    """Open images as the networks of a run take them.

    Args:
        reader: the run's networks.
        data: "digits", the name of a TFDS data set, a folder or an .npz; None for what the run has learned.
        split: "train", "test" or another split of the data; None for "test" where there are splits, and for
            all images where there are none. Of data without splits, "test" means the images that the run
            held out.
        n: the largest number of images, always the same ones; None for all, in their order.
        data_dir: the folder of TFDS data sets; None for the run's own.

    Returns:
        The images, uint8, with their labels where these are known. Images of another size are cut and resized
        as in training; a note says so. Labels have the numbers of the run's classes, by the classes' names.

    Raises:
        UserError: if they cannot be loaded; one sentence says why.
    """
    subject = Subject(reader.path, settings_of(reader.path), reader.description, None)
    source = source_of(subject, None if data is None else str(data), option="data")
    data_dir = converted("data_dir", data_dir, str | None) or subject.settings.get("data_dir")
    if data is None and (split in (None, "train") or not has_splits(source)):
        own = _own(subject, source, split, data_dir)
        if own is not None:
            return _with_classes_of(reader, draw_reals(own, n, split=split))
    if split not in (None, "train") and not has_splits(source):
        raise UserError(f"`split` {split}: {source} has no splits")
    options: dict[str, Any] = {"split": split or TEST, "n": n, "data_dir": data_dir}
    if expanded(source).is_dir() and not is_tfds(source):
        try:
            return _with_classes_of(reader, load(source, reader.image_shape, conditional=True, **options))
        except UserError:
            if reader.num_classes is not None:
                raise
    return _with_classes_of(reader, load(source, reader.image_shape, **options))


def labels_for(reader: Reader, reals: Reals) -> Int[np.ndarray, " n"] | None:
    """Return the labels that the networks of a conditional run take with images; None for other runs.

    Raises:
        UserError: if the images have no labels, or labels of more classes.
    """
    if reader.num_classes is None:
        return None
    if reals.labels is None:
        learned = f"{reader.path} learned classes, and the images of {reals.source} have none"
        raise UserError(f"{learned}: take images with labels")
    if reals.labels.max() >= reader.num_classes:
        raise UserError(
            f"{reader.path} learned {reader.num_classes} classes, and the labels of {reals.source} go to "
            f"{reals.labels.max()}: take images of the same classes"
        )
    return reals.labels


def _own(subject: Subject, source: str, split: str | None, data_dir: str | None) -> data.Dataset | None:
    """Return images that a run has learned or held out; None where the split is another, or unknown."""
    share = subject.settings.get("held_out")
    if split == TEST and share:
        everything = build.load(config_of(subject.settings, data=source, data_dir=data_dir))
        return part(everything, held_out_rows(len(everything.images), share), "the held-out images")
    if split not in (None, "train") or (split is None and has_splits(source)):
        return None
    learned = training_images(subject, source, data_dir, option="data")
    if learned is None:
        return None
    return with_labels(learned, config_of(subject.settings, data=source, data_dir=data_dir))


def _with_classes_of(reader: Reader, reals: Reals) -> Reals:
    """Return images whose labels are the numbers of the run's classes, where both name their classes."""
    names = reader.description.get("class_names")
    if names is None or reals.class_names is None or reals.labels is None:
        return reals
    if tuple(names) == reals.class_names:
        return reals
    unknown = [name for name in reals.class_names if name not in names]
    if unknown:
        note = f"{reader.path} has not learned the classes {', '.join(unknown[:5])} of {reals.source}"
        return reals._replace(labels=None, num_classes=None, class_names=None, notes=(*reals.notes, note))
    numbers = np.array([names.index(name) for name in reals.class_names], np.int32)
    return reals._replace(labels=numbers[reals.labels], num_classes=len(names), class_names=tuple(names))


def _check_same(path: Path, generator: Network, other: Network) -> None:
    for name in ("image_shape", "latent_dim"):
        if generator.description[name] != other.description[name]:
            raise UserError(
                f"the networks in {path} do not belong together: {name} is {generator.description[name]} of "
                f"one and {other.description[name]} of another"
            )


def in_batches(function: Callable[..., Any], *columns: Any) -> Any:
    """Apply a function to rows in batches of one size, so that it compiles once; None is handed on.

    Args:
        function: ``(rows, ...) -> pytree of arrays [size, ...]``.
        columns: arrays ``[N, ...]``, or None.
    """
    count = len(columns[0])
    if not count:
        raise ValueError("there is no image")
    for column in columns[1:]:
        if column is not None and len(column) != count:
            raise ValueError(f"{count} images come with {len(column)} labels")
    size = min(BATCH_SIZE, count)
    parts = []
    for first in range(0, count, size):
        rows = np.minimum(np.arange(first, first + size), count - 1)  # the last batch repeats a row
        batch = [None if column is None else np.asarray(column)[rows] for column in columns]
        left = count - first
        parts.append(jax.tree.map(lambda x, left=left: np.asarray(x)[:left], function(*batch)))
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)


def _encode(path: Path, generator: Network, encoder: Network) -> Callable[..., np.ndarray]:
    function, fits = export.encoding(encoder), export.goes_with(encoder, path)

    def encode(images, labels=None):
        if not fits:
            raise UserError(
                f"the encoder of {path} was trained for the generator of step "
                f"{encoder.description['step']}, and the generator is of step {generator.description['step']}"
                f" now: `jaxgan encode {path} DATA --train` trains one for it"
            )
        return in_batches(function, images, labels if encoder.num_classes is not None else None)

    return encode


def _encode_features(encoder: Network) -> Callable[..., np.ndarray | None]:
    def show(variables, images, labels):
        images = to_float(images)
        return last_hidden(lambda: encoder.module.apply(variables, images, labels, train=False))

    function = _apply(encoder, show)
    return lambda images, labels=None: in_batches(function, images, labels)


def last_hidden(encode: Callable[[], Any]) -> jax.Array | None:
    """Return what the last dense layer is given while codes are made; None without a dense layer."""
    given: list[jax.Array] = []

    def listen(
        call: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any], context: Any
    ) -> Any:
        if isinstance(context.module, nn.Dense) and context.method_name == "__call__":
            given.append(inputs[0])
        return call(*inputs, **options)

    with nn.intercept_methods(listen):
        encode()
    return given[-1] if given else None


def _generate(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    def generate(latents, labels=None):
        return in_batches(function, latents, *(() if labels is None else (labels,)))

    return generate


def _reads(judge: Network | None) -> Callable[..., dict[str, np.ndarray]]:
    heads = () if judge is None else heads_of(judge.description["heads"])
    if judge is None or not heads:
        return lambda images: {}

    def read(variables, images, labels):
        output: Any = judge.module.apply(variables, to_float(images), labels, train=False)
        return readings(heads, output[1])

    function = _apply(judge, read)
    return lambda images: in_batches(function, images, None)


def _features(path: Path, judge: Network | None) -> Callable[..., dict[str, np.ndarray]]:
    @cache
    def function():
        return activations_of(_present(path, judge))

    def features(images, labels=None):
        layers = in_batches(function(), images, labels)
        return {f"stage_{i}": layer for i, layer in enumerate(layers)}

    return features


def activations_of(discriminator: Network) -> Callable[..., tuple[jax.Array, ...]]:
    """Return ``(images, labels=None) -> activations`` of a discriminator, a layer each from the image on.

    Raises:
        UserError: if its module cannot show its activations.
    """
    show = jax.jit(export.showing(discriminator))
    return lambda images, labels=None: show(discriminator.variables, jnp.asarray(images), labels)


def _discriminate(
    path: Path, judge: Network | None, encode: Callable[..., np.ndarray] | None
) -> Callable[..., np.ndarray]:
    @cache
    def function():
        return export.judging(_present(path, judge))

    def discriminate(images, labels=None):
        network, judging = _present(path, judge), function()
        given = labels if network.num_classes is not None else None
        if not export.judges_pairs(network):
            output: Any = in_batches(judging, images, given)
        elif encode is None:
            raise UserError(no_encoder(path))
        else:
            latents = encode(images, labels)
            output = in_batches(lambda x, z, y: judging((x, z), y), images, latents, given)
        logits: Any = output.logits if isinstance(output, export.Judgment) else output
        return logits if logits.ndim == 1 else logits.reshape(len(logits), -1).mean(axis=1)

    return discriminate


def _present(path: Path, judge: Network | None) -> Network:
    return export.read_discriminator(export.folder_of(path)) if judge is None else judge  # raises


def _apply(network: Network, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return ``(images, labels=None) -> output`` of ``(variables, images, labels) -> output``, compiled."""
    compiled = jax.jit(function)

    def apply(images, labels=None):
        return compiled(network.variables, jnp.asarray(images), export.labels_for(network, images, labels))

    return apply
