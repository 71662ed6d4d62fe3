"""``jaxgan cluster``: groups of images that nobody has named, beside k-means on the pixels.

The discriminator of an InfoGAN reads a category from any image, which is the image's cluster. For other runs,
k-means makes clusters of an encoder's codes or of the discriminator's features. Where the classes of the
images are known, they say how good the clusters are; no method sees them.
"""

from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int
from PIL import Image

from jaxgan import metrics, sampling
from jaxgan.representation.activations import last_layer, pixels, rows_of
from jaxgan.representation.reader import Reader, labels_for, open_data, open_reader
from jaxgan.representation.report import Comparison, output_file, save
from jaxgan.representation.settings import check_seed, most_images, named, taken
from jaxgan.representation.shallow import k_means
from jaxgan.system.command_line import Positional
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_devices
from jaxgan.system.random import pinned
from jaxgan.system.settings import converted

DEFAULT_K = 10
EXAMPLES = 10  # images of each cluster in the picture


class Clusters(NamedTuple):
    """What `cluster` found.

    Attributes:
        comparison: accuracy, normalized mutual information and adjusted Rand index of each method, and the
            clusters of the first method.
        assigned: the cluster of each image by the first method, ``[N]``.
        k: the number of clusters of the first method.
    """

    comparison: Comparison
    assigned: Int[np.ndarray, " n"]
    k: int


@pinned()
def cluster(
    run: Positional[Path],
    data: Positional[str | None] = None,
    *,
    k: int | None = None,
    split: str | None = None,
    n: int = 10_000,
    seed: int = 0,
    data_dir: str | None = None,
    out: Path | None = None,
) -> Clusters:
    """Group images into clusters and show examples of each, beside k-means on the pixels.

    A run with a categorical code, such as InfoGAN's, groups by that code. Of other runs, k-means groups the
    encoder's codes, or the activations of the discriminator's last layer.

    Args:
        run: a run's folder, or an exported generator.
        data: the images: "digits", the name of a TFDS data set, a folder or an .npz; None for those that the
            run was trained on.
        k: the number of clusters of k-means, >= 2; None for the number of values of the run's category, else
            of the classes, else 10.
        split: the split of a TFDS data set or of an .npz with splits; None for "test".
        n: the largest number of images.
        seed: the seed of k-means.
        data_dir: the folder of TFDS data sets; None for the run's own.
        out: the .png with examples, beside which a .json has the numbers; None for clusters.png in the run's
            folder.

    Returns:
        The `Clusters`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    k, seed, n = converted("k", k, int | None), check_seed(seed), most_images(n)
    if k is not None and k < 2:
        raise UserError(f"`k` must be at least 2, got {k}")
    require_devices()
    run = converted("run", run, Path)
    reader = open_reader(run)
    reals = taken(open_data(reader, data, split=split, data_dir=data_dir), n)[0]
    file = output_file(run, out, "clusters.png", data)
    found = cluster_images(
        reader, reals.images, labels_for(reader, reals), reals.labels, k=k, seed=seed, names=reals.class_names
    )
    protocol = {"run": str(run), **named(reals), **found.comparison.protocol}
    comparison = found.comparison._replace(protocol=protocol, notes=(*reals.notes, *found.comparison.notes))
    shown = picture(reals.images, found.assigned, found.k)
    save(comparison, {file: partial(shown.save, format="PNG")}, file.with_suffix(".json"))
    return found._replace(comparison=comparison)


def cluster_images(
    reader: Reader,
    images: np.ndarray,
    given: Int[np.ndarray, " n"] | None = None,
    labels: Int[np.ndarray, " n"] | None = None,
    *,
    k: int | None = None,
    seed: int = 0,
    names: tuple[str, ...] | None = None,
) -> Clusters:
    """Group images by what a run knows of them, and by their pixels.

    Args:
        reader: the run's networks.
        images: uint8 ``[N, H, W, C]``.
        given: labels that the networks of a conditional run take, or None.
        labels: the classes that the clusters are compared with, or None.
        k: as for `cluster`.
        seed: the seed of k-means.
        names: the name of each class, or None.

    Raises:
        UserError: if there are fewer images than clusters.
    """
    categories = {name: rows for name, rows in reader.reads(images).items() if name.startswith("category")}
    if k is None:
        counts = [rows.shape[1] for rows in categories.values()]
        k = counts[0] if counts else DEFAULT_K if labels is None else max(2, len(np.unique(labels)))
    if k > len(images):
        raise UserError(f"`k` {k:,} is more than the {len(images):,} images")
    methods: dict[str, tuple[np.ndarray, int]] = {
        name: (np.asarray(rows).argmax(axis=1), rows.shape[1]) for name, rows in categories.items()
    }
    if not categories and reader.encode is not None:
        methods["k-means on codes"] = k_means(reader.encode(images, given), k, seed=seed), k
    elif not categories:
        methods["k-means on features"] = (
            k_means(rows_of(reader.features, images, last_layer), k, seed=seed),
            k,
        )
    methods["k-means on pixels"] = k_means(pixels(images), k, seed=seed), k
    rows = {name: _numbers(assigned, size, labels) for name, (assigned, size) in methods.items()}
    first = next(iter(methods))
    assigned, size = methods[first]
    protocol = {"clusters_by": first, "k": k, "seed": seed, "parts": "cluster"}
    notes = (f"the clusters in the picture are those of {first}",)
    if labels is None:
        notes += ("the images have no labels: only the sizes of clusters are known",)
    return Clusters(Comparison(rows, _parts(assigned, size, labels, names), protocol, notes), assigned, size)


def picture(images: np.ndarray, assigned: Int[np.ndarray, " n"], k: int) -> Image.Image:
    """Return a picture with a row of examples of each cluster, in the order of the clusters' numbers.

    Args:
        images: uint8 ``[N, H, W, C]``.
        assigned: the cluster of each image, in [0, k).
        k: the number of clusters. A place without an image is gray.
    """
    rows = np.full((k, EXAMPLES, *images.shape[1:]), sampling.GUTTER_GRAY, np.uint8)
    for number in range(k):
        members = np.flatnonzero(assigned == number)
        if len(members) > EXAMPLES:  # all over the data, as a folder's pictures are often sorted
            members = members[np.arange(EXAMPLES) * len(members) // EXAMPLES]
        rows[number, : len(members)] = images[members]
    return sampling.grid(rows.reshape(-1, *images.shape[1:]), columns=EXAMPLES)


def _numbers(assigned: np.ndarray, size: int, labels: np.ndarray | None) -> dict[str, Any]:
    """Return what is measured of one method's clusters."""
    sizes = np.bincount(assigned, minlength=size)
    numbers: dict[str, Any] = {"clusters": size, "smallest": int(sizes.min()), "largest": int(sizes.max())}
    if labels is None:
        return numbers
    agreement = metrics.clustering(assigned, labels)
    return {
        "accuracy": agreement.accuracy,
        "purity": agreement.purity,
        "normalized_mutual_information": agreement.normalized_mutual_information,
        "adjusted_rand": agreement.adjusted_rand,
        **numbers,
    }


def _parts(
    assigned: np.ndarray, size: int, labels: np.ndarray | None, names: tuple[str, ...] | None
) -> dict[str, dict[str, Any]]:
    """Return the size of each cluster and, with labels, its class and the share of that class in it."""
    sizes = np.bincount(assigned, minlength=size)
    parts: dict[str, dict[str, Any]] = {str(i): {"images": int(count)} for i, count in enumerate(sizes)}
    if labels is not None:
        for number, label in metrics.clustering(assigned, labels).class_of.items():
            share = float((labels[assigned == number] == label).mean())
            parts[str(number)] |= {"class": names[label] if names else str(label), "share": share}
    return parts
