import dataclasses
import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import generators
import subjects
from jaxgan.explain import latents_section, space_of, units_section
from jaxgan.explain.section_units import classifier_of
from jaxgan.games.heads import Head


class Single(nn.Module):
    """A user's generator without a hidden layer."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        return nn.Dense(64)(latents).reshape(-1, *generators.SHAPE)


class Scanned(nn.Module):
    """A user's generator whose layers are inside of a transformation."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        def body(layer, features, _):
            return jnp.tanh(layer(features)), None

        scan = nn.scan(body, variable_axes={"params": 0}, split_rngs={"params": True}, length=2)
        features = scan(nn.Dense(4), latents, None)[0]
        return jnp.tile(features, (1, 16)).reshape(-1, *generators.SHAPE)


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return subjects.subject(tmp_path_factory.mktemp("runs") / "run", learned=subjects.reals(40, 3))


def test_units_are_counted_removed_and_shown(subject):
    section = units_section(subject)
    (path,) = section.numbers["layers"]
    assert path == "Dense_1"
    removed = section.numbers["removed"]
    assert sorted(removed["unit"]) == list(range(6))
    assert removed["image"] == sorted(removed["image"], reverse=True)
    assert len(removed["logit"]) == len(removed["category"]) == 6
    known = section.numbers["class_information"]
    assert known["classes_by"] == "the nearest training image"
    assert len(known["bits"]) == 6
    assert section.pictures["units.png"].dtype == np.uint8
    json.dumps(section.numbers, allow_nan=False)


def test_what_cannot_be_had_is_a_note(tmp_path):
    subject = subjects.subject(tmp_path / "run", discriminator=False)
    section = units_section(subject)
    assert list(section.numbers["removed"]) == ["layer", "unit", "image"]
    assert "there is no discriminator to say what a unit does to the logit" in section.notes
    assert any("nothing names the classes" in note for note in section.notes)
    section = units_section(dataclasses.replace(subject, generator=generators.network(Single(), 4)))
    assert section.notes == ("units cannot be shown: the generator has no hidden layer",)


@pytest.mark.slow
def test_layers_that_cannot_be_listened_to_are_a_note_and_no_crash(subject):
    network = generators.network(Scanned(), 4)
    (note,) = units_section(dataclasses.replace(subject, generator=network)).notes
    assert note.startswith("units cannot be shown: Scanned calls layers inside of a transformation")
    section = latents_section(dataclasses.replace(subject, generator=network))
    assert list(section.numbers["z"]["unit_step"]) == ["jacobian", "random"]
    assert len(section.notes) == 2


def test_classes_are_those_of_a_head_or_of_the_nearest_training_image(subject, tmp_path):
    reals = subject.learned
    classifier = classifier_of(subject)
    floats = reals.images[:12] / np.float32(127.5) - 1
    np.testing.assert_array_equal(classifier.classify(floats + 0.05), reals.labels[:12])
    for kind, expected in (
        ("classes", "the discriminator's head aux"),
        ("category", "the nearest training image"),
    ):
        own = subjects.subject(
            tmp_path / kind, learned=reals, judge={"heads": (3,)}, heads=(Head("aux", kind, 3),)
        )
        classifier = classifier_of(own)
        assert classifier.name == expected
    alone = classifier_of(dataclasses.replace(own, learned=None))
    assert alone.name == "the discriminator's head aux"
    space = space_of(own.generator)
    fakes = np.asarray(space.generate(space.draw(jax.random.key(0), None, 5)))
    np.testing.assert_array_equal(alone.classify(fakes), own.reader.reads(fakes)["aux"].argmax(axis=1))
