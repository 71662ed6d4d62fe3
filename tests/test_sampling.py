import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.test_util import check_grads
from PIL import Image

from jaxgan import sampling
from jaxgan.system.errors import UserError


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
    assert (pixels[0] == sampling.GUTTER_GRAY).all()
    assert (pixels[height + 2 * gutter :, -1 - width :] == sampling.GUTTER_GRAY).all()  # no sixth image


def test_slerp_stays_on_the_sphere_and_meets_its_ends():
    start, end = (sampling.draw_latents(jax.random.key(seed), 20, 64) for seed in (0, 1))
    start = start / jnp.linalg.norm(start, axis=-1, keepdims=True)
    end = end / jnp.linalg.norm(end, axis=-1, keepdims=True)
    np.testing.assert_allclose(sampling.slerp(start, end, 0.0), start, atol=1e-6)
    np.testing.assert_allclose(sampling.slerp(start, end, 1.0), end, atol=1e-6)
    angle = np.arccos(np.sum(np.asarray(start) * np.asarray(end), -1))
    for share in (0.25, 0.5, 0.9):
        between = sampling.slerp(start, end, share)
        np.testing.assert_allclose(jnp.linalg.norm(between, axis=-1), 1, rtol=1e-5)
        np.testing.assert_allclose(np.arccos((between * start).sum(-1)), share * angle, rtol=1e-3)
    np.testing.assert_allclose(sampling.slerp(start, start, 0.3), start, atol=1e-6)
    np.testing.assert_allclose(sampling.slerp(0 * start, end, 0.3), 0.3 * end, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16"])
def test_the_gradient_of_slerp_is_finite_and_that_of_the_values(dtype):
    """Along an arc it is that of finite differences; between zero or parallel ends it is that of a line."""

    def total(start, end, share):
        return (sampling.slerp(start[None], end[None], share)[0] * jnp.arange(1, 5, dtype=start.dtype)).sum()

    a, b, weights = np.array([1.0, 2, 3, -1]), np.array([-1.0, 0.5, 2, 1]), np.arange(1, 5)
    straight = {
        "equal": (a, a),
        "opposite": (a, -a),
        "longer": (a, 2 * a),
        "from 0": (0 * a, a),
        "0": (0 * a,) * 2,
    }
    shares = [0.0, 0.3, 1.0]
    with jax.enable_x64(dtype == "float64"):
        gradient = jax.grad(total, argnums=(0, 1, 2))
        starts, ends, many = (
            jnp.asarray(np.array(each), dtype)
            for each in zip(*[(*pair, share) for pair in straight.values() for share in shares], strict=True)
        )
        first = jax.jit(jax.vmap(gradient))(starts, ends, many)
        for i, share in enumerate(np.asarray(many, np.float64)):
            np.testing.assert_allclose(np.asarray(first[0][i], float), (1 - share) * weights, rtol=0.02)
            np.testing.assert_allclose(np.asarray(first[1][i], float), share * weights, rtol=0.02)
        pairs = starts.at[0].set(jnp.asarray(a, dtype)), ends.at[0].set(jnp.asarray(b, dtype)), many
        twice = jax.jit(jax.vmap(jax.grad(lambda *args: sum((each**2).sum() for each in gradient(*args)))))
        chex.assert_tree_all_finite((first, twice(*pairs)))
        if dtype == "float64":
            check_grads(jax.jit(total), (jnp.asarray(a), jnp.asarray(b), 0.3), order=2, atol=1e-6, rtol=1e-6)


@settings(max_examples=50, deadline=None)
@given(
    start=st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4),
    end=st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4),
    scales=st.tuples(*[st.sampled_from([0.0, 1e-30, 1e-12, 1e-9, 1e-4, 1.0, 1e6])] * 2),
    share=st.floats(0, 1, width=32),
)
def test_the_gradient_of_slerp_is_finite_for_any_ends(start, end, scales, share):
    ends = (
        np.float32(scale) * np.array(each, np.float32)
        for scale, each in zip(scales, (start, end), strict=True)
    )
    chex.assert_tree_all_finite(slerp_gradient(*ends, np.float32(share)))


@jax.jit
def slerp_gradient(start, end, share):
    total = lambda start, end, share: sampling.slerp(start[None], end[None], share).sum()
    return jax.grad(total, argnums=(0, 1, 2))(start, end, share)


def test_no_images_are_refused():
    with pytest.raises(ValueError, match="latents and batch_size are at least 1, got 0 and 256"):
        sampling.sample(lambda latents, labels: latents, jnp.zeros((0, 3)))
    with pytest.raises(ValueError, match="one image and one column, got 2 and 0"):
        sampling.grid(np.zeros((2, 4, 4, 1), np.uint8), columns=0)


def test_an_animation_holds_its_last_frame_and_is_small(tmp_path):
    pictures = [Image.fromarray(np.full((500, 1000), 40 * i, np.uint8)) for i in range(4)]
    pictures[0].save(tmp_path / "first.png")
    sampling.animate([tmp_path / "first.png", *pictures[1:]], tmp_path / "all.gif")
    with Image.open(tmp_path / "all.gif") as gif:
        assert gif.n_frames == 4
        assert gif.size == (334, 167)
        durations, grays = [], []
        for i in range(4):
            gif.seek(i)
            durations.append(gif.info["duration"])
            grays.append(np.asarray(gif.convert("L"))[0, 0])
    assert durations == [150, 150, 150, 2000]
    np.testing.assert_allclose(grays, [0, 40, 80, 120], atol=2)


def test_a_grid_of_floats_is_that_of_their_bytes():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    floats = jnp.asarray(images, jnp.float32) / 127.5 - 1
    assert sampling.grid(floats, columns=2) == sampling.grid(images, columns=2)


def test_a_generator_of_bytes_keeps_them():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    drawn = sampling.sample(lambda latents, labels: jnp.asarray(images), jnp.zeros((4, 2)))
    np.testing.assert_array_equal(drawn, images)


@pytest.mark.parametrize(
    ("points", "what"),
    [
        (np.zeros((5, 1)), r"points \[N, D\] with D >= 2, got \[5, 1\]$"),
        (np.zeros((5, 8, 8, 3)), r"got \[5, 8, 8, 3\]: grid draws images"),
        (np.zeros((0, 2)), r"got \[0, 2\]"),
        (np.array([[0, np.nan], [1, 2]]), "1 of 2 points hold NaN or infinite values"),
    ],
)
def test_what_no_scatter_plot_can_show_is_refused(points, what):
    with pytest.raises(ValueError, match=what):
        sampling.scatter(points)


def test_points_that_are_all_zero_are_drawn():
    assert sampling.scatter(jnp.zeros((5, 2)), real=[[0.0, 0.0]]).size == (432, 432)


def test_an_animation_of_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one picture, got none"):
        sampling.animate([], tmp_path / "all.gif")


def test_a_generator_of_nan_makes_no_pictures():
    with pytest.raises(UserError, match="what the generator makes cannot be drawn: 4 of 4 images hold NaN"):
        sampling.sample(lambda latents, labels: jnp.full((4, 8, 8, 1), jnp.nan), jnp.zeros((4, 2)))
