"""``jaxgan reduce``: images as points of the plane, by the codes of an encoder, by PCA and by an autoencoder.

A BiGAN's encoder has learned codes of images without ever being asked to make an image again. PCA is the best
linear method at making pixels again. An autoencoder has the encoder's and the generator's networks and learns
nothing but that. The three are compared in how well they make images again, and in whether an image and its
nearest neighbor are of one class, in the codes and in two dimensions.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxgan.export import folder_of, read_encoder, read_generator
from jaxgan.representation.activations import CHUNK, pixels
from jaxgan.representation.autoencoder import train_autoencoder
from jaxgan.representation.reader import Reader, labels_for, no_encoder, open_data, open_reader
from jaxgan.representation.report import Comparison, output_file, save
from jaxgan.representation.settings import check_seed, most_images, named, taken
from jaxgan.representation.shallow import nearest_labels, other_images, pca
from jaxgan.system.command_line import Positional
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_devices
from jaxgan.system.random import pinned
from jaxgan.system.settings import converted

MOST_NAMED = 20  # classes that the legend names


class Images(NamedTuple):
    """Images and what is known of them.

    Attributes:
        images: uint8 ``[N, H, W, C]``.
        labels: the class of each, or None.
        given: labels that the networks of a conditional run take, or None.
    """

    images: np.ndarray
    labels: Int[np.ndarray, " n"] | None = None
    given: Int[np.ndarray, " n"] | None = None


def _no_features(images: np.ndarray, given: Any) -> None:
    return None


class Code(NamedTuple):
    """A way from images to codes and back.

    Attributes:
        encode: ``(images, given) -> codes [N, Z]``.
        generate: ``(codes, given) -> pixels [N, H*W*C]`` in about [-1, 1].
        features: ``(images, given) -> [N, D]``, what an encoder makes the codes of in its last layer; None
            for a code that has no such features.
    """

    encode: Callable[[np.ndarray, Any], np.ndarray]
    generate: Callable[[np.ndarray, Any], np.ndarray]
    features: Callable[[np.ndarray, Any], np.ndarray | None] = _no_features


class Map(NamedTuple):
    """What `reduce` found.

    Attributes:
        comparison: reconstruction error, reconstruction ratio and 1-NN accuracies of each method.
        points: the images in two dimensions, ``[N, 2]``, by method.
    """

    comparison: Comparison
    points: dict[str, Float[np.ndarray, "n 2"]]


@pinned()
def reduce(
    run: Positional[Path],
    data: Positional[str | None] = None,
    *,
    steps: int = 2000,
    split: str | None = None,
    n: int = 10_000,
    seed: int = 0,
    data_dir: str | None = None,
    out: Path | None = None,
) -> Map:
    """Draw images as points of the plane by an encoder's codes, beside PCA and an autoencoder.

    PCA and the autoencoder are fitted to the images of the split "train", which are also those that the
    nearest neighbors are looked for in. Of data without splits, they are the images themselves.

    Args:
        run: the folder of a run with an encoder, or its export.
        data: the images: "digits", the name of a TFDS data set, a folder or an .npz; None for those that the
            run was trained on.
        steps: training steps of the autoencoder, >= 1.
        split: the split of a TFDS data set or of an .npz with splits; None for "test".
        n: the largest number of images of each split.
        seed: the seed of PCA and of the autoencoder.
        data_dir: the folder of TFDS data sets; None for the run's own.
        out: the .png with three scatter plots, beside which a .json has the numbers; None for map.png in the
            run's folder.

    Returns:
        The `Map`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    seed, n, steps = check_seed(seed), most_images(n), converted("steps", steps, int)
    if steps < 1:
        raise UserError(f"`steps` must be at least 1, got {steps}")
    require_devices()
    run = converted("run", run, Path)
    reader = open_reader(run)
    if reader.encode is None:
        raise UserError(no_encoder(run))
    reals = taken(open_data(reader, data, split=split, data_dir=data_dir), n)[0]
    train = reals
    if reals.split not in (None, "train"):
        train = taken(open_data(reader, data, split="train", data_dir=data_dir), n)[0]
    file = output_file(run, out, "map.png", data)
    shown, fitted = (Images(each.images, each.labels, labels_for(reader, each)) for each in (reals, train))
    size = reader.description["latent_dim"]
    methods = {
        "encoder": Code(reader.encode, reader.generate, reader.encode_features or _no_features),
        "PCA": pca_code(fitted.images, size, seed=seed),
        "autoencoder": _autoencoder(reader, fitted, steps=steps, seed=seed),
    }
    found = reduce_images(methods, shown, None if train is reals else fitted, seed=seed)
    protocol = {"run": str(run), **named(reals), "n_train": len(train.images), "steps": steps}
    protocol |= found.comparison.protocol
    notes = tuple(dict.fromkeys((*reals.notes, *train.notes, *found.comparison.notes)))
    found = found._replace(comparison=found.comparison._replace(protocol=protocol, notes=notes))
    draw = partial(_draw, points=found.points, labels=reals.labels, names=reals.class_names)
    save(found.comparison, {file: draw}, file.with_suffix(".json"))
    return found


def reduce_images(methods: dict[str, Code], shown: Images, train: Images | None = None, *, seed: int) -> Map:
    """Compare ways to make codes of images.

    Args:
        methods: the ways by name.
        shown: the images to draw.
        train: the images that neighbors and the two directions of a map are looked for in; None for those
            that are drawn, each of which is then compared with all others.
        seed: the seed of PCA.

    Raises:
        UserError: if codes are not finite.
    """
    rows: dict[str, dict[str, float]] = {}
    points: dict[str, np.ndarray] = {}
    known = shown if train is None else train
    for name, (encode, generate, features) in methods.items():
        codes = np.asarray(encode(shown.images, shown.given))
        seen = codes if train is None else np.asarray(encode(train.images, train.given))
        if not (np.isfinite(codes).all() and np.isfinite(seen).all()):
            raise UserError(f"the codes of the {name} are not finite, so its training diverged")
        places, neighbors = codes, seen
        if codes.shape[1] > 2:
            plane = pca(seen, 2, seed=seed)
            places, neighbors = plane.encode(codes), plane.encode(seen)
        rows[name] = {"codes": codes.shape[1], **_reconstruction(generate, codes, shown)}
        if shown.labels is not None and known.labels is not None:
            compared = {"codes": (seen, codes), "plane": (neighbors, places)}
            if (rich := features(known.images, known.given)) is not None:
                queries = rich if train is None else features(shown.images, shown.given)
                compared["features"] = rich, np.asarray(queries)
            for kind, (found, queries) in compared.items():
                found, queries = (each.reshape(len(each), -1) for each in (found, queries))
                nearest = nearest_labels(found, known.labels, None if train is None else queries)
                rows[name][f"1_nn_of_{kind}"] = float((nearest == shown.labels).mean())
        if places.shape[1] == 1:  # a code of one number is a line
            places = np.concatenate([places, np.zeros_like(places)], axis=1)
        points[name] = places
    notes = () if shown.labels is not None else ("the images have no labels: all points have one color",)
    protocol = {
        "seed": seed,
        "reconstruction_error": "mean squared, pixels in [-1, 1]",
        "reconstruction_ratio": "mean distance from the reconstruction over that from a random other image",
    }
    return Map(Comparison(rows, {}, protocol, notes), points)


def pca_code(images: np.ndarray, size: int, *, seed: int) -> Code:
    """Return the principal components of images' pixels as a way to codes and back.

    Args:
        images: uint8 ``[N, H, W, C]``.
        size: the number of components.
        seed: the seed of PCA.
    """
    components = pca(pixels(images), size, seed=seed)
    return Code(
        lambda images, given: components.encode(pixels(images)),
        lambda codes, given: codes @ components.components + components.mean,
    )


def _autoencoder(reader: Reader, fitted: Images, *, steps: int, seed: int) -> Code:
    """Return an autoencoder of the run's networks as a way to codes and back."""
    twin = train_autoencoder(
        read_encoder(folder_of(reader.path)).module,
        read_generator(reader.path).module,
        fitted.images,
        fitted.given,
        steps=steps,
        seed=seed,
    )
    return Code(twin.encode, twin.generate, twin.encode_features)


def _reconstruction(
    generate: Callable[..., np.ndarray], codes: np.ndarray, shown: Images
) -> dict[str, float]:
    """Return how far images are from what is made of their codes, alone and beside other images."""
    count, squares = len(codes), []
    for first in range(0, count, CHUNK):
        rows = slice(first, first + CHUNK)
        made = np.asarray(generate(codes[rows], None if shown.given is None else shown.given[rows]))
        difference = made.reshape(len(made), -1) - pixels(shown.images[rows])
        squares.append(np.square(difference, dtype=np.float64).sum(axis=1))
    others = other_images(shown.images)
    apart = sum(
        np.linalg.norm(pixels(shown.images[rows]) - pixels(others[rows]), axis=1).sum(dtype=np.float64)
        for rows in (slice(first, first + CHUNK) for first in range(0, count, CHUNK))
    )
    total = np.concatenate(squares)
    return {
        "reconstruction_error": float(total.mean() / pixels(shown.images[:1]).size),
        "reconstruction_ratio": float(np.sqrt(total).sum() / apart) if apart else float("inf"),
    }


def _draw(
    file: Path,
    *,
    points: dict[str, np.ndarray],
    labels: Int[np.ndarray, " n"] | None,
    names: tuple[str, ...] | None,
) -> None:
    """Draw a scatter plot for each method, colored by label."""
    from matplotlib import colormaps
    from matplotlib.figure import Figure  # a second to import, and only here

    figure = Figure(figsize=(4.5 * len(points), 4.8), layout="constrained")
    present = [] if labels is None else np.unique(labels).tolist()
    colors = colormaps["tab10" if len(present) <= 10 else "tab20" if len(present) <= 20 else "hsv"]
    shades = {label: colors(i if len(present) <= 20 else i / len(present)) for i, label in enumerate(present)}
    for axes, (name, places) in zip(
        figure.subplots(1, len(points), squeeze=False)[0], points.items(), strict=True
    ):
        order = np.random.default_rng(0).permutation(len(places))  # no class lies on top of the others
        shown = "black" if labels is None else [shades[label] for label in labels[order].tolist()]
        axes.scatter(*places[order].T, s=4, c=shown, linewidths=0, alpha=0.6)
        axes.set(title=name, xticks=[], yticks=[])
    if 0 < len(present) <= MOST_NAMED:
        from matplotlib.lines import Line2D

        marks = [Line2D([], [], marker="o", linestyle="", color=shades[label]) for label in present]
        figure.legend(
            marks,
            [names[label] if names else str(label) for label in present],
            loc="outside lower center",
            ncols=10,
            frameon=False,
        )
    figure.savefig(file, dpi=100)
