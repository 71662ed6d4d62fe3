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
    spread = np.linspace(-5, 5, 8)
    for learned, held_out in (
        (25 + spread, 20 + spread),  # 5 dB, and 2.9 standard errors
        (25.9 + 0.01 * spread, 25 + 0.01 * spread),  # certain, and too small to be seen
        (20 + 0.1 * spread, 30 + 0.1 * spread),
    ):
        assert "no sign of memorization" in memory_of(learned, held_out).sentence
    assert memory_of([np.inf, np.inf], [30, 31]).difference == pytest.approx(69.5)
