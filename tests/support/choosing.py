"""Which cases of a parametrized test are fast; all others are slow tests, which CI runs too."""

import pytest


def slow_but(fast, cases):
    """Return the cases of one argument as parameters, of which all but the fast ones are slow tests."""
    return [pytest.param(case, marks=() if case in fast else pytest.mark.slow) for case in cases]


def slow_pairs_but(fast, firsts, seconds):
    """Return all pairs of two arguments as parameters, of which all but the fast ones are slow tests."""
    return [
        pytest.param(first, second, marks=() if (first, second) in fast else pytest.mark.slow)
        for first in firsts
        for second in seconds
    ]


def each_once(firsts, seconds):
    """Return pairs in which each of the first ones has one of the second ones, by turns."""
    return [(first, seconds[i % len(seconds)]) for i, first in enumerate(firsts)]
