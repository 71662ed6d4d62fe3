import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads
from scipy import ndimage, stats

from choosing import slow_but
from jaxgan import augment, losses, penalties
from jaxgan.augment import color, diffaugment, geometry
from jaxgan.networks import mlp
from jaxgan.state import init_state
from jaxgan.step import make_train_step

GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden/augment.json").read_text()
)  # see make_augment.py there

PICTURES = {  # they take pictures and change them
    "color": augment.diff_augment(policy="color"),
    "translation": augment.diff_augment(policy="translation"),
    "cutout": augment.diff_augment(policy="cutout"),
    "diff_augment": augment.diff_augment(),
    "blit": augment.ada_pipeline(p=0.9, geometric=False, color=False),
    "geometric": augment.ada_pipeline(p=0.9, blit=False, color=False),
    "color_matrix": augment.ada_pipeline(p=0.9, blit=False, geometric=False),
    "ada": augment.ada_pipeline(p=0.5),
}
ALL = {
    **PICTURES,
    "instance_noise": augment.instance_noise(sigma=0.3),
    "compose": augment.compose(
        augment.instance_noise(sigma=0.1), augment.diff_augment(policy="color,cutout")
    ),
}


def keys(count, seed=0):
    return jax.vmap(lambda i: jax.random.fold_in(jax.random.key(seed), i))(jnp.arange(count))


def images(count=4, shape=(8, 8, 3), seed=0, dtype=jnp.float32):
    return jax.random.uniform(jax.random.key(seed), (count, *shape), dtype, -1, 1)


def apply(augmentation, batch, seed=0, step=0):
    """Run it compiled, as the step does."""
    return jax.jit(augmentation)(batch, keys=keys(len(batch), seed), step=step)


# The deterministic parts, against other people's code


@pytest.mark.parametrize("case", GOLDEN["diff_augment"], ids=["gray 5x8", "color 8x6"])
def test_diff_augment_is_that_of_the_authors(case):
    pictures = jnp.moveaxis(jnp.array(case["images"]), 1, -1)
    height, width, _ = pictures.shape[1:]
    limit, size = (round(height / 8), round(width / 8)), ((height + 1) // 2, (width + 1) // 2)
    functions = {  # Their draws are uniform in [0, 1). Theirs say where a pixel comes from, ours where it goes.
        "brightness": lambda x, u: diffaugment.brightness(x, u - 0.5),
        "saturation": lambda x, u: diffaugment.saturation(x, 2 * u),
        "contrast": lambda x, u: diffaugment.contrast(x, u + 0.5),
        "translation": lambda x, down, right: diffaugment.translate(x, -down, -right, limit=limit),
        "cutout": lambda x, row, column: diffaugment.cut(x, row, column, size=size),
    }
    for name, expected in case["results"].items():
        got = jax.jit(jax.vmap(functions[name]))(pictures, *map(jnp.array, expected["draws"]))
        np.testing.assert_allclose(
            got, np.moveaxis(expected["images"], 1, -1), rtol=2e-6, atol=2e-6, err_msg=name
        )


def test_ada_composes_its_geometry_as_another_implementation():
    flip, turns, shift, scale, before, stretch, after, offset = (
        np.array(draws) for _, draws in GOLDEN["geometry"]["draws"]
    )
    chosen = geometry.Geometry(
        flip=(1 - flip[0]) / 2,
        quarter_turns=np.round(turns[0] / (np.pi / 2)).astype(int) % 4,
        shift=shift.T,
        scale=scale[0],
        turn_before=before[0],
        stretch=stretch[0],
        turn_after=after[0],
        offset=offset.T,
    )
    got = jax.jit(jax.vmap(geometry.inverse_matrix))(jax.tree.map(jnp.array, chosen))
    expected = np.linalg.inv(np.array(GOLDEN["geometry"]["matrices"]))
    np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


def test_ada_composes_its_colors_as_another_implementation():
    brightness, contrast, luma_flip, hue, saturation = (
        jnp.array(draws[0]) for _, draws in GOLDEN["colour"]["draws"]
    )
    chosen = color.Color(brightness, contrast, luma_flip, hue, saturation)
    got = jax.jit(jax.vmap(color.color_matrix))(chosen)
    # Their saturation scales the homogeneous coordinate too, which nothing reads.
    expected = np.array(GOLDEN["colour"]["matrices"])[:, :3]
    np.testing.assert_allclose(got[:, :3], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", slow_but([(7, 12, 3)], [(9, 9, 1), (7, 12, 3), (6, 5, 2)]))
def test_the_warp_is_scipys_affine_transform(shape):
    chosen = geometry.Geometry(
        flip=1,
        quarter_turns=3,
        shift=jnp.array([1.0, -2]),
        scale=0.8,
        turn_before=0.3,
        stretch=1.2,
        turn_after=-0.5,
        offset=jnp.array([0.3, 7.7]),
    )
    inverse = jax.jit(geometry.inverse_matrix)(chosen)
    picture = images(1, shape)[0]
    got = jax.jit(geometry.warp)(picture, inverse)
    rows = np.array(inverse, float)[[1, 0]][:, [1, 0, 2]]  # SciPy has y before x
    center = (np.array(shape[:2]) - 1) / 2
    for channel in range(shape[-1]):
        expected = ndimage.affine_transform(
            np.array(picture[..., channel], float),
            rows[:, :2],
            offset=rows[:, 2] + center - rows[:, :2] @ center,
            order=1,
            mode="mirror",
        )
        np.testing.assert_allclose(got[..., channel], expected, atol=2e-5)


@pytest.mark.parametrize("shape", slow_but([(6, 6, 3)], [(6, 6, 3), (5, 7, 1), (1, 3, 1)]))
def test_flips_turns_and_whole_shifts_move_pixels_as_they_are(shape):
    picture = images(1, shape)[0]
    warp = jax.jit(lambda what: geometry.warp(picture, geometry.inverse_matrix(what)))
    warped = lambda **what: warp(geometry.Geometry(**what))
    np.testing.assert_array_equal(warped(flip=1), picture[:, ::-1])
    np.testing.assert_array_equal(warped(quarter_turns=2), picture[::-1, ::-1])
    if shape[0] == shape[1]:
        np.testing.assert_array_equal(warped(quarter_turns=1), np.rot90(picture, -1))  # y is down: clockwise
        np.testing.assert_array_equal(warped(quarter_turns=3), np.rot90(picture))
    if min(shape[:2]) > 2:
        shifted = np.pad(picture, ((1, 0), (0, 2), (0, 0)), mode="reflect")[:-1, 2:]
        np.testing.assert_array_equal(warped(shift=jnp.array([-2.0, 1])), shifted)


def test_luma_flip_hue_and_saturation_by_their_definition():
    """The flip reflects lightness, hue turns around the gray axis and saturation scales the distance to it."""
    red, green, blue, gray = jnp.eye(3)[0], jnp.eye(3)[1], jnp.eye(3)[2], jnp.full(3, 0.4)
    pixels = jnp.stack([red, green, blue, gray])[None]
    recolor = jax.jit(lambda what: color.recolor(pixels, color.color_matrix(what))[0])
    seen = lambda **what: recolor(color.Color(**what))
    np.testing.assert_allclose(seen(hue=2 * np.pi / 3), jnp.stack([green, blue, red, gray]), atol=1e-6)
    np.testing.assert_allclose(seen(saturation=0.0)[:3], np.full((3, 3), 1 / 3), atol=1e-6)
    np.testing.assert_allclose(seen(luma_flip=1.0)[3], -gray, atol=1e-6)
    np.testing.assert_allclose(seen(luma_flip=1.0)[0], red - 2 / 3, atol=1e-6)
    np.testing.assert_allclose(seen(brightness=0.5, contrast=2.0)[3], np.full(3, 2 * 0.9), atol=1e-6)


def test_a_gray_picture_is_recolored_as_a_color_picture_without_colors():
    matrix = jax.jit(color.color_matrix)(color.Color(0.1, 1.3, 1.0, 0.7, 2.0))
    picture = images(1, (4, 5, 1))[0]
    colors = color.recolor(jnp.repeat(picture, 3, -1), matrix)
    np.testing.assert_allclose(color.recolor(picture, matrix), colors[..., :1], atol=1e-6)
    np.testing.assert_allclose(colors[..., :1], -1.3 * (picture + 0.1), atol=1e-6)


# The draws


def changed(augmentation, batch, seed=0):
    return np.any(np.asarray(apply(augmentation, batch, seed)) != np.asarray(batch), axis=(1, 2, 3))


@jax.jit
def choose(p):
    """Return what ADA does to 4,000 pictures of 32 x 64 pixels."""
    numbers = jax.vmap(lambda key: augment.examples.draw(key, 28))(keys(4000))
    shape = lambda u: geometry.choose_geometry(u, p, size=(32, 64), blit=True, geometric=True)
    colors = lambda u: color.choose_color(u, p, gray=False)
    return jax.vmap(shape)(numbers[:, :18]), jax.vmap(colors)(numbers[:, 18:])


@pytest.mark.parametrize("p", slow_but([0.5], [0.1, 0.5]))
def test_each_kind_happens_as_often_as_it_should(p):
    """Each within five standard deviations of its own rate."""
    count = 4000
    shapes, colors = choose(p)
    happened = {}
    for name, chosen, neutral in (
        ("geometry", shapes, geometry.Geometry()),
        ("color", colors, color.Color()),
    ):
        for field, values, nothing in zip(chosen._fields, chosen, neutral, strict=True):
            different = np.asarray(values).reshape(count, -1) != nothing
            happened[f"{name} {field}"] = different.any(1).sum()
    expected = dict.fromkeys(happened, p) | {
        "geometry flip": p / 2,  # half of the flips, a quarter of the turns and a few shifts are none
        "geometry quarter_turns": 0.75 * p,
        "geometry shift": p * (1 - (1 / 8) * (1 / 16)),
        "geometry turn_before": 1 - np.sqrt(1 - p),
        "geometry turn_after": 1 - np.sqrt(1 - p),
        "color luma_flip": p / 2,
    }
    for name, rate in expected.items():
        assert abs(happened[name] - rate * count) < 5 * np.sqrt(count * rate * (1 - rate)), name
    turned = np.sum((np.array(shapes.turn_before) != 0) | (np.array(shapes.turn_after) != 0))
    assert abs(turned - p * count) < 5 * np.sqrt(count * p * (1 - p)), "before or after: with probability p"


def test_what_is_drawn_is_distributed_as_in_the_paper():
    """Kolmogorov-Smirnov against SciPy's distributions, at p = 1."""
    shapes, colors = choose(1.0)
    angle = stats.uniform(-np.pi, 2 * np.pi)
    for values, law in (
        (np.log2(shapes.scale), stats.norm(0, 0.2)),
        (np.log2(shapes.stretch), stats.norm(0, 0.2)),
        (shapes.turn_before, angle),
        (shapes.turn_after, angle),
        (shapes.offset[:, 0], stats.norm(0, 8)),
        (shapes.offset[:, 1], stats.norm(0, 4)),
        (colors.brightness, stats.norm(0, 0.2)),
        (np.log2(colors.contrast), stats.norm(0, 0.5)),
        (colors.hue, angle),
        (np.log2(colors.saturation), stats.norm(0, 1)),
    ):
        assert stats.kstest(np.asarray(values, float), law.cdf).pvalue > 1e-4
    assert set(np.unique(shapes.shift[:, 0])) == set(range(-8, 9))  # an eighth of the width
    assert set(np.unique(shapes.shift[:, 1])) == set(range(-4, 5))
    assert set(np.unique(shapes.quarter_turns)) == {0, 1, 2, 3}


def test_diff_augment_draws_as_in_the_paper():
    gray = jnp.full((2000, 16, 24, 1), 0.25)
    light = np.asarray(apply(PICTURES["color"], gray))[:, 0, 0, 0] - 0.25  # contrast leaves it
    assert stats.kstest(light, stats.uniform(-0.5, 1).cdf).pvalue > 1e-4
    ramp = jnp.tile(jnp.arange(1, 385.0).reshape(1, 16, 24, 1), (2000, 1, 1, 1))
    middle = np.asarray(apply(PICTURES["translation"], ramp))[:, 8, 12, 0] - 1
    down, right = 8 - middle // 24, 12 - middle % 24
    for moves, limit in ((down, 2), (right, 3)):
        values, counts = np.unique(moves, return_counts=True)
        np.testing.assert_array_equal(values, np.arange(-limit, limit + 1))
        assert stats.chisquare(counts).pvalue > 1e-4
    holes = np.asarray(apply(PICTURES["cutout"], ramp))[..., 0] == 0
    rows, columns = holes.any(2).sum(1), holes.any(1).sum(1)
    assert (holes.sum((1, 2)) == rows * columns).all()
    assert rows.max() == 8  # half of it, and half of that where the center is on the border
    assert rows.min() == 4
    assert columns.max() == 12
    assert columns.min() == 6
    odd = np.asarray(apply(PICTURES["cutout"], jnp.ones((500, 5, 10, 1))))[..., 0] == 0
    assert set(odd.any(2).sum(1)) == {2, 3}  # a side of 3 around one of 5 pixels, 5 around one of 10
    assert set(odd.any(1).sum(1)) == {3, 4, 5}
    tops = np.argmax(holes.any(2), 1)[(rows == 8)]
    assert stats.chisquare(np.unique(tops, return_counts=True)[1]).pvalue > 1e-4


def test_color_is_brightness_then_saturation_then_contrast_within_their_ranges():
    batch = images(500, (4, 5, 3))
    got, batch = np.asarray(apply(PICTURES["color"], batch), float), np.asarray(batch, float)
    mean, new_mean = batch.mean((1, 2, 3)), got.mean((1, 2, 3))
    assert stats.kstest(new_mean - mean, stats.uniform(-0.5, 1).cdf).pvalue > 1e-4
    grays = lambda x: x.mean(-1) - x.mean((1, 2, 3))[:, None, None]
    chroma = lambda x: x - x.mean(-1, keepdims=True)
    contrast = (grays(got) / grays(batch))[:, 1, 1]
    saturation = (chroma(got) / chroma(batch))[:, 1, 1, 1] / contrast
    assert stats.kstest(contrast, stats.uniform(0.5, 1).cdf).pvalue > 1e-4
    assert stats.kstest(saturation, stats.uniform(0, 2).cdf).pvalue > 1e-4


@pytest.mark.parametrize("name", slow_but(["translation", "instance_noise"], ALL))
def test_an_example_depends_on_its_own_key_alone(name):
    batch = jnp.tile(images(1), (6, 1, 1, 1))
    whole = apply(ALL[name], batch)
    assert whole.shape == batch.shape
    assert whole.dtype == jnp.float32
    halves = [jax.jit(ALL[name])(batch[:3], keys=keys(6)[i : i + 3], step=0) for i in (0, 3)]
    np.testing.assert_allclose(np.concatenate(halves), whole, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(apply(ALL[name], batch), whole)
    seen = np.concatenate([whole, apply(ALL[name], batch, seed=1)]).reshape(12, -1)
    assert len(np.unique(seen, axis=0)) >= (5 if name in ("blit", "translation", "ada") else 11)


@pytest.mark.parametrize("name", ["instance_noise", "ada"])
def test_compiled_mapped_and_plain_draw_the_same(name):
    batch = images(3)
    whole = apply(ALL[name], batch)
    one_by_one = jax.jit(jax.vmap(lambda x, key: ALL[name](x[None], keys=key[None])[0]))
    np.testing.assert_allclose(one_by_one(batch, keys(3)), whole, rtol=1e-5, atol=1e-5)
    if name == "instance_noise":
        np.testing.assert_allclose(ALL[name](batch, keys=keys(3)), whole, rtol=1e-5, atol=1e-5)


# At the ends of p


@pytest.mark.parametrize("channels", slow_but([1], [1, 3]))
def test_nothing_happens_at_p_0_bit_for_bit(channels):
    batch = images(64, (7, 6, channels)).at[0, 0, 0, 0].set(-0.0)
    got = apply(augment.ada_pipeline(p=0), batch)
    np.testing.assert_array_equal(np.asarray(got).view(np.uint32), np.asarray(batch).view(np.uint32))
    np.testing.assert_array_equal(apply(augment.instance_noise(sigma=0), batch), batch)


@pytest.mark.parametrize(
    ("group", "channels"),
    [
        ("blit", 1),
        pytest.param("geometric", 3, marks=pytest.mark.slow),
        pytest.param("color", 1, marks=pytest.mark.slow),
        ("color", 3),
    ],
)
def test_an_untouched_picture_is_as_it_was_and_p_says_how_many_there_are(group, channels):
    groups = dict.fromkeys(("blit", "geometric", "color"), False) | {group: True}
    p, count = 0.2, 1000
    untouched = {
        "blit": (1 - p / 2) * (1 - 0.75 * p) * (1 - p * (1 - 1 / 4)),  # 8x8: half of U(-1, 1) rounds to 0
        "geometric": (1 - p) ** 4,
        "color": (1 - p) ** 4 * (1 - p / 2) if channels == 3 else (1 - p) ** 2 * (1 - p / 2),
    }[group]
    touched = changed(augment.ada_pipeline(p=p, **groups), images(count, (8, 8, channels))).sum()
    assert abs(touched - count * (1 - untouched)) < 5 * np.sqrt(count * untouched * (1 - untouched))


@pytest.mark.slow
def test_everything_happens_at_p_1():
    assert changed(augment.ada_pipeline(p=1, blit=False), images(200)).all()


def test_a_constant_picture_stays_constant_under_geometry():
    batch = jnp.full((50, 9, 7, 3), 0.3)
    np.testing.assert_allclose(apply(augment.ada_pipeline(p=1.0, color=False), batch), batch, rtol=1e-6)


# Schedules, gradients, the step


def test_one_trace_serves_every_step_of_a_schedule():
    traces = []
    schedules = augment.compose(
        augment.ada_pipeline(p=optax.linear_schedule(0.0, 1.0, 10)),
        augment.instance_noise(sigma=lambda step: 0.1 * step),
    )

    @jax.jit
    def run(batch, step):
        traces.append(step)
        return schedules(batch, keys=keys(16), step=step)

    batch = images(16)
    np.testing.assert_array_equal(run(batch, 0), batch)
    moved = [float(jnp.abs(run(batch, step) - batch).mean()) for step in (0, 1, 5, 10)]
    assert moved == sorted(moved)
    assert moved[-1] > 0.3
    assert len(traces) == 1


def test_p_may_be_a_traced_number():
    """One program serves the identity, a chance, and certainty."""
    traces = []

    @jax.jit
    def run(p, batch):
        traces.append(p)
        return augment.ada_pipeline(p=p)(batch, keys=keys(16))

    batch = images(16)
    np.testing.assert_array_equal(run(0.0, batch), batch)
    np.testing.assert_allclose(run(0.7, batch), apply(augment.ada_pipeline(p=0.7), batch), atol=1e-4)
    assert (run(1.0, batch) != batch).any((1, 2, 3)).all()
    assert len(traces) == 1


@pytest.mark.parametrize("name", slow_but(["diff_augment"], ["diff_augment", "ada", "instance_noise"]))
def test_gradients_by_finite_differences(name):
    with jax.enable_x64(True):
        batch = images(2, (5, 6, 3), dtype=jnp.float64)
        value = lambda x: jnp.sin(3 * ALL[name](x, keys=keys(2, seed=2))).sum()
        assert jax.eval_shape(ALL[name], batch, keys=keys(2)).dtype == jnp.float64
        check_grads(jax.jit(value), (batch,), order=2, modes=["rev"], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("name", slow_but(["ada"], ["diff_augment", "ada"]))
def test_every_image_keeps_a_gradient(name):
    batch = images(64, (9, 8, 3))
    gradient = jax.grad(lambda x: apply(ALL[name], x).sum())(batch)
    assert np.isfinite(gradient).all()
    assert (np.abs(gradient).max((1, 2, 3)) > 0).all()


@pytest.mark.slow
def test_the_step_trains_with_augmentation_and_penalty():
    generator, discriminator = mlp.Generator((8, 8, 1), (4,)), mlp.Discriminator((4,))
    state = init_state(
        jax.random.key(0),
        generator,
        discriminator,
        image_shape=(8, 8, 1),
        latent_dim=2,
        g_tx=optax.sgd(0.1),
        d_tx=optax.sgd(0.1),
    )
    step = make_train_step(
        generator,
        discriminator,
        losses.hinge,
        penalty=penalties.r1(gamma=1.0),
        augment=augment.compose(augment.diff_augment(), augment.ada_pipeline(p=1)),
    )
    _, metrics = jax.jit(step)(state, {"image": images(6, (8, 8, 1))}, jax.random.key(1))
    assert metrics["penalty"] > 0
    assert metrics["generator_gradient_norm"] > 0


# The controller, noise, composition


def test_the_sign_statistic_is_the_share_of_reals_known_minus_the_share_mistaken():
    np.testing.assert_allclose(augment.sign_statistic(jnp.array([3.0, 0.1, -2.0, 5.0])), 0.5)
    assert augment.sign_statistic(jnp.zeros(3)) == 0


def test_p_rises_and_falls_by_the_images_seen_and_stays_a_probability():
    update = jax.jit(augment.ada_update, static_argnames=("images", "target", "ramp"))
    np.testing.assert_allclose(update(0.1, 0.9, images=256), 0.1 + 256 / 500_000, rtol=1e-5)
    np.testing.assert_allclose(update(0.1, 0.3, images=256), 0.1 - 256 / 500_000, rtol=1e-5)
    np.testing.assert_allclose(update(0.1, 0.3, images=50, target=0.2, ramp=1000), 0.15, rtol=1e-5)
    assert update(0.0, -1.0, images=64) == 0
    assert update(1.0, 1.0, images=64) == 1
    p = jnp.float32(0)
    for _ in range(-(-500_000 // 25_000)):
        p = update(p, 1.0, images=25_000)
    np.testing.assert_allclose(p, 1, rtol=1e-5)


def test_noise_is_gaussian_and_drawn_for_every_value():
    points = jnp.zeros((5000, 2))
    noisy = np.asarray(apply(augment.instance_noise(sigma=0.7), points))
    assert stats.kstest(noisy.ravel(), stats.norm(0, 0.7).cdf).pvalue > 1e-4
    assert abs(np.corrcoef(noisy.T)[0, 1]) < 0.08
    assert apply(augment.instance_noise(sigma=0.7), jnp.zeros(5)).shape == (5,)


def test_compose_goes_in_order_and_gives_each_its_own_keys():
    add = lambda x, *, keys, step: x + 1
    double = lambda x, *, keys, step: 2 * x
    np.testing.assert_array_equal(
        apply(augment.compose(add, double), jnp.zeros((2, 2))), np.full((2, 2), 2.0)
    )
    noise = augment.instance_noise(sigma=1)
    twice = np.asarray(apply(augment.compose(noise, noise), jnp.zeros((5000, 2))))
    np.testing.assert_allclose(twice.std(), np.sqrt(2), rtol=0.05)  # 2 if the draws were the same
    points = jnp.ones((3, 2))
    np.testing.assert_array_equal(augment.compose()(points, keys=keys(3)), points)


# What is refused


@pytest.mark.parametrize("name", ALL)
def test_keys_that_do_not_fit_are_refused_at_trace_time(name):
    for wrong, what in (
        (None, "needs keys"),
        (keys(3), r"\(4,\).*\(3,\)"),
        (jax.random.key(0), r"\(4,\).*\(\)"),
        (jax.random.key_data(keys(4)), "typed key"),
    ):
        with pytest.raises(ValueError, match=what):
            jax.eval_shape(lambda x, wrong=wrong: ALL[name](x, keys=wrong), images())


@pytest.mark.parametrize("name", PICTURES)
def test_data_that_are_no_pictures_are_refused_at_trace_time(name):
    with pytest.raises(ValueError, match=r"\[B, H, W, C\], got shape \(4, 2\)"):
        jax.eval_shape(lambda x: PICTURES[name](x, keys=keys(4)), jnp.zeros((4, 2)))
    with pytest.raises(ValueError, match="float"):
        jax.eval_shape(lambda x: PICTURES[name](x, keys=keys(4)), jnp.zeros((4, 8, 8, 1), jnp.uint8))


@pytest.mark.parametrize("channels", [2, 4])
def test_color_kinds_need_one_or_three_channels_and_the_others_do_not(channels):
    batch = images(4, (8, 8, channels))
    for name in PICTURES:
        if name in ("color", "diff_augment", "color_matrix", "ada"):
            with pytest.raises(ValueError, match=rf"1 channel .* 3 .*, got {channels}"):
                jax.eval_shape(lambda x, name=name: PICTURES[name](x, keys=keys(4)), batch)
        else:
            assert jax.eval_shape(PICTURES[name], batch, keys=keys(4)).shape == batch.shape


@pytest.mark.parametrize("policy", ["colour", "", "color,flip"])
def test_an_unknown_policy_comes_with_the_list(policy):
    with pytest.raises(ValueError, match="knows color, translation, cutout, not "):
        augment.diff_augment(policy=policy)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_numbers_out_of_range_are_refused(value):
    with pytest.raises(ValueError, match="probability"):
        augment.ada_pipeline(p=value)
    if value != 1.1:
        with pytest.raises(ValueError, match="sigma"):
            augment.instance_noise(sigma=value)


@pytest.mark.parametrize("shape", slow_but([(1, 9, 3)], [(1, 1, 1), (1, 9, 3), (13, 4, 1)]))
@pytest.mark.parametrize("name", slow_but(["ada"], ["diff_augment", "ada"]))
def test_any_size_of_picture_will_do(name, shape):
    assert np.isfinite(apply(PICTURES[name], images(16, shape))).all()
