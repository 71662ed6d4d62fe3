"""Pairs of an image and the source that a translator makes it of: two folders, or two arrays of an ``.npz``.

Two pictures are a pair if they have the same path below their folders but for the suffix. Both are cut around
their center and resized in the same way, so they stay in place. A source may be smaller than its image, by
one whole number for all pairs.
"""

from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.data import folder, pictures
from jaxgan.data.dataset import Dataset, from_arrays, is_multiple, read_npz
from jaxgan.data.sources import fitted, spelled
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded
from jaxgan.system.limits import require_memory
from jaxgan.system.settings import PLAIN, Size, converted, parse_size


def load_pairs(
    images: str | Path,
    source: str | Path | None = None,
    *,
    image_size: Size | None = None,
    channels: int | None = None,
    strict: bool = False,
    split: str = "train",
) -> Dataset:
    """Load pairs of an image and its source.

    Args:
        images: a folder of pictures, or an ``.npz`` with "source" beside "images" ("train_source" and so on
            where it has splits).
        source: the folder of the sources; None for those of an ``.npz``.
        image_size: height and width of the images in pixels, or one number for both. A smaller source is
            resized to its share of it. None keeps the sizes, which must then be the same for all.
        channels: 3 for color images, 1 for gray ones; None keeps theirs. Sources keep theirs.
        strict: whether to refuse a picture that cannot be read; otherwise its pair is left out.
        split: the split of an ``.npz`` that has some.

    Returns:
        A `Dataset` with sources.

    Raises:
        UserError: if a partner is missing, two pictures have one name but for the suffix, sizes do not fit
            each other, or the images cannot be loaded.
    """
    name = spelled(images)
    if image_size is not None:
        size = converted("image_size", image_size, Size, PLAIN._replace(read=parse_size))
        image_size = (size, size) if isinstance(size, int) else size
    path = expanded(name)
    if path.suffix.lower() == ".npz":
        if source is not None:
            raise UserError(f"`source` is a folder beside a folder of pictures, and {name} is an .npz")
        return _resized(read_npz(name, path, split=split, pairs=True), image_size, channels)
    if not path.is_dir() or source is None:
        raise UserError(
            f'{name} has no pairs: pairs are an .npz with "source" beside "images", or two folders of '
            "pictures, the second of them named by `source`; the paired game's `degrade` makes the sources "
            "of any images"
        )
    return _of_folders(name, path, expanded(source), image_size, channels, strict=strict)


def _resized(dataset: Dataset, image_size: tuple[int, int] | None, channels: int | None) -> Dataset:
    """Return pairs whose images have the given size and channels."""
    sources = dataset.sources
    assert sources is not None
    factor = dataset.images.shape[1] // sources.shape[1]
    images = fitted(dataset._replace(sources=None), image_size, channels)
    small = None if image_size is None else source_size(image_size, factor)
    sources = fitted(Dataset(f"the sources of {dataset.name}", sources), small, None).images
    return images._replace(sources=sources)


def source_size(image_size: tuple[int, ...], factor: int) -> tuple[int, int]:
    """Return height and width of a source.

    Raises:
        UserError: if the factor does not divide those of the image.
    """
    height, width = image_size
    if height % factor or width % factor:
        raise UserError(
            f"`image_size` {height}x{width}: images are {factor} times as large as their sources, so "
            f"{factor} divides it"
        )
    return height // factor, width // factor


def _of_folders(
    name: str,
    images: Path,
    sources: Path,
    image_size: tuple[int, int] | None,
    channels: int | None,
    *,
    strict: bool,
) -> Dataset:
    listings = folder.listing(images), folder.listing(sources)
    _require_partners(*listings)
    factor = None if image_size is None else _factor(*listings)
    small = None if image_size is None or factor is None else source_size(image_size, factor)
    sides = []
    for listing, size, kind in zip(listings, (image_size, small), (channels, None), strict=True):
        pixels, details = folder.decoded(listing, size, kind)
        notes = folder.decoding_notes(listing.root, pixels, details, strict=strict)
        skipped = details["skipped"]
        stems = [_stem(file) for file, _, _ in listing.files if file not in skipped]
        sides.append((pixels, stems, [*notes, *listing.notes()], details))
    (pixels, stems, notes, details), (partners, partner_stems, more, _) = sides
    content = details["content"]
    if stems != partner_stems:
        both = set(stems) & set(partner_stems)
        if not both:
            raise UserError(f"no pair of {images} and {sources} can be read")
        notes.append("the partner of a skipped file is left out too")
        pixels, partners = (_rows(x, y, both, name) for x, y in ((pixels, stems), (partners, partner_stems)))
        content = None
    try:
        dataset = from_arrays(pixels, sources=partners, name=name)
    except ValueError as error:
        raise UserError(f"{images} and {sources} make no pairs: {error}") from error
    every = dict.fromkeys((*dataset.notes, *notes, *more))
    return dataset._replace(notes=tuple(every), content=content)


def _stem(file: str) -> str:
    return str(Path(file).with_suffix(""))


def _require_partners(images: folder.Listing, sources: folder.Listing) -> None:
    """Raise `UserError` unless each picture of either folder has one partner in the other."""
    stems: list[dict[str, str]] = []
    for listing in (images, sources):
        by_stem: dict[str, str] = {}
        for file, _, _ in listing.files:
            other = by_stem.setdefault(_stem(file), file)
            if other != file:
                raise UserError(
                    f"{other} and {file} in {listing.root} differ only in their suffix, so it is open which "
                    "of them has the partner"
                )
        stems.append(by_stem)
    for (here, there), (mine, other) in (((0, 1), (images, sources)), ((1, 0), (sources, images))):
        lacking = [file for stem, file in stems[here].items() if stem not in stems[there]]
        if lacking:
            count = "1 picture" if len(lacking) == 1 else f"{len(lacking):,} pictures"
            raise UserError(
                f"{count} in {mine.root} without a partner in {other.root}: {folder.in_line(lacking)}"
            )
    order = [[_stem(file) for file, _, _ in listing.files] for listing in (images, sources)]
    if order[0] != order[1]:  # "a-b.png" comes before "a.png", and "a.jpg" after "a-b.jpg"
        for listing in (images, sources):
            listing.files.sort(key=lambda entry: _stem(entry[0]))


def _factor(images: folder.Listing, sources: folder.Listing) -> int | None:
    """Return how many times as large images are as their sources; None if no pair can be read.

    Raises:
        UserError: if a pair has another factor than the first, or none.
    """
    first: tuple[str, int] | None = None
    for (file, _, _), (partner, _, _) in zip(images.files, sources.files, strict=True):
        sizes = [_size(root / each) for root, each in ((images.root, file), (sources.root, partner))]
        if sizes[0] is None or sizes[1] is None:
            continue
        image, source = sizes[0], sizes[1]
        factor = image[0] // source[0]
        named = f"{file} is {image[0]}x{image[1]} and its source {source[0]}x{source[1]}"
        if not is_multiple(image, source):
            raise UserError(f"an image is a whole number of times as large as its source, but {named}")
        first = first or (named, factor)
        if factor != first[1]:
            raise UserError(
                "all images are the same number of times as large as their sources, "
                f"but {first[0]}, and {named}"
            )
    return None if first is None else first[1]


def _size(path: Path) -> tuple[int, int] | None:
    try:
        return pictures.upright_size(path)
    except Exception:  # Pillow raises a dozen types for damaged files; decoding names them
        return None


def _rows(array: np.ndarray, stems: list[str], kept: set[str], name: str) -> Any:
    """Return the rows of an array whose pairs are whole."""
    rows = np.array([stem in kept for stem in stems])
    require_memory(int(rows.sum()) * array[0].nbytes, f"the whole pairs of {name}")
    return array[rows]
