"""Gray and white matter of T1 slices, by a few convolutions: a demonstration on one averaged brain.

    pip install jaxgan[medical]
    python experiments/brain_slices.py
    python experiments/brain_slices.py --adversarial-weight 0 --workdir runs/brain_slices_l1
    python experiments/brain_slices.py measure runs/brain_slices runs/brain_slices_l1    # Dice

The brain is the MNI152 template, the mean of 152 people, which nilearn's wheel holds: nothing is downloaded.
A source is an axial slice of the T1 image, an image has the share of gray matter as its red and that of white
matter as its green; a pixel is 2 mm wide. Slices to learn and slices to measure take turns, and at least 5 mm
lie between them. A good score says that the network learned this brain. It says nothing of another person's,
and nothing of use for a diagnosis.

A mask is where the share of its tissue is more than a half. The baseline takes gray matter where T1 lies
between two thresholds, and white matter above the second one; both are chosen on the slices to learn.

After 2,500 steps, the Dice coefficients of gray and white matter, all measured slices together, are 0.945
and 0.952 by the error alone, and 0.937 and 0.948 by the GAN. The thresholds win with 0.959 and 0.955. The
mean over slices is lower for white matter, of which some slices have none: 0.822, 0.815 and 0.847.

References:
    Fonov et al. 2011, Unbiased average age-appropriate atlases for pediatric studies,
    https://doi.org/10.1016/j.neuroimage.2010.07.033
    Isola et al. 2017, Image-to-Image Translation with Conditional Adversarial Networks,
    https://arxiv.org/abs/1611.07004
"""

import sys
from collections.abc import Sequence
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from jaxgan import export, metrics, train
from jaxgan.config import Config
from jaxgan.data import pairs
from jaxgan.images import to_uint8
from jaxgan.rules import Paired
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import write_atomically
from jaxgan.system.output import aligned

CONFIG = Config(
    data="runs/brain_slices.npz",
    batch_size=8,
    mirror=True,
    generator_learning_rate=1e-3,
    steps=2500,
    learning_rate_schedule="cosine",
    decay_steps=2500,
    game=Paired(translator="srresnet", blocks=2, translator_width=16, patch_width=16),
    workdir="runs/brain_slices",
)
TISSUES = ("gray matter", "white matter")  # the first channels of an image
SHAPE = (112, 96)  # height and width of a slice in pixels
PERIOD, LEARNED, GAP = 24, 12, 5  # of 24 slices 12 are learned, and 4 are measured, 5 mm away
LEAST = 0.02  # share of a slice's pixels that are tissue
HALF = 127


def slices(t1: np.ndarray, gray: np.ndarray, white: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return sources, images and places of the axial slices of a brain.

    Args:
        t1: brightness ``[x, y, z]`` in [0, 1], at least 192 x 224 voxels of 1 mm in each slice.
        gray: share of gray matter, of the same shape.
        white: share of white matter, of the same shape.

    Returns:
        Sources uint8 ``[N, H, W, 1]`` and images uint8 ``[N, H, W, 3]`` of `SHAPE`, the front of the brain
        above, and each slice's z in mm. Slices with hardly any tissue are left out.
    """
    tissue = (np.maximum(gray, white) > 0.5).mean(axis=(0, 1)) > LEAST
    planes = [_plane(volume[..., tissue]) for volume in (t1, gray, white)]
    images = np.stack([*planes[1:], np.zeros_like(planes[0])], axis=-1)
    return planes[0][..., None], images, np.flatnonzero(tissue)


def _plane(volume: np.ndarray) -> np.ndarray:
    """Return slices ``[z, H, W]`` of a volume ``[x, y, z]``, uint8: means of 2x2 voxels around the middle."""
    width, height = (size // 2 * 2 for size in volume.shape[:2])
    halves = volume[:width, :height].reshape(width // 2, 2, height // 2, 2, -1).mean(axis=(1, 3))
    turned = np.flip(halves.transpose(2, 1, 0), axis=1)
    top, left = ((turned.shape[axis + 1] - size) // 2 for axis, size in enumerate(SHAPE))
    inside = turned[:, top : top + SHAPE[0], left : left + SHAPE[1]]
    return np.round(255 * np.clip(inside, 0, 1)).astype(np.uint8)


def parts(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which slices are learned, and which are measured: at least `GAP` mm lie between them.

    Args:
        places: z of each slice in mm.
    """
    phase = places % PERIOD
    return phase < LEARNED, (phase >= LEARNED - 1 + GAP) & (phase <= PERIOD - GAP)


def template() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return T1, gray and white matter of the MNI152 template, ``[x, y, z]`` in [0, 1].

    Raises:
        UserError: if nilearn is missing.
    """
    try:
        from nilearn import datasets
    except ImportError as error:
        raise UserError("the slices are those of nilearn's template: pip install jaxgan[medical]") from error
    loaders = (
        datasets.load_mni152_template,
        datasets.load_mni152_gm_template,
        datasets.load_mni152_wm_template,
    )
    volumes = [np.asarray(load(resolution=1).get_fdata(), np.float32) for load in loaders]
    return volumes[0] / volumes[0].max(), volumes[1], volumes[2]


def prepare(file: Path) -> None:
    """Write the slices as pairs with the splits "train" and "test"."""
    sources, images, places = slices(*template())
    learned, measured = parts(places)
    arrays = {
        f"{split}_{name}": values[rows]
        for split, rows in (("train", learned), ("test", measured))
        for name, values in (("images", images), ("source", sources))
    }
    write_atomically(file, partial(np.savez_compressed, **arrays))


def dice(real: np.ndarray, made: np.ndarray) -> tuple[float, ...]:
    """Return the Dice coefficient of each tissue, the mean over slices.

    Args:
        real: images ``[N, H, W, C]``.
        made: images of the same shape, or masks of their tissues.
    """
    masks = made if made.dtype == bool else made > HALF
    return tuple(metrics.dice(real[..., i] > HALF, masks[..., i]).value for i in range(len(TISSUES)))


def thresholds(sources: np.ndarray, images: np.ndarray) -> tuple[int, int]:
    """Return the two values of T1 between which gray matter lies, by the mean Dice of both tissues."""
    values = range(0, 256, 8)
    few, few_sources = images[::4], sources[::4]
    return max(combinations(values, 2), key=lambda pair: sum(dice(few, split_by(few_sources, *pair))))


def split_by(sources: np.ndarray, low: int, high: int) -> np.ndarray:
    """Return the masks ``[N, H, W, 2]`` of T1 above `low` up to `high`, and above `high`."""
    values = sources[..., 0]
    return np.stack([(values > low) & (values <= high), values > high], axis=-1)


def measure(runs: list[Path], file: Path) -> list[str]:
    """Return a table of the Dice coefficients of thresholds and of runs on the slices to measure.

    A slice without a tissue has 0 for it as soon as one pixel is made, which counts fully in the mean over
    slices. All slices together are one volume, whose Dice coefficient is what is compared in the literature.

    Args:
        runs: folders of runs.
        file: the slices.
    """
    learned, unseen = (pairs.load_pairs(file, split=split) for split in ("train", "test"))
    pair = thresholds(np.asarray(learned.sources), learned.images)
    sources, real = np.asarray(unseen.sources), unseen.images
    made = {f"T1 above {pair[0]} and {pair[1]}": split_by(sources, *pair)}
    for run in runs:
        made[str(run)] = np.asarray(to_uint8(export.load_translator(run)(sources)))
    rows = [
        (name, *(f"{value:.3f}" for value in (*dice(real, each), *dice(real[None], each[None]))))
        for name, each in made.items()
    ]
    headings = [f"{tissue}, {what}" for what in ("mean", "all") for tissue in TISSUES]
    return [f"Dice of {len(real)} slices: the mean, and of all as one", *aligned([("", *headings), *rows])]


def main(args: Sequence[str]) -> None:
    """Make the slices if they are missing, and train, or measure runs."""
    file = Path(CONFIG.data)
    with exits(OSError):
        if not file.exists() and not {"-h", "--help", "--data"} & {*args}:
            prepare(file)
        if args[:1] == ["measure"]:
            print("\n".join(measure([Path(run) for run in args[1:] or [CONFIG.workdir]], file)))
            return
    train.main(CONFIG, __doc__, [*args])


if __name__ == "__main__":
    main(sys.argv[1:])
