"""The autoencoder of an encoder and a generator."""

import numpy as np
import pytest

from jaxgan.networks import dcgan, encoders, mlp
from jaxgan.representation.autoencoder import train_autoencoder
from readers import floats, planted

IMAGES, LABELS = planted(n=150, noise=4)


def error(twin, images, given=None):
    made = twin.generate(twin.encode(images, given), given)
    return ((made - floats(images)) ** 2).mean()


@pytest.mark.slow
def test_it_learns_to_make_images_again_and_depends_on_the_seed_alone():
    networks = encoders.DenseEncoder(2, (16,)), mlp.Generator((4, 4, 1), (16,))
    first = train_autoencoder(*networks, IMAGES, seed=0, steps=1)
    last = train_autoencoder(*networks, IMAGES, seed=0, steps=600)
    assert error(last, IMAGES) < 0.1 * error(first, IMAGES)
    again = train_autoencoder(*networks, IMAGES, seed=0, steps=1)
    np.testing.assert_array_equal(first.encode(IMAGES), again.encode(IMAGES))
    assert first.encode(IMAGES).shape == (150, 2)


def test_batch_statistics_and_labels_go_along():
    images = np.repeat(np.repeat(IMAGES, 2, 1), 2, 2)
    networks = encoders.ConvEncoder(3, 8, num_classes=3), dcgan.Generator((8, 8, 1), 8, num_classes=3)
    twin = train_autoencoder(*networks, images, LABELS, seed=0, steps=100)
    assert error(twin, images, LABELS) < 0.4 * floats(images).var()  # with the running averages
    assert error(twin, images, (LABELS + 1) % 3) > 2 * error(twin, images, LABELS)
