"""The part of ``jaxgan explain`` that looks at a generator's units: which work, and what they do."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from jaxgan.evaluate.fakes import random_rows
from jaxgan.evaluate.reals import Reals
from jaxgan.explain.critic import logits_of
from jaxgan.explain.information import unit_information
from jaxgan.explain.inside import calls, readable
from jaxgan.explain.pages import page
from jaxgan.explain.section import Section, Subject
from jaxgan.explain.space import Space, in_batches, labels_of, rows_of
from jaxgan.explain.units import Effects, Layer, effects, hidden_layers, removing, saturated, statistics
from jaxgan.export import judges_sources
from jaxgan.games.heads import heads_of
from jaxgan.games.paired import enlarged
from jaxgan.representation.activations import pixels
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key

COUNT = 512  # latents that statistics look at, or fewer where their activations would not fit
MOST_BYTES = 2**28  # of activations of all layers
EFFECTS = 16  # latents on which each unit is removed
MOST_UNITS = 512  # units that are removed, each by itself
REALS = 2000  # real images among which the nearest one names the class of a fake
ROWS, COLUMNS = 4, 8  # units and images of units.png


class Classifier(NamedTuple):
    """What names the class of an image.

    Attributes:
        name: where the classes come from.
        classify: ``images [N, H, W, C] -> classes [N]``.
    """

    name: str
    classify: Callable[[np.ndarray], np.ndarray]


def units_section(subject: Subject) -> Section:
    """Return what the units of a run's generator are like, and what the images lose without each.

    The numbers have the statistics of each hidden layer. In the layer in the middle, each unit is removed by
    itself. Its effects on image, logit and class are there, and its information about the class. The picture
    ``units.png`` has the four units with the largest effect: a row of the images on which each is strongest,
    and below it the same without the unit.

    Args:
        subject: the run.

    Returns:
        The `Section`; what cannot be done is a note.
    """
    generator = subject.generator
    plain = subject.spaces[-1]
    try:
        count = _count(subject, plain)
        labels = labels_of(generator, count)
        latents = plain.draw(seed_key(subject.seed), labels, count)
        layers = hidden_layers(generator.module, generator.variables, latents, labels, listen=subject.listen)
    except UserError as error:
        return Section({}, {}, [], (f"units cannot be shown: {error}",))
    if not layers:
        return Section({}, {}, [], ("units cannot be shown: the generator has no hidden layer",))
    fakes = in_batches(plain.generate, latents, labels)
    found = {layer.paths[0]: statistics(layer.features) for layer in layers}
    numbers: dict[str, Any] = {
        "images": count,
        "saturated_pixels": saturated(fakes),
        "layers": {path: each._asdict() for path, each in found.items()},
    }
    rows: list[tuple[str, str | float]] = [("pixels within 0.01 of black or white", saturated(fakes))]
    for path, each in found.items():
        rows.append((f"dead units of {path} (of {each.units})", each.dead))
        rows.append((f"rank of {path} (of {each.units})", each.rank))
    layer, classifier = layers[len(layers) // 2], classifier_of(subject)
    units, judge = _liveliest(layer), _judge(subject, fakes, labels)
    notes = _notes(layer, units, judge, classifier)
    few = slice(0, min(EFFECTS, count))
    effect = effects(
        generator.module,
        generator.variables,
        layer.paths,
        latents[few],
        rows_of(labels, few),
        units=units,
        judge=judge,
        classify=None if classifier is None else classifier.classify,
    )
    order = np.argsort(-effect.image)
    numbers["removed"] = _removed(layer, units, effect, order)
    rows.append((f"largest effect of a unit of {layer.paths[0]} on the image", float(effect.image.max())))
    if effect.logit is not None:
        rows.append(("largest effect of a unit on the logit", float(np.abs(effect.logit).max())))
    if classifier is not None and effect.category is not None:
        rows.append(("largest share of images that lose their class", float(effect.category.max())))
        kinds = labels if labels is not None else classifier.classify(fakes)
        known = unit_information(layer.features[..., units], kinds)
        numbers["class_information"] = {
            "classes_by": "the labels" if labels is not None else classifier.name,
            "bits": known.bits.tolist(),
            "bias": known.bias.tolist(),
        }
        rows.append(("most bits of a unit about the class", float(known.bits.max())))
        rows.append(("bits that a unit without any would seem to have", float(known.bias.mean())))
    picture = _picture(subject, plain, layer, units[order[:ROWS]], latents, labels)
    return Section(numbers, {"units.png": picture}, rows, tuple(notes))


def classifier_of(subject: Subject) -> Classifier | None:
    """Return what names the class of an image of a run, or None where nothing is known of classes.

    It is the discriminator's head of classes, or the nearest training image with a label, or the
    discriminator's head of a category, whichever is there first.
    """
    heads = () if subject.discriminator is None else heads_of(subject.discriminator.description["heads"])
    kinds = {head.kind: head.name for head in reversed(heads)}

    def by_head(name: str) -> Classifier:
        return Classifier(
            f"the discriminator's head {name}",
            lambda images: subject.reader.reads(images.clip(-1, 1))[name].argmax(axis=1),
        )

    for kind in ("classes", "real_and_fake_classes"):
        if kind in kinds:
            return by_head(kinds[kind])
    if subject.learned is not None and subject.learned.labels is not None:
        return Classifier("the nearest training image", _nearest(subject.learned))
    return by_head(kinds["category"]) if "category" in kinds else None


def _nearest(reals: Reals) -> Callable[[np.ndarray], np.ndarray]:
    """Return ``images -> the labels of their nearest real images``."""
    rows = random_rows(len(reals.images), REALS)
    known, labels = pixels(reals.images[rows]), np.asarray(reals.labels)[rows]
    lengths = np.square(known).sum(axis=1)[None]

    def classify(images: np.ndarray) -> np.ndarray:
        flat = np.asarray(images, np.float32).reshape(len(images), -1)
        return labels[(lengths - 2 * flat @ known.T).argmin(axis=1)]

    return classify


def _judge(subject: Subject, fakes: np.ndarray, labels: Any) -> Callable[..., np.ndarray] | None:
    """Return the discriminator as a function of images, labels and latents; None where it cannot be asked."""
    discriminator = subject.discriminator
    if discriminator is not None and judges_sources(discriminator):
        logits = logits_of(discriminator)
        size = discriminator.image_shape[:2]
        return lambda images, labels, sources: logits(images, labels, enlarged(sources, size))
    try:
        subject.reader.discriminate(fakes[:1], None if labels is None else labels[:1])
    except UserError:  # none was exported, or a judge of pairs has no encoder
        return None
    return lambda images, labels, latents: subject.reader.discriminate(np.asarray(images), labels)


def _count(subject: Subject, space: Space) -> int:
    """Return on how many latents the activations of all layers fit."""
    generator = subject.generator
    labels = labels_of(generator, 1)

    def features(variables: Any, latents: Any, labels: Any) -> list[jax.Array]:
        return [call.inputs for call in calls(generator.module, variables, latents, labels)[1]]

    latents = space.draw(seed_key(0), labels, 1)
    with readable(generator.module):
        shapes = jax.eval_shape(features, generator.variables, latents, labels)
    size = 4 * sum(math.prod(each.shape) for each in shapes)
    return max(EFFECTS, min(COUNT, MOST_BYTES // max(size, 1)))


def _liveliest(layer: Layer) -> np.ndarray:
    """Return the numbers of the units that vary most, in order of their numbers."""
    spread = layer.features.reshape(-1, layer.features.shape[-1]).std(axis=0)
    return np.sort(np.argsort(-spread, kind="stable")[:MOST_UNITS])


def _notes(layer: Layer, units: np.ndarray, judge: Any, classifier: Classifier | None) -> list[str]:
    notes, count = [f"units were removed from what {layer.paths[0]} takes in"], layer.features.shape[-1]
    if len(units) < count:
        notes.append(f"of its {count:,} units the {len(units)} that vary most were removed")
    if judge is None:
        notes.append("there is no discriminator to say what a unit does to the logit")
    if classifier is None:
        notes.append("nothing names the classes of images: what a unit does to them is not known")
    else:
        notes.append(f"classes of fakes are those of {classifier.name}")
    return notes


def _removed(layer: Layer, units: np.ndarray, effect: Effects, order: np.ndarray) -> dict[str, Any]:
    """Return the effects of units, the largest first, as JSON can hold them."""
    removed: dict[str, Any] = {"layer": list(layer.paths), "unit": units[order].tolist()}
    for name, column in effect._asdict().items():
        if column is not None:
            removed[name] = column[order].astype(float).tolist()
    return removed


def _picture(
    subject: Subject, space: Space, layer: Layer, units: np.ndarray, latents: Any, labels: Any
) -> np.ndarray:
    """Return the images on which units are strongest, and below them the same without the unit."""
    generator = subject.generator
    remove = removing(generator.module, generator.variables, layer.paths)
    strength = layer.features.reshape(len(layer.features), -1, layer.features.shape[-1]).mean(axis=1)
    shown = []
    for unit in units:
        places = np.argsort(-strength[:, unit], kind="stable")[:COLUMNS]
        for removed in (-1, unit):
            given = rows_of(latents, places), rows_of(labels, places)
            shown.append(np.asarray(remove(*given, np.full(len(places), removed))))
    return page(np.concatenate(shown), columns=len(shown[0]))
