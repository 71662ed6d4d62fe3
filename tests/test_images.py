"""Pixels to floats and back; what every door says of arrays that are no images, or odd ones."""

import re
import warnings

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import data, evaluate, features, sampling
from jaxgan.images import eight_bits, judge, oddities, to_float, to_uint8


def test_every_byte_survives_the_round_trip():
    every = jnp.arange(256, dtype=jnp.uint8)
    floats = to_float(every)
    assert floats.dtype == jnp.float32
    assert (floats.min(), floats.max()) == (-1, 1)
    np.testing.assert_array_equal(to_uint8(floats), every)


def test_floats_are_taken_as_they_are_and_clipped_on_the_way_back():
    points = jnp.array([-7.5, 0.25, 3.0])
    np.testing.assert_array_equal(to_float(points), points)
    for dtype in (jnp.float16, jnp.bfloat16):  # in which a penalty's square would overflow or vanish
        assert to_float(points.astype(dtype)).dtype == jnp.float32
    np.testing.assert_array_equal(to_uint8(points), [0, 159, 255])


def test_other_dtypes_are_refused():
    with pytest.raises(ValueError, match="int32"):
        to_float(jnp.arange(3))


BYTES = np.random.default_rng(0).integers(0, 256, (8, 6, 10, 3), np.uint8)
FLOATS = (BYTES / 127.5 - 1).astype(np.float32)


def reals(images):
    return evaluate.Reals("mine", None, images, None, None)


def measure(fakes, real=BYTES):
    means = features.from_function("means", lambda images: images.mean(axis=(1, 2)))
    return evaluate.measure(fakes, reals(real), means, ("diversity",))


DOORS = {  # every function that takes images that are somebody's own
    "from_arrays": data.from_arrays,
    "checked": lambda images: data.dataset.checked(data.Dataset("mine", images), conditional=False),
    "extractor": features.from_function("means", lambda images: images.mean(axis=(1, 2))),
    "from_dataset": lambda images: evaluate.from_dataset(data.Dataset("mine", images), 8),
    "draw_reals": lambda images: evaluate.reals.draw_reals(data.Dataset("mine", images)),
    "measure": lambda images: measure(evaluate.from_dataset(data.Dataset("fakes", BYTES), 8), images),
    "grid": lambda images: sampling.grid(images, columns=2),
    "fakes": lambda images: measure(evaluate.Fakes(8, lambda first, size: images[first:], None, {})),
}
GENERATED = {  # and those that take what a generator makes
    "from_generator": lambda images: evaluate.from_generator(
        lambda latents, labels: images, latent_dim=2, n=8
    ).batch(0, 8),
    "sample": lambda images: sampling.sample(lambda latents, labels: images, jnp.zeros((8, 2))),
}


@pytest.mark.parametrize("door", [*DOORS, *GENERATED])
@pytest.mark.parametrize(
    ("images", "what"),
    [
        (
            np.zeros((8, 3, 32, 30), np.uint8),
            r"got \[8, 3, 32, 30\], whose channels come first: images.transp",
        ),
        (
            np.zeros((8, 1, 28, 28), np.float32),
            r"got \[8, 1, 28, 28\], whose channels come first: images.tran",
        ),
        (
            BYTES > 9,
            r'uint8, or float in \[-1, 1\], got bool: 255 \* images.astype\("uint8"\) makes them black',
        ),
        (BYTES.astype(np.int64), r'got int64: images.astype\("uint8"\) makes them uint8'),
        (BYTES.astype(np.int8), "got int8 from -128 to 127: scale them to 0 to 255"),
        (BYTES.astype(np.uint16) * 16, "got uint16 from 0 to 40.*: scale them"),
        (BYTES.astype(object), "got object"),
        (BYTES.astype(np.complex64), "got complex64"),
        (np.zeros((8, 6, 10, 0), np.uint8), r"have shape \[N, H, W, C\], got \[8, 6, 10, 0\]"),
        (np.zeros((8, 6, 10, 2, 1), np.float32), r"\[N, H, W, C\], got \[8, 6, 10, 2, 1\]"),
        (BYTES[..., 0][:, :, :3], r"got \[8, 6, 3\]: images\[None\] makes one image a batch"),
        (BYTES.reshape(8, -1), r"got \[8, 180\]: images.reshape\(-1, H, W, C\)"),
        (
            np.where(np.arange(8)[:, None, None, None] < 3, np.nan, FLOATS),
            "3 of 8 images hold NaN or infinite",
        ),
        (
            np.where(np.arange(8)[:, None, None, None] < 3, np.inf, FLOATS),
            "3 of 8 images hold NaN or infinite",
        ),
    ],
)
def test_every_door_refuses_what_is_no_image_in_the_same_words(door, images, what):
    with pytest.raises(ValueError, match=what) as caught:
        (DOORS | GENERATED)[door](images)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("images", "what"),
    [
        (BYTES.astype(np.float32), r"float images lie in \[-1, 1\], these go from 0 to 255: make them uint8"),
        (jnp.asarray(BYTES, jnp.bfloat16), "these go from 0 to 255: make them uint8"),
        (1.2 * FLOATS, r"go from -1.2 to 1.2: images.clip\(-1, 1\) clips what a generator made"),
        ([BYTES[0], BYTES[1, 1:]], "one array .* got a list of several shapes"),
    ],
)
def test_own_images_of_another_range_are_refused(door, images, what):
    with pytest.raises(ValueError, match=what):
        DOORS[door](images)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "list", "jax"])
def test_floats_of_every_width_are_the_same_images(dtype):
    floats = {"list": FLOATS.tolist, "jax": lambda: jnp.asarray(FLOATS)}.get(
        dtype, lambda: np.asarray(jnp.asarray(FLOATS)).astype(dtype if dtype != "bfloat16" else jnp.bfloat16)
    )()
    assert np.abs(eight_bits(floats).astype(int) - BYTES).max() <= (dtype == "bfloat16")
    dataset = data.from_arrays(floats)
    assert (dataset.images.dtype, dataset.notes) == (np.float32, ())


def notes_of(door, images):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = (DOORS | GENERATED)[door](images)
    return [*(str(warning.message) for warning in caught), *getattr(result, "notes", ())]


@pytest.mark.parametrize("door", [*DOORS, *GENERATED])
def test_black_is_said_to_be_minus_one_once(door):
    notes = [note for note in notes_of(door, (BYTES / 255).astype(np.float32)) if "black is -1" in note]
    assert len(notes) == 1
    assert "go from 0 to 1: black is -1 in float images (" in notes[0]
    assert not [note for note in notes_of(door, FLOATS) if "black" in note]


@pytest.mark.parametrize("door", GENERATED)
def test_floats_of_a_resized_0_to_1_are_noted_and_a_new_generators_are_not(door):
    overshot = (BYTES / 255).astype(np.float32)
    overshot[0, 0, 0] = -0.02
    (note,) = notes_of(door, overshot)
    assert "go from -0.02 to 1: black is -1 in float images (end the generator with tanh)" in note
    assert notes_of(door, 0.05 * FLOATS) == notes_of(door, 0 * FLOATS) == []


@pytest.mark.parametrize("door", GENERATED)
def test_a_wild_generator_is_clipped_and_noted(door):
    (note,) = notes_of(door, 2 * FLOATS)
    assert note.startswith(
        f"{(np.abs(2 * FLOATS) > 1.003).mean():.0%} of the pixels of the generated images lie "
    )
    assert "(they go from -2 to 2): end the generator with tanh" in note
    almost = FLOATS.copy()
    almost.flat[0] = 7
    assert notes_of(door, almost) == []  # one pixel in a thousand
    np.testing.assert_array_equal(GENERATED[door](almost).ravel()[1:], BYTES.ravel()[1:])


def test_images_may_be_three_pixels_high_or_have_many_channels():
    for shape in ((4, 3, 32, 3), (4, 1, 9, 2), (4, 3, 32, 4), (4, 16, 16, 9), (4, 3, 3, 3), (4, 1, 1, 8)):
        assert judge(np.zeros(shape, np.uint8)).images.shape == shape


@pytest.mark.parametrize("door", ["from_arrays", "checked", "from_dataset", "draw_reals"])
@pytest.mark.parametrize(
    ("images", "what"),
    [
        (np.full((40, 6, 6, 1), 7, np.uint8), r"all pixels of the images of .* have the value 7: look"),
        (np.full((40, 6, 6, 1), -1, np.float32), "have the value -1"),
        (np.repeat(BYTES[:1], 40, axis=0), "all 40 of the images of .* are the same image"),
        (
            (BYTES > 99).astype(np.uint8),
            r"nearly black: their values go from 0 to 1 of 255 \(255 \* images makes",
        ),
        (BYTES // 16, r"nearly black: their values go from 0 to 15 of 255 \(17 \* images"),
        (FLOATS / 16 - np.float32(15 / 16), r"nearly black: their values go from -1 to -0.875 \(white is 1"),
        (BYTES[..., [0, 1, 2, 0]], r"have 4 channels: pictures show their mean \(images\[..., :3\] leaves"),
        (BYTES[..., :2], "have 2 channels: pictures show their mean$"),
    ],
)
def test_what_is_odd_about_a_set_is_noted(door, images, what):
    (note,) = notes_of(door, images)
    assert re.search(what, note), note


def test_one_other_image_anywhere_makes_a_set_no_longer_odd():
    for images in (np.zeros((3000, 4, 4, 1), np.uint8), np.full((3000, 4, 4, 1), 9, np.uint8)):
        images[1234, 1, 1] = 200
        assert oddities(images) == ()
