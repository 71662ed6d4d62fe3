import dataclasses
import json

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest

import generators
import subjects
from jaxgan.explain.section_masks import best_unit, masks_section, own_masks, read_masks
from jaxgan.system.errors import UserError
from jaxgan.system.random import seed_key

DRAWS = np.random.default_rng(0)


class Square(nn.Module):
    """A user's generator: unit 1 of its one layer draws a square at one of two places, unit 0 does nothing."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        place = jnp.zeros((len(latents), 2, 2)).at[:, 0, 0].set(latents[:, 0]).at[:, 1, 1].set(-latents[:, 0])
        square = jnp.repeat(jnp.repeat(jnp.sign(place) > 0, 4, axis=1), 4, axis=2)
        other = jnp.sin(100 * latents[:, 1, None, None] + jnp.arange(64.0).reshape(1, 8, 8))
        features = jnp.stack([other, square.astype(jnp.float32)], axis=-1)
        weights = lambda *_: jnp.array([0.0, 1.8]).reshape(1, 1, 2, 1)
        return nn.Conv(1, (1, 1), kernel_init=weights, name="last")(features) - 0.9


@pytest.fixture
def subject(tmp_path):
    made = subjects.subject(tmp_path / "run")
    return dataclasses.replace(made, generator=generators.network(Square(), 4))


def test_the_unit_that_draws_a_thing_has_an_iou_of_1(subject):
    plain = subject.spaces[0]
    images = np.asarray(plain.generate(plain.draw(seed_key(subject.seed), None, 20)))
    section = masks_section(subject, masks={"square": images[..., 0] > 0})
    found = section.numbers["masks"]["square"]
    assert (found["path"], found["unit"], found["iou"], found["share"]) == ("last", 1, 1.0, 0.25)
    assert found["iou_of_other_images"] < 0.7
    assert section.rows[0] == ("IoU of unit 1 of last with square", 1.0)
    assert section.pictures["masks.png"].dtype == np.uint8
    json.dumps(section.numbers, allow_nan=False)


def test_a_generator_without_maps_is_a_note(tmp_path):
    (note,) = masks_section(subjects.subject(tmp_path / "run")).notes
    assert note == "no layer of the generator has maps that masks could be compared with"


def test_the_best_unit_is_that_of_all_layers():
    mask = DRAWS.random((30, 8, 8)) > 0.8
    coarse, fine = DRAWS.random((30, 4, 4, 3)), DRAWS.random((30, 8, 8, 3))
    fine[..., 2] = 5 + mask  # any scale and offset
    best = best_unit({"coarse": coarse, "fine": fine}, mask)
    assert best[:3] == ("fine", 2, 1.0)
    share = mask.mean()  # random masks overlap by chance
    assert best.iou_of_other_images == pytest.approx(share / (2 - share), abs=0.03)


def test_masks_of_the_images_own():
    image = np.full((1, 10, 10, 3), 0.1)
    image[:, :2, :3], image[:, 8:, 5:] = 0.9, -0.9
    masks = own_masks(image)
    bright, dark = np.zeros((2, 1, 10, 10), bool)
    bright[:, :2, :3], dark[:, 8:, 5:] = True, True
    np.testing.assert_array_equal(masks["bright"], bright)
    np.testing.assert_array_equal(masks["dark"], dark)
    assert masks["edges"][0, 7:9, 9].all()
    assert not masks["edges"][0, 5].any()
    assert own_masks(np.zeros((2, 4, 4, 1))) == {}


def test_masks_that_are_none_are_one_sentence(tmp_path):
    path = tmp_path / "masks.npz"
    good = np.ones((3, 8, 8), bool)
    np.savez(path, eye=good, mouth=good)
    assert list(read_masks(path, (8, 8, 1))) == ["eye", "mouth"]
    for arrays, message in (
        ({"eye": good.astype(np.uint8)}, r"a mask is bool \[N, 8, 8\] .* got uint8 \[3, 8, 8\] of eye"),
        ({"eye": good[:, :4]}, r"got bool \[3, 4, 8\] of eye"),
        ({"eye": good, "mouth": good[:2]}, r"got bool \[2, 8, 8\] of mouth"),
        ({"eye": ~good}, "somewhere true"),
        ({}, "has no mask in it"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(UserError, match=message):
            read_masks(path, (8, 8, 1))
    path.write_text("no masks")
    with pytest.raises(UserError, match="cannot be read as an"):
        read_masks(path, (8, 8, 1))
    with pytest.raises(UserError, match="cannot be read as an"):
        read_masks(tmp_path / "none.npz", (8, 8, 1))
