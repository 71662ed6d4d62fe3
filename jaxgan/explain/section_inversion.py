"""The part of ``jaxgan explain`` that looks for real images in a generator's latents."""

from typing import Any

import numpy as np

from jaxgan.evaluate.fakes import random_rows
from jaxgan.evaluate.reals import Reals
from jaxgan.explain.inversion import Inversion, invert
from jaxgan.explain.memory import MOST, memory_of
from jaxgan.explain.pages import floats, page, paired
from jaxgan.explain.section import Section, Subject
from jaxgan.explain.space import Space, in_batches, labels_of
from jaxgan.export import Network
from jaxgan.system.random import seed_key

IMAGES = 16  # of each kind that are inverted, or more if more are to be looked at
BRIEF = {"steps": 250, "restarts": 2}  # enough to compare kinds; `jaxgan invert` looks longer
OWN, LEARNED, HELD_OUT = "own fakes", "training images", "held-out images"


def inversion_section(subject: Subject) -> Section:
    """Return how near a run's generator comes to its own fakes, its training images, and held-out images.

    The picture ``inversion.png`` has training images, and below each row what the generator makes of them.

    Args:
        subject: the run.

    Returns:
        The `Section`, with the PSNR of each kind in dB; without real images, of the own fakes alone.
    """
    generator, space = subject.generator, subject.spaces[0]
    count = max(IMAGES, subject.n)
    labels = labels_of(generator, count)
    fakes = in_batches(space.generate, space.draw(seed_key(subject.seed), labels, count), labels)
    kinds = {OWN: (fakes, labels)} | {
        name: _some(reals, count, generator)
        for name, reals in ((LEARNED, subject.learned), (HELD_OUT, subject.held_out))
        if reals is not None and (generator.num_classes is None or reals.labels is not None)
    }
    found = _all_inverted(space, kinds, subject.seed)
    psnr = {name: np.minimum(each.psnr, MOST) for name, each in found.items()}
    numbers: dict[str, Any] = {
        "space": space.name,
        **BRIEF,
        "psnr": {name.replace(" ", "_").replace("-", "_"): each.tolist() for name, each in psnr.items()},
    }
    rows: list[tuple[str, str | float]] = [
        (f"PSNR of {name} made again, dB (median)", float(np.median(each))) for name, each in psnr.items()
    ]
    shown = LEARNED if LEARNED in kinds else OWN
    images, labels = kinds[shown]
    again = in_batches(space.generate, found[shown].latents, labels)
    side = 8
    both = paired(images[: 4 * side], again[: 4 * side], columns=side)
    notes = [] if shown is LEARNED else ["the training images cannot be had: only own fakes were inverted"]
    if all(len(psnr.get(name, ())) > 1 for name in (LEARNED, HELD_OUT)):
        memory = memory_of(psnr[LEARNED], psnr[HELD_OUT])
        numbers["memorization"] = memory._asdict()
        rows.append(("training minus held-out images, dB", memory.difference))
        notes.append(memory.sentence)
    return Section(numbers, {"inversion.png": page(both, columns=min(side, len(images)))}, rows, tuple(notes))


def _all_inverted(space: Space, kinds: dict[str, tuple[Any, Any]], seed: int) -> dict[str, Inversion]:
    """Return the inversions of several kinds of images, which go downhill together."""
    images = np.concatenate([floats(images) for images, _ in kinds.values()])
    given = [labels for _, labels in kinds.values()]
    labels = None if given[0] is None else np.concatenate(given)
    found = inverted(space, images, labels, seed=seed, **BRIEF)
    ends = np.cumsum([len(images) for images, _ in kinds.values()])[:-1]
    parts = zip(*(np.split(column, ends) for column in found), strict=True)
    return dict(zip(kinds, (Inversion(*part) for part in parts), strict=True))


def inverted(
    space: Space, images: np.ndarray, labels: Any, *, seed: int, steps: int = 400, restarts: int = 4
) -> Inversion:
    """Return the inversion of images in a generator's space; see `jaxgan.explain.inversion.invert`."""
    return invert(
        space.generate,
        images,
        key=seed_key(seed),
        latent_dim=space.size,
        labels=labels,
        draw=space.draw,
        scale=space.scale,
        steps=steps,
        restarts=restarts,
    )


def _some(reals: Reals, count: int, generator: Network) -> tuple[np.ndarray, Any]:
    """Return some real images, always the same ones, and their labels where the generator takes them."""
    rows = random_rows(len(reals.images), count)
    labels = None if generator.num_classes is None or reals.labels is None else reals.labels[rows]
    return reals.images[rows], labels
