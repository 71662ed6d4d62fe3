"""What a data set is: the same wherever it lies, and another one as soon as anything in it differs."""

import json

import numpy as np
import pytest

from jaxgan import data
from jaxgan.data.fingerprint import difference, fingerprint
from pictures import forty_pictures, save_pictures

PICTURES = forty_pictures(6, 10, 3)


def test_equal_data_have_one_fingerprint_from_whatever_source(tmp_path):
    save_pictures(tmp_path / "a", PICTURES.images)
    np.savez(tmp_path / "images.npz", images=PICTURES.images)
    expected = fingerprint(PICTURES, conditional=False)
    for source in (tmp_path / "a", tmp_path / "images.npz"):
        assert fingerprint(data.load(source), conditional=False) == expected
        assert fingerprint(data.load(source), conditional=False) == expected  # from the cache
    assert json.loads(json.dumps(expected)) == expected
    assert (
        fingerprint(PICTURES._replace(images=np.asfortranarray(PICTURES.images)), conditional=False)
        == expected
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"images": PICTURES.images[:-1]}, "the data were 40 images 6x10x3, and are 39 images 6x10x3 now"),
        ({"images": PICTURES.images[:, :, ::-1]}, "the same number and size, but another content"),
        ({"images": PICTURES.images[::-1]}, "the same number and size, but another content"),
        ({"images": PICTURES.images.astype(np.float32)}, "the data were uint8, and are float32 now"),
        ({"labels": PICTURES.labels[::-1]}, "the images are the same, but their labels are others"),
        ({"class_names": ("cat", "cow")}, "the classes were cat, dog, and are cat, cow now"),
    ],
)
def test_what_differs_is_said(change, sentence):
    named = PICTURES._replace(class_names=("cat", "dog"))
    before = fingerprint(named, conditional=True)
    assert difference(before, before) == ""
    assert sentence in difference(before, fingerprint(named._replace(**change), conditional=True))


def test_one_changed_pixel_is_noticed():
    images = PICTURES.images.copy()
    images[17, 3, 4, 1] ^= 1
    other = PICTURES._replace(images=images)
    assert difference(fingerprint(PICTURES, conditional=False), fingerprint(other, conditional=False))


def test_labels_do_not_matter_where_they_are_not_learned():
    other = PICTURES._replace(labels=PICTURES.labels[::-1])
    assert fingerprint(PICTURES, conditional=False) == fingerprint(other, conditional=False)


def test_what_an_older_version_did_not_keep_is_not_compared():
    now = fingerprint(PICTURES, conditional=True)
    assert difference({"images": [40, 6, 10, 3]}, now) == ""
    assert "39 images" in difference({"images": [39, 6, 10, 3]}, now)
    assert difference({}, now) == ""
