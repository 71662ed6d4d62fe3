"""Marks for the cases of a parametrized test.

Fast cases have no mark. CI also runs the slow ones. `pytest -m long` runs the rest.
"""

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


def shares(cases, *, fast=(), slow=()):
    """Return tuples as parameters, of which those that are neither fast nor slow are long tests."""
    marks = {**dict.fromkeys(slow, pytest.mark.slow), **dict.fromkeys(fast, ())}
    return [pytest.param(*case, marks=marks.get(case, pytest.mark.long)) for case in cases]


def each_once(firsts, seconds):
    """Return pairs in which each of the first ones has one of the second ones, by turns."""
    return [(first, seconds[i % len(seconds)]) for i, first in enumerate(firsts)]
