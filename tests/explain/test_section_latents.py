import dataclasses
import json

import numpy as np
import pytest

import generators
import subjects
from jaxgan.explain import bits, effective_dimension, latents_section, metric, space_of
from jaxgan.explain.directions import LATENTS
from jaxgan.system.random import seed_key


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return subjects.subject(tmp_path_factory.mktemp("runs") / "run", classes=3, judge={"num_classes": 3})


@pytest.fixture(scope="module")
def section(subject):
    return latents_section(subject)


def test_the_numbers_are_those_of_the_functions(subject, section):
    space = space_of(subject.generator)
    labels = np.arange(LATENTS) % 3
    latents = space.draw(seed_key(0), labels, LATENTS)
    whole = metric(space.generate, latents, labels=labels)
    found = section.numbers["z"]
    np.testing.assert_allclose(found["spectrum"], np.linalg.eigvalsh(whole)[::-1], rtol=1e-4)
    assert found["bits"] == pytest.approx(bits(whole).sum(), rel=1e-4)
    assert found["effective_dimension"] == pytest.approx(effective_dimension(found["spectrum"]))
    steps = found["unit_step"]
    assert list(steps) == ["jacobian", "ganspace", "sefa", "random"]
    assert steps["jacobian"] > steps["random"] > 0
    json.dumps(section.numbers, allow_nan=False)


def test_the_picture_has_a_direction_in_each_row_and_the_image_in_the_middle(subject, section):
    picture = section.pictures["latents.png"]
    cell = 9  # 8 pixels and a gutter of one, enlarged
    scale = picture.shape[1] // (7 * cell + 1)
    small = picture[scale // 2 :: scale, scale // 2 :: scale]
    assert small.shape == (4 * cell + 1, 7 * cell + 1)  # the latents have four directions
    cells = small[1:].reshape(4, cell, 7 * cell + 1)[:, :8, 1:].reshape(4, 8, 7, cell)[..., :8]
    for row in range(1, 4):
        np.testing.assert_array_equal(cells[row, :, 3], cells[0, :, 3])
        assert (cells[row, :, 0] != cells[row, :, 3]).any()
    assert any("keep the class" in note for note in section.notes)


@pytest.mark.long
def test_a_stylegan2_is_looked_at_in_w_and_in_z(subject):
    section = latents_section(dataclasses.replace(subject, generator=generators.of_family("stylegan2")))
    assert list(section.numbers) == ["w", "z"]
    assert "sefa" in section.numbers["w"]["unit_step"]
    assert "sefa" not in section.numbers["z"]["unit_step"]
    assert any("intermediate latents w" in note for note in section.notes)
    assert not any("sefa" in note for note in section.notes)
