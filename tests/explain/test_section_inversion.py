import json

import numpy as np
import pytest

import subjects
from jaxgan.explain import inversion_section


def test_own_fakes_come_back_and_real_images_are_compared(tmp_path):
    reals = subjects.reals(20)
    subject = subjects.subject(
        tmp_path / "run", learned=reals, held_out=reals._replace(images=reals.images[::-1])
    )
    section = inversion_section(subject)
    psnr = section.numbers["psnr"]
    assert list(psnr) == ["own_fakes", "training_images", "held_out_images"]
    assert np.median(psnr["own_fakes"]) > 34
    assert np.median(psnr["training_images"]) < 20  # noise is nothing that a generator makes
    memory = section.numbers["memorization"]
    expected = np.mean(psnr["training_images"]) - np.mean(psnr["held_out_images"])
    assert memory["difference"] == pytest.approx(expected, abs=1e-6)
    assert section.notes == (memory["sentence"],)
    assert section.pictures["inversion.png"].ndim == 2
    json.dumps(section.numbers, allow_nan=False)


def test_without_real_images_own_fakes_are_shown(tmp_path):
    subject = subjects.subject(tmp_path / "run", classes=2, learned=subjects.reals(6))  # without labels
    section = inversion_section(subject)
    assert list(section.numbers["psnr"]) == ["own_fakes"]
    assert section.notes == ("the training images cannot be had: only own fakes were inverted",)
