"""The slices of a brain: what is cut where, what stays apart, and how masks are scored."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from jaxgan.data import pairs


@pytest.fixture
def brain(experiments):
    return importlib.import_module("brain_slices")


def test_what_is_measured_lies_five_millimeters_from_what_is_learned(brain):
    places = np.arange(10, 150)
    learned, measured = brain.parts(places)
    assert np.abs(places[learned][:, None] - places[measured]).min() == 5
    assert (learned.sum(), measured.sum()) == (68, 24)


def test_slices_are_turned_and_their_voxels_joined(brain):
    """Gray matter is a box in front and to the left of the middle, and white matter all behind of it."""
    t1, gray, white = (np.zeros((200, 240, 6), np.float32) for _ in range(3))
    gray[50:90, 150:190, 1:5] = 1
    gray[50, 150, 1:5] = 0  # one of the four voxels of a pixel
    white[20:180, 30:100, 1:5] = 1
    t1 += 0.5 * gray + white
    sources, images, places = brain.slices(t1, gray, white)
    assert places.tolist() == [1, 2, 3, 4]
    assert sources.shape == (4, 112, 96, 1)
    assert images.shape == (4, 112, 96, 3)
    rows, columns = (np.flatnonzero((images[0, ..., 0] == 255).any(axis=axis)) for axis in (1, 0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (21, 40, 23, 42)  # of 120 x 100, less 4 and 2
    assert images[0, 40, 23].tolist() == [191, 0, 0]
    assert sources[0, 30, 30, 0] == 128
    assert images[0, 80, 48].tolist() == [0, 255, 0]


def test_thresholds_are_those_that_separate_the_tissues(brain):
    sources = np.random.default_rng(0).integers(0, 256, (8, 6, 5, 1)).astype(np.uint8)
    images = np.zeros((8, 6, 5, 3), np.uint8)
    images[..., 0] = np.where((sources[..., 0] > 96) & (sources[..., 0] <= 160), 200, 100)
    images[..., 1] = np.where(sources[..., 0] > 160, 128, 127)
    pair = brain.thresholds(sources, images)
    assert brain.dice(images, brain.split_by(sources, *pair)) == (1, 1)
    assert brain.dice(images, images) == (1, 1)
    assert brain.dice(images, np.zeros_like(images))[1] == 0


def test_without_nilearn_a_sentence_says_how_to_install_it(command, brain, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "nilearn", None)
    code, printed = command(brain, "--steps", "2")
    assert code == 2
    assert (
        printed.err.strip()
        == "error: the slices are those of nilearn's template: pip install jaxgan[medical]"
    )
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of nilearn's and of what it imports
def test_the_template_is_learned_and_measured(command, brain, monkeypatch, tmp_path):
    pytest.importorskip("nilearn")
    monkeypatch.chdir(tmp_path)
    small = ["--steps", "2", "--batch-size", "2", "--translator-width", "2", "--patch-width", "2", "--quiet"]
    assert command(brain, *small)[0] == 0
    learned, unseen = (pairs.load_pairs(brain.CONFIG.data, split=split) for split in ("train", "test"))
    assert learned.images.shape == (68, 112, 96, 3)
    assert unseen.sources.shape == (24, 112, 96, 1)
    code, printed = command(brain, "measure")
    assert code == 0
    _, heading, baseline, run = printed.out.splitlines()
    assert " ".join(heading.split()) == (
        "gray matter, mean white matter, mean gray matter, all white matter, all"
    )
    assert baseline.startswith("T1 above ")
    of_slices, of_all = np.split(np.array(baseline.split()[-4:], float), 2)
    assert (of_slices > 0.5).all()
    assert (of_all > 0.95).all()
    assert run.startswith(str(Path("runs/brain_slices")))
