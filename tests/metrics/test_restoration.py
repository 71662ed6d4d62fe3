"""PSNR, SSIM and Dice against scikit-image (tests/golden/make_image_metrics.py) and closed forms."""

from pathlib import Path

import numpy as np
import pytest

from jaxgan.metrics import accuracy, dice, mean_absolute_error, psnr, restoration, ssim

GOLDEN = np.load(Path(__file__).parents[1] / "golden/image_metrics.npz")
NAMES = [str(name) for name in GOLDEN["names"]]
rng = np.random.default_rng(4)


@pytest.mark.parametrize("border", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_scikit_image_agrees(name, border, monkeypatch):
    monkeypatch.setattr(restoration, "BLOCK", 1)  # an image at a time
    real, made = GOLDEN[f"{name}/real"], GOLDEN[f"{name}/made"]
    results = {
        "psnr": psnr(real, made, border=border),
        "uniform": ssim(real, made, border=border),
        "gaussian": ssim(real, made, border=border, window="gaussian"),
    }
    for kind, result in results.items():
        assert result.value == pytest.approx(float(GOLDEN[f"{name}/{kind}/{border}"]), abs=1e-6)
        assert (result.border, result.n_fake) == (border, len(real))


def test_a_constant_error_has_the_psnr_of_its_square():
    real = rng.integers(10, 200, (5, 8, 9, 3)).astype(np.uint8)
    assert psnr(real, real + np.uint8(5)).value == pytest.approx(20 * np.log10(255 / 5))
    floats = rng.uniform(-0.5, 0.5, (2, 8, 8, 1)).astype(np.float32)
    assert psnr(floats, floats + np.float32(0.25)).value == pytest.approx(20 * np.log10(2 / 0.25), rel=1e-5)
    assert psnr(real, real).value == np.inf
    assert ssim(real, real).value == 1


def test_a_result_says_how_it_was_measured():
    images = rng.integers(0, 256, (2, 12, 12, 1)).astype(np.uint8)
    assert str(psnr(images, images[::-1], border=2)).startswith("PSNR: value ")
    text = str(ssim(images, images[::-1], window="gaussian"))
    for words in ("SSIM: value ", "data_range 255", "border 0", "window gaussian", "window_size 11"):
        assert words in text


def test_dice_is_twice_the_common_pixels_over_those_of_both():
    real, made = np.zeros((3, 2, 4), bool), np.zeros((3, 2, 4), bool)
    real[0, 0], made[0, :, :2] = True, True  # 4 and 4 pixels, 2 of them common
    real[1, 0, 0] = True
    assert dice(real, made).value == pytest.approx((0.5 + 0 + 1) / 3)


@pytest.mark.parametrize(
    ("mistake", "sentence"),
    [
        (lambda x: psnr(x, x[:1]), r"shapes \[2, 8, 8, 1\] and \[1, 8, 8, 1\]"),
        (lambda x: psnr(x[0], x[0]), r"images have shape \[N, H, W, C\], got \[8, 8, 1\]"),
        (lambda x: psnr(x, x / 255), "one kind of values, got uint8 and float64"),
        (lambda x: psnr(x.astype(int), x), "uint8, or float in .-1, 1., got int64"),
        (lambda x: psnr(x, x, border=4), "a border of 4 pixels leaves nothing of 8x8"),
        (lambda x: psnr(x + np.nan, x + np.nan), "NaN"),
        (lambda x: ssim(x, x, window="gaussian"), "11x11 pixels does not fit into 8x8"),
        (lambda x: ssim(x, x, window="box"), "window is uniform or gaussian, got 'box'"),
        (lambda x: dice(x, x), "masks are bool, got uint8"),
        (lambda x: dice(x > 0, x[:1] > 0), "masks have one shape"),
    ],
)
def test_what_cannot_be_compared_is_refused(mistake, sentence):
    with pytest.raises(ValueError, match=sentence):
        mistake(rng.integers(0, 256, (2, 8, 8, 1)).astype(np.uint8))


def test_the_absolute_error_is_that_of_images_in_their_range():
    real, made = np.zeros((3, 2, 2, 1), np.uint8), np.full((3, 2, 2, 1), 51, np.uint8)
    made[0] = 0
    error = mean_absolute_error(real, made)
    assert (error.value, error.n_fake) == (pytest.approx(2 / 3 * 0.4), 3)
    floats = [x.astype(np.float32) / 127.5 - 1 for x in (real, made)]
    assert mean_absolute_error(*floats).value == pytest.approx(error.value, rel=1e-6)
    with pytest.raises(ValueError, match="images"):
        mean_absolute_error(real, made[:2])


def test_accuracy_counts_the_largest_logits():
    logits = np.array([[0.0, 2.0, 1.0], [5.0, 4.0, 3.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    result = accuracy(logits, [1, 0, 0, 0], extractor_name="mnist-cnn")
    assert (result.value, result.name) == (0.75, "accuracy-mnist-cnn")
    for labels in ([1, 0], [[1], [0], [0], [0]]):
        with pytest.raises(ValueError, match=r"logits are \[N, classes\] and labels \[N\]"):
            accuracy(logits, labels)
