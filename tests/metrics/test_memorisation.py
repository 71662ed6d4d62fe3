"""Memorisation: copies, near copies and honest fakes; medians against SciPy's distances."""

from pathlib import Path

import numpy as np
import pytest

from jaxgan.metrics import memorisation

GOLDEN = np.load(Path(__file__).parents[1] / "golden/metrics.npz")
NAMES = [str(name) for name in GOLDEN["names"]]
rng = np.random.default_rng(8)


@pytest.mark.filterwarnings("ignore:.*are rows of train_features too")
@pytest.mark.parametrize("name", NAMES)
def test_scipys_distances_agree(name):
    real, fake = GOLDEN[f"{name}/real"], GOLDEN[f"{name}/fake"]
    half = len(real) // 2
    result = memorisation(real[:half], real[half:], fake)
    to_train, to_test, nearer = GOLDEN[f"{name}/nearest"]
    assert result.ratio == pytest.approx(to_train / to_test, rel=1e-9)
    assert result.nearer_train == pytest.approx(nearer, rel=1e-9)


@pytest.mark.parametrize(("n_train", "n_test"), [(600, 600), (1200, 300)])
def test_fakes_that_know_neither_set_are_nearer_to_train_as_often_as_expected(n_train, n_test):
    train, test, fake = (rng.normal(size=(n, 4)) for n in (n_train, n_test, 3000))
    result = memorisation(train, test, fake)
    assert result.expected == n_train / (n_train + n_test)
    assert result.nearer_train == pytest.approx(result.expected, abs=0.05)
    assert result.copies == 0
    assert (abs(result.ratio - 1) < 0.05) == (n_train == n_test)  # sizes alone change the ratio


def test_copies_are_found():
    train, test = rng.normal(size=(2, 300, 4)).astype(np.float32) + 1000
    result = memorisation(train, test, train[:100])
    assert (result.ratio, result.nearer_train, result.copies) == (0.0, 1.0, 100)
    near = memorisation(train, test, train + 0.01 * rng.normal(size=(300, 4)))
    assert near.ratio < 0.2
    assert near.nearer_train > 0.95
    assert near.copies == 0


def test_copies_are_found_beside_their_near_twins():
    train, test = rng.normal(size=(2, 500, 64)).astype(np.float32)
    twins = train.copy()
    twins[:, 0] = np.nextafter(twins[:, 0], np.float32(9))
    result = memorisation(np.concatenate([train, twins]), test, train)
    assert result.copies == 500
    assert memorisation(twins, test, train).copies == 0


def test_constant_features_have_no_ratio():
    same = np.zeros((5, 2))
    with pytest.warns(UserWarning, match="all 5 rows are the same"):
        result = memorisation(same, same, same)
    assert np.isnan(result.ratio)
    assert result.nearer_train == 0.5


def test_another_dimension_is_refused():
    with pytest.raises(ValueError, match="dimension 2, test_features 3"):
        memorisation(np.eye(2), np.eye(3), np.eye(2))


def test_the_training_set_is_not_held_out():
    train, fake = rng.normal(size=(2, 40, 4))
    for held_out in (train, train[::-1], train[:7]):
        with pytest.raises(
            ValueError, match=rf"all {len(held_out)} rows of test_features are rows of train_"
        ):
            memorisation(train, held_out, fake)
    mixed = np.concatenate([train[:5], rng.normal(size=(20, 4))])
    with pytest.warns(UserWarning, match="test_features: 5 of 25 rows are rows of train_features too"):
        memorisation(train, mixed, fake)
