import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import sampling


def test_a_latent_depends_on_its_index_alone():
    key = jax.random.key(1)
    few, many = (sampling.draw_latents(key, count, 16) for count in (3, 500))
    np.testing.assert_array_equal(few, many[:3])
    assert abs(many.mean()) < 5 / np.sqrt(8000)
    assert abs(many.std() - 1) < 5 / np.sqrt(16000)


@pytest.mark.parametrize("count", [1, 7, 8, 20])
def test_batches_are_put_together_in_order_and_compiled_once(count):
    shapes = []

    @jax.jit
    def generate(latents, labels):
        shapes.append(latents.shape)
        return latents[:, :, None, None] * labels[:, None, None, None]

    latents = jnp.linspace(-1, 1, 20)[:count, None]
    labels = jnp.ones(count, jnp.int32)
    images = sampling.sample(generate, latents, labels, batch_size=8)
    np.testing.assert_array_equal(images[:, 0, 0, 0], np.round(127.5 * (np.asarray(latents)[:, 0] + 1)))
    assert len(shapes) == 1


def test_columns_are_classes():
    assert sampling.column_labels(4, None) is None
    np.testing.assert_array_equal(sampling.column_labels(7, 3), [0, 1, 2, 0, 1, 2, 0])


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (2, "L")])
@pytest.mark.parametrize(("height", "width"), [(8, 8), (20, 30)])
def test_a_grid_holds_every_pixel_between_gutters(channels, mode, height, width):
    images = np.random.default_rng(0).integers(0, 256, (5, height, width, channels), np.uint8)
    picture = sampling.grid(images, columns=3, size=100)
    gutter = 1 if height <= 16 else 2
    rows, columns = 2 * (height + gutter) + gutter, 3 * (width + gutter) + gutter
    scale = -(-100 // max(rows, columns))
    assert picture.mode == mode
    assert picture.size == (columns * scale, rows * scale)
    pixels = np.asarray(picture)[::scale, ::scale]
    second_row = pixels[height + 2 * gutter : 2 * height + 2 * gutter, gutter : gutter + width]
    fourth = images[3] if channels != 2 else images[3].mean(-1).astype(np.uint8)
    np.testing.assert_array_equal(second_row, fourth.squeeze() if channels == 1 else fourth)
    assert (pixels[0] == sampling.GUTTER_GREY).all()
    assert (pixels[height + 2 * gutter :, -1 - width :] == sampling.GUTTER_GREY).all()  # no sixth image
