"""Which images are explained, and which real images they are compared with."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxgan.explain import examples
from jaxgan.explain.examples import Examples, fakes_of, nearest, reals_of, references_of
from jaxgan.explain.section import Subject
from jaxgan.export import Network
from jaxgan.system.errors import UserError
from readers import floats, planted, reader, reals

IMAGES, LABELS = planted(n=60, noise=60)
QUERIES, QUERY_LABELS = planted(5, n=7, noise=60)
DESCRIPTION = {"latent_dim": 2, "takes": ["image"], "num_classes": None, "image_shape": (4, 4, 1)}


def subject(*, learned=None, held_out=None, n=4, classes=None, description=DESCRIPTION, **functions):
    def generate(latents, labels=None):
        shade = latents[:, 0] if labels is None else labels / 10
        return np.broadcast_to(np.reshape(shade, (-1, 1, 1, 1)), (len(latents), 4, 4, 1)).astype(np.float32)

    of_run = reader(**{"generate": generate, **functions})._replace(num_classes=classes)
    maker = Network(None, {}, {"latent_dim": 2})
    return Subject(Path("run"), of_run, maker, Network(None, {}, description), learned, held_out, n, 3)


def test_the_nearest_real_image_is_of_the_same_class_and_not_the_image_itself(monkeypatch):
    monkeypatch.setattr(examples, "BLOCK", 16 * 25)  # three blocks, the last of which is short
    rows = [each.reshape(len(each), -1).astype(float) for each in (QUERIES, IMAGES)]
    distances = cdist(*rows)
    np.testing.assert_array_equal(nearest(IMAGES, QUERIES), distances.argmin(axis=1))
    distances[QUERY_LABELS[:, None] != LABELS[None]] = np.inf
    found = nearest(IMAGES, QUERIES, labels=LABELS, query_labels=QUERY_LABELS)
    np.testing.assert_array_equal(found, distances.argmin(axis=1))
    itself = cdist(rows[1], rows[1])
    np.fill_diagonal(itself, np.inf)
    np.testing.assert_array_equal(nearest(IMAGES, IMAGES), itself.argmin(axis=1))
    absent = nearest(IMAGES, QUERIES, labels=LABELS, query_labels=np.full(7, 9))
    np.testing.assert_array_equal(absent, -1)


def test_references_are_the_nearest_several_or_gray():
    shown = Examples(floats(QUERIES), QUERY_LABELS)
    of_run = subject(learned=reals(IMAGES, LABELS), classes=3)
    expected = nearest(IMAGES, QUERIES, labels=LABELS, query_labels=QUERY_LABELS)
    found = references_of(of_run, shown, "nearest")
    np.testing.assert_allclose(found[:, 0], floats(IMAGES[expected]), atol=1e-6)
    several = references_of(of_run, shown, "reals")
    assert several.shape == (7, 16, 4, 4, 1)
    for each, label in zip(several, QUERY_LABELS, strict=True):
        distances = np.abs(each[:, None] - floats(IMAGES[label == LABELS])[None]).max(axis=(2, 3, 4))
        assert distances.min(axis=1).max() < 1e-6
        assert len(np.unique(distances.argmin(axis=1))) == 16
    gray = references_of(subject(), shown, "grey")
    assert gray.shape == (7, 1, 4, 4, 1)
    assert not gray.any()


def test_without_labels_references_are_of_any_class():
    found = references_of(subject(learned=reals(IMAGES)), Examples(floats(QUERIES)), "nearest")
    np.testing.assert_allclose(found[:, 0], floats(IMAGES[nearest(IMAGES, QUERIES)]), atol=1e-6)
    few = references_of(subject(learned=reals(IMAGES[:3])), Examples(floats(QUERIES)), "reals")
    assert few.shape == (7, 16, 4, 4, 1)  # each of the three several times


@pytest.mark.parametrize("reference", ["nearest", "reals"])
def test_what_cannot_be_compared_is_one_sentence(reference):
    shown = Examples(floats(QUERIES), np.full(7, 2, np.int32))
    with pytest.raises(UserError, match="are not at hand: name them with `data`, or take `reference` grey"):
        references_of(subject(), shown, reference)
    of_run = subject(learned=reals(IMAGES[LABELS < 2], LABELS[LABELS < 2]), classes=3)
    with pytest.raises(UserError, match=r"no (other )?real image of class 2"):
        references_of(of_run, shown, reference)


def test_fakes_have_the_classes_of_the_reals_or_those_that_are_named():
    of_run = subject(learned=reals(IMAGES, LABELS), classes=3)
    fakes = fakes_of(of_run, of_run.discriminator, None)
    assert set(fakes.labels.tolist()) == {0, 1, 2}
    np.testing.assert_allclose(fakes.images[:, 0, 0, 0], fakes.labels / 10, atol=1e-6)
    assert fakes.beside is None
    fakes = fakes_of(of_run, of_run.discriminator, (2, 0))
    assert fakes.labels[:4].tolist() == [2, 0, 2, 0]
    assert len(fakes_of(subject(n=600), of_run.discriminator, None).images) == 600


def test_a_judge_of_pairs_sees_fakes_with_their_latents_and_reals_with_the_encoders():
    encode = lambda images, labels=None: floats(images).reshape(len(images), -1)[:, :2]
    pairs = DESCRIPTION | {"takes": ["image", "latents"]}
    of_run = subject(learned=reals(IMAGES), description=pairs, encode=encode)
    fakes = fakes_of(of_run, of_run.discriminator, None)
    np.testing.assert_allclose(fakes.images[:, 0, 0, 0], fakes.beside[:, 0], atol=1e-6)
    shown = reals_of(of_run, of_run.discriminator)
    np.testing.assert_allclose(shown.beside, shown.images.reshape(60, -1)[:, :2], atol=1e-6)
    assert reals_of(subject(learned=reals(IMAGES), description=pairs), of_run.discriminator) is None


def test_held_out_images_are_taken_before_training_images():
    of_run = subject(learned=reals(IMAGES), held_out=reals(QUERIES))
    assert len(reals_of(of_run, of_run.discriminator).images) == 7
    assert reals_of(subject(), of_run.discriminator) is None


def test_a_generator_that_diverged_is_one_sentence():
    nothing = lambda latents, labels=None: np.full((len(latents), 4, 4, 1), np.nan)
    of_run = subject(generate=nothing)
    with pytest.raises(UserError, match="makes NaN or infinity: its training diverged"):
        fakes_of(of_run, of_run.discriminator, None)
