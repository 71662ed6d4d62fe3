"""The part of ``jaxgan explain`` that looks at a generator's latents: directions, dimension, bits."""

from typing import Any

import jax
import numpy as np

from jaxgan.explain.directions import LATENTS, leading, metric, motion, random_vectors, traverse
from jaxgan.explain.information import bits, effective_dimension
from jaxgan.explain.methods import METHODS, MOST_CLASSES, directions_of
from jaxgan.explain.pages import page
from jaxgan.explain.section import Section, Subject
from jaxgan.explain.space import Space
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key

DIRECTIONS = 8  # rows of latents.png
AMOUNTS = (-3, -2, -1, 0, 1, 2, 3)  # its columns, in standard deviations of the latents
_RANDOM = 32  # random directions that the methods are compared with


def latents_section(subject: Subject) -> Section:
    """Return what the latents of a run's generator do.

    The numbers are those of z, and of a StyleGAN2's w. They have the effective dimension of the metric's
    spectrum, and the bits that all directions send through noise of one gray level. They say how far a step
    of size 1 moves images along the best direction of each method, and along random directions. The picture
    ``latents.png`` has the strongest directions of the Jacobian in its rows; the image without a step is in
    the middle.

    Args:
        subject: the run.

    Returns:
        The `Section`; a method that the generator has no place for is a note.
    """
    numbers, rows, notes = dict[str, Any](), list[tuple[str, str | float]](), list[str]()
    pictures = dict[str, np.ndarray]()
    for space in subject.spaces:
        first = not pictures
        found, vectors = _numbers(subject, space, notes if first else [])
        numbers[space.name] = found
        free = found["coordinates_that_move"]
        rows.append((f"effective dimension of {space.name} (of {free})", found["effective_dimension"]))
        if not first:
            continue
        rows.append((f"bits of {space.name} through noise of one gray level", found["bits"]))
        random = found["unit_step"]["random"]
        for method in METHODS:
            if method in found["unit_step"]:
                ratio = found["unit_step"][method] / max(random, 1e-12)
                rows.append((f"a step of {method} moves images, times a random one", ratio))
        labels = None if subject.generator.num_classes is None else np.zeros(1, np.int32)
        latent = space.draw(seed_key(subject.seed), labels, 1)
        ways = [traverse(space.generate, latent, vector, AMOUNTS, labels=labels)[0] for vector in vectors]
        pictures["latents.png"] = page(np.concatenate(ways), columns=len(AMOUNTS))
        if space.name == "w":
            notes.append("directions are those of the intermediate latents w, one step for all layers")
        if (space.scale == 0).any():
            notes.append("directions move noise and continuous codes; the values of categories are kept")
    if subject.generator.num_classes is not None:
        count = min(MOST_CLASSES, subject.generator.num_classes)
        notes.append(f"directions keep the class; their numbers are means of {count} classes")
    return Section(numbers, pictures, rows, tuple(notes))


def _numbers(subject: Subject, space: Space, notes: list[str]) -> tuple[dict[str, Any], np.ndarray]:
    """Return the numbers of a space and the strongest directions of its Jacobian."""
    generator, key = subject.generator, seed_key(subject.seed)
    count = min(MOST_CLASSES, generator.num_classes or 1)
    labels = None if generator.num_classes is None else (np.arange(LATENTS) % count).astype(np.int32)
    latents = space.draw(key, labels, LATENTS)
    whole = metric(space.generate, latents, labels=labels, scale=space.scale)
    found = {"jacobian": leading(whole, DIRECTIONS, scale=space.scale)}
    for method in [name for name in METHODS if name not in found]:
        try:
            found[method] = directions_of(generator, space, method, DIRECTIONS, key=key, labels=labels)
        except UserError as error:
            notes.append(str(error))
    random = random_vectors(jax.random.fold_in(key, 1), _RANDOM, space.scale)
    first = [each.vectors[:1] for each in found.values()]
    moved = motion(space.generate, latents, np.concatenate([*first, random]), labels=labels)
    steps = dict(zip(found, moved.tolist(), strict=False))
    steps["random"] = float(np.sqrt(np.square(moved[len(found) :]).mean()))
    spectrum = np.maximum(np.linalg.eigvalsh(whole)[::-1], 0)
    sent = bits(whole)
    return {
        "coordinates_that_move": int((space.scale > 0).sum()),
        "effective_dimension": effective_dimension(spectrum),
        "share_of_five_directions": float(spectrum[:5].sum() / max(spectrum.sum(), 1e-30)),
        "bits": float(sent.sum()),
        "bits_of_directions": sent[:DIRECTIONS].tolist(),
        "spectrum": spectrum.tolist(),
        "unit_step": steps,
        "latents": LATENTS,
    }, found["jacobian"].vectors
