"""The part ``masks`` of ``jaxgan explain``: is there a unit that is active where a thing is in the image?

A mask says where a thing is. Some masks are made of the images themselves: where they are bright, dark, or
change fast. Others come from the user, who can segment the same images in any way. Each unit's map is
enlarged to the image. The unit is active where its map is highest, on as large a share of the pixels as the
mask has. So a unit that draws the thing and nothing else has an intersection over union of 1.

References:
    Bau et al. 2019, GAN Dissection, https://arxiv.org/abs/1811.10597, section 3.1
"""

import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from jaxgan.explain.pages import eight_bits, page
from jaxgan.explain.pictures import in_color
from jaxgan.explain.section import Section, Subject
from jaxgan.explain.space import BATCH_SIZE, in_batches, labels_of, rows_that_fit
from jaxgan.explain.units import active_places, dissect
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key

SHARE = 0.2  # of the pixels, which a mask of the images' own has at most
COLUMNS = 8  # images of a row of masks.png
MOST = 256  # images that are looked at, or fewer where they are large
COLOR, STRENGTH = (214, 96, 77), 0.7  # of the places of a mask, and the color's part in them


ByName = dict[str, np.ndarray]


class Best(NamedTuple):
    """The unit that is most often where a mask is.

    Attributes:
        path: the layer that takes in the unit.
        unit: the unit's number.
        iou: the intersection over union of the unit's place and the mask, in [0, 1].
        iou_of_other_images: the same with each image's mask exchanged for that of the next image.
    """

    path: str
    unit: int
    iou: float
    iou_of_other_images: float


def masks_section(subject: Subject, *, masks: ByName | None = None) -> Section:
    """Return which units are active where things are in a run's images.

    The picture ``masks.png`` has two rows for each mask: images with the mask in red, and the same images
    with the places in red where the best unit is active.

    Args:
        subject: the run.
        masks: bool ``[N, H, W]`` by name, of the first N images of the seed; None for `own_masks`.

    Returns:
        The `Section`; a generator whose layers have no maps is a note.
    """
    generator, plain, notes = subject.generator, subject.spaces[-1], []
    count = rows_that_fit(generator.image_shape, BATCH_SIZE)
    if masks is not None and (of := len(next(iter(masks.values())))) != count:
        count = min(of, rows_that_fit(generator.image_shape, MOST))
        notes = [f"of the masks, those of the first {count} images were looked at"] if count < of else []
        masks = {name: mask[:count] for name, mask in masks.items()}
    labels = labels_of(generator, count)
    latents = plain.draw(seed_key(subject.seed), labels, count)
    try:
        heard = subject.listen(generator.variables, latents, labels)
    except UserError as error:
        return Section({}, {}, [], (f"units cannot be compared with masks: {error}",))
    maps = {
        path: np.asarray(found)
        for path, found in heard
        if found.ndim == 4 and found.shape[1] > 1 and not np.array_equal(found, latents)
    }
    if not maps:
        return Section({}, {}, [], ("no layer of the generator has maps that masks could be compared with",))
    fakes = in_batches(plain.generate, latents, labels)
    masks = own_masks(fakes) if masks is None else masks
    found = {name: best_unit(maps, mask) for name, mask in masks.items()}
    numbers = {name: {"share": float(masks[name].mean()), **best._asdict()} for name, best in found.items()}
    rows: list[tuple[str, str | float]] = []
    for name, best in found.items():
        rows.append((f"IoU of unit {best.unit} of {best.path} with {name}", best.iou))
        rows.append((f"the same with {name} of other images", best.iou_of_other_images))
    if not found:
        return Section({}, {}, [], ("the images have nothing bright, dark or at an edge",))
    picture = _picture(eight_bits(fakes), masks, maps, found)
    return Section({"images": count, "masks": numbers}, {"masks.png": picture}, rows, tuple(notes))


def own_masks(images: Float[np.ndarray, "n h w c"]) -> ByName:
    """Return where images are bright, dark, or change fast, each on a fifth of the pixels at most.

    Masks that are empty, as of images of one color, are left out.
    """
    gray = np.asarray(images, np.float64).mean(axis=-1)
    down, right = np.gradient(gray, axis=(1, 2)) if min(gray.shape[1:]) > 1 else (0 * gray, 0 * gray)
    slope = np.hypot(down, right)
    masks = {
        "bright": gray > np.quantile(gray, 1 - SHARE),
        "dark": gray < np.quantile(gray, SHARE),
        "edges": slope > np.quantile(slope, 1 - SHARE),
    }
    return {name: mask for name, mask in masks.items() if mask.any()}


def read_masks(path: Path, image_shape: tuple[int, ...]) -> ByName:
    """Return the masks of an .npz by name.

    Raises:
        UserError: if it cannot be read, or its arrays are no masks of as many images each.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"`masks` {path} cannot be read as an .npz of arrays: {error}") from error
    count = len(next(iter(arrays.values()), ()))
    for name, mask in arrays.items():
        if mask.dtype != bool or mask.shape != (count, *image_shape[:2]) or not mask.any():
            raise UserError(
                f"`masks` {path}: a mask is bool [N, {image_shape[0]}, {image_shape[1]}] and somewhere true, "
                f"got {mask.dtype} {list(mask.shape)} of {name}"
            )
    if not count:
        raise UserError(f"`masks` {path} has no mask in it")
    return arrays


def best_unit(maps: ByName, mask: Bool[np.ndarray, "n h w"]) -> Best:
    """Return the unit with the largest intersection over union.

    Args:
        maps: what units are on images, ``[N, h, w, units]`` by the path of the layer.
        mask: where the thing is, ``[N, H, W]``.
    """
    found = {path: dissect(each, mask, quantile=None) for path, each in maps.items()}
    path = max(found, key=lambda path: found[path].max())
    unit = int(found[path].argmax())
    own = maps[path][..., unit : unit + 1]
    elsewhere = float(dissect(own, np.roll(mask, 1, axis=0), quantile=None)[0])
    return Best(path, unit, float(found[path][unit]), elsewhere)


def _picture(images: np.ndarray, masks: ByName, maps: ByName, found: dict[str, Best]) -> np.ndarray:
    rows, shown = [], np.stack([in_color(image) for image in images[:COLUMNS]])
    for name, best in found.items():
        values = maps[best.path][..., best.unit]
        active = active_places(values, masks[name].shape, 1 - float(masks[name].mean()))
        for places in (masks[name], active):
            red = STRENGTH * places[:COLUMNS, ..., None]
            rows.append(((1 - red) * shown + red * np.array(COLOR)).round().astype(np.uint8))
    return page(np.concatenate(rows), columns=len(rows[0]))
