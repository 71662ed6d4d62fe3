"""The Inception score against torch-fidelity and in the cases where it is known."""

from pathlib import Path

import numpy as np
import pytest

from jaxgan.metrics import inception_score

GOLDEN = np.load(Path(__file__).parents[1] / "golden/metrics.npz")


def test_torch_fidelity_agrees():
    result = inception_score(GOLDEN["logits"], splits=7)
    np.testing.assert_allclose((result.value, result.deviation), GOLDEN["inception_score"], rtol=1e-9)
    assert (result.n_fake, result.classes, result.splits) == (205, 10, 7)


@pytest.mark.parametrize("splits", [1, 6, 8])
def test_negative_control_another_number_of_splits(splits):
    assert (
        abs(inception_score(GOLDEN["logits"], splits=splits).value / GOLDEN["inception_score"][0] - 1) > 1e-3
    )


def test_sure_and_even_is_the_number_of_classes_and_unsure_or_one_class_is_one():
    sure = 2000.0 * np.tile(np.eye(5), (20, 1))  # probabilities underflow to 0
    assert inception_score(sure, splits=4).value == pytest.approx(5, rel=1e-12)
    assert inception_score(sure[::5]).value == pytest.approx(1, rel=1e-12)
    assert inception_score(np.zeros((30, 5))).value == pytest.approx(1, rel=1e-12)
    assert inception_score(sure + 1e6, splits=4).value == pytest.approx(5, rel=1e-12)  # a softmax has no zero


def test_more_splits_than_fakes_are_refused():
    with pytest.raises(ValueError, match="9 fakes cannot be split into 10"):
        inception_score(np.zeros((9, 3)))
    with pytest.raises(ValueError, match="into 0"):
        inception_score(np.zeros((9, 3)), splits=0)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_probabilities_are_refused(dtype):
    logits = np.random.default_rng(0).normal(size=(30, 1000))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    with pytest.raises(ValueError, match="are probabilities, >= 0 and of sum 1 in each row: give the logits"):
        inception_score(probabilities.astype(dtype))
    with pytest.raises(ValueError, match="are probabilities"):
        inception_score(np.eye(30))
    with np.errstate(divide="ignore"):
        assert inception_score(np.log(probabilities)).value == pytest.approx(inception_score(logits).value)
