import numpy as np
import pytest

from jaxgan.explain import memory_of


def test_the_difference_has_the_standard_error_of_two_means():
    draws = np.random.default_rng(0)
    learned, held_out = draws.normal(30, 2, 40), draws.normal(25, 3, 30)
    found = memory_of(learned, held_out)
    assert found.difference == pytest.approx(learned.mean() - held_out.mean())
    expected = np.sqrt(learned.var(ddof=1) / 40 + held_out.var(ddof=1) / 30)
    assert found.standard_error == pytest.approx(expected)
    assert "remembers" in found.sentence


def test_what_is_small_or_uncertain_is_no_sign():
    draws = np.random.default_rng(0)
    for learned, held_out in (
        (draws.normal(25, 5, 8), draws.normal(24, 5, 8)),  # uncertain
        (draws.normal(25.5, 0.1, 500), draws.normal(25, 0.1, 500)),  # certain, and too small to be seen
        (draws.normal(20, 1, 40), draws.normal(30, 1, 40)),
    ):
        assert "no sign of memorization" in memory_of(learned, held_out).sentence
    assert memory_of([np.inf, np.inf], [30, 31]).difference == pytest.approx(69.5)
