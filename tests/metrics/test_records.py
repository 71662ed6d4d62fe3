"""Distances to the closest record: SciPy's, copies and near copies, and rows that know neither set."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxgan.metrics import closest_record
from jaxgan.metrics.records import as_points


def rows(rng, count):
    x = rng.normal(size=count)
    return {
        "x": np.where(rng.random(count) < 0.1, np.nan, x),
        "y": 100 * x + rng.normal(size=count),
        "k": rng.integers(-1, 3, count),
    }


def part(table, chosen):
    return {name: column[chosen] for name, column in table.items()}


def test_distances_are_those_of_scaled_numbers_and_unequal_categories():
    rng = np.random.default_rng(0)
    train, held_out, fake = rows(rng, 80), rows(rng, 40), rows(rng, 60)

    def distances(first, second):
        """The definition, written out: a missing number differs by its z-score, and by 1."""
        squares = (first["k"][:, None] != second["k"]) * 1.0
        for name in ("x", "y"):
            center, scale = np.nanmean(train[name]), np.nanstd(train[name])
            one, other = (
                (np.nan_to_num(each[name], nan=center) - center) / scale for each in (first, second)
            )
            squares += (one[:, None] - other) ** 2
            squares += np.isnan(first[name])[:, None] != np.isnan(second[name])
        return np.sqrt(squares)

    result = closest_record(train, fake, held_out)
    to_train, of_held_out = distances(fake, train).min(axis=1), distances(held_out, train).min(axis=1)
    assert result.median == pytest.approx(np.median(to_train))
    assert result.near == pytest.approx(np.percentile(to_train, 5))
    assert result.held_out_median == pytest.approx(np.median(of_held_out))
    assert result.held_out_near == pytest.approx(np.percentile(of_held_out, 5))
    assert (result.n_train, result.n_held_out, result.n_fake, result.copies) == (80, 40, 60, 0)
    points = as_points(train, train, fake)
    np.testing.assert_allclose(cdist(points[1], points[0]), distances(fake, train), atol=1e-9)


def test_copies_are_found_and_honest_rows_are_not():
    rng = np.random.default_rng(1)
    train, held_out, honest = (rows(rng, 600) for _ in range(3))
    fair = closest_record(train, honest, held_out)
    assert fair.nearer_train == pytest.approx(0.5, abs=0.06)
    assert fair.median == pytest.approx(fair.held_out_median, rel=0.15)
    chosen = rng.integers(0, 600, 400)
    copied = closest_record(train, part(train, chosen), held_out)  # with missing values, too
    assert (copied.median, copied.copies, copied.held_out_copies, copied.nearer_train) == (0, 1, 0, 1)
    near = part(train, chosen) | {"y": train["y"][chosen] + 0.01}
    assert closest_record(train, near, held_out).copies == 0
    assert closest_record(train, near, held_out).nearer_train == pytest.approx(1)
    many, few = rows(rng, 900), part(held_out, slice(100))
    assert closest_record(many, honest, few).nearer_train == pytest.approx(0.5, abs=0.08)  # sizes say nothing


def test_rows_of_categories_equal_each_other_by_chance():
    rng = np.random.default_rng(2)
    train, held_out, fake = ({"a": rng.integers(0, 2, 50), "b": rng.integers(0, 2, 50)} for _ in range(3))
    result = closest_record(train, fake, held_out)
    assert result.copies == result.held_out_copies == 1
    assert result.nearer_train == 0.5


def test_without_held_out_rows_there_is_nothing_beside_and_long_tables_are_drawn_from():
    table = rows(np.random.default_rng(3), 100)
    result = closest_record(table, table, most_rows=30)
    assert np.isnan([result.held_out_median, result.nearer_train, result.held_out_copies]).all()
    assert result.copies == 1
    assert result.median > 0  # 30 other rows than those that are looked for
    with pytest.raises(ValueError, match="only one of them has"):
        closest_record(table, {"x": table["x"]})
