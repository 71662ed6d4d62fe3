"""Shapes and trends of tables: SDMetrics' values, SciPy's, and the cases that are known."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from scipy.stats.contingency import association

from jaxgan.metrics import associations, column_shape, pair_trend, table_quality

GOLDEN = np.load(Path(__file__).parents[1] / "golden/tables.npz")


def tables(name):
    columns = [str(column) for column in GOLDEN[f"{name}/columns"]]
    return ({column: GOLDEN[f"{name}/{kind}/{column}"] for column in columns} for kind in ("real", "fake"))


@pytest.mark.parametrize("name", [str(name) for name in GOLDEN["names"]])
def test_sdmetrics_agrees(name):
    result = table_quality(*tables(name))
    np.testing.assert_allclose([*result.columns.values()], GOLDEN[f"{name}/shapes"], atol=1e-7)
    np.testing.assert_allclose([pair[2] for pair in result.pairs], GOLDEN[f"{name}/trends"], atol=1e-7)
    means = [result.value, result.shapes, result.trends, result.strong_trends]
    np.testing.assert_allclose(means, GOLDEN[f"{name}/means"], atol=1e-7)


def test_a_table_agrees_with_itself_and_with_no_other():
    real, fake = tables("missing")
    result = table_quality(real, dict(reversed(real.items())))  # the order of the columns says nothing
    assert result.value == result.shapes == result.trends == 1
    assert list(result.columns) == list(real)
    assert table_quality(real, fake).value < 0.9
    apart = table_quality({"x": np.zeros(4), "k": np.zeros(4, int)}, {"x": np.ones(3), "k": np.ones(3, int)})
    assert (apart.shapes, apart.trends) == (0, 0)


@pytest.mark.parametrize("seed", range(4))
def test_scipys_statistics_agree(seed):
    rng = np.random.default_rng(seed)
    real, fake = np.round(rng.normal(size=40), 1), np.round(rng.normal(0.3, 2, size=57), 1)  # many ties
    expected = 1 - stats.ks_2samp(real, fake).statistic
    assert column_shape(real, np.append(fake, np.nan)) == pytest.approx(expected, abs=1e-12)
    codes, others = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    others = np.where(rng.random(200) < 0.5, codes, others)
    matrix = associations({"a": codes, "b": others, "x": rng.normal(size=200) + codes, "y": codes * 0.1})
    counts = np.histogram2d(codes, others, [3, 4])[0].astype(int)
    assert matrix[0, 1] == pytest.approx(association(counts, method="cramer"), abs=1e-12)
    assert matrix[0, 3] == pytest.approx(1)
    np.testing.assert_array_equal(matrix, matrix.T)


def test_the_correlation_is_that_of_the_rows_where_both_are_there():
    x, y = np.array([1, 2, 3, 4, np.nan, 6]), np.array([2.0, 1, 4, 3, 9, np.nan])
    correlation = np.corrcoef(x[:4], y[:4])[0, 1]
    assert pair_trend((x, y), (x[:4], -y[:4])) == pytest.approx(1 - correlation)
    assert associations({"x": x, "y": y})[0, 1] == pytest.approx(correlation)


def test_what_is_not_defined_is_left_out_of_the_means():
    real = {"x": np.arange(5.0), "none": np.full(5, np.nan), "k": np.full(5, -1)}
    result = table_quality(real, real)
    assert [score for score in result.columns.values() if score == score] == [1]
    assert result.pairs[0][:2] == ("x", "none")
    assert np.isnan(result.pairs[0][2])
    assert result.value == 1
    alone = table_quality({"x": np.arange(5.0)}, {"x": np.arange(4.0)})
    assert alone.value == alone.shapes == pytest.approx(0.8)
    assert np.isnan(alone.trends)
    assert "columns" not in str(alone)
    assert column_shape([1e300, 2e300], [1e300, 3e300]) == 0.5  # cannot be rounded to decimals
    assert pair_trend(([1e17, 1e17 + 16], [0, 1]), ([1e17, 1e17 + 16], [1, 1])) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("real", "fake", "sentence"),
    [
        ({"a": [1.0]}, {"b": [1.0]}, "only one of them has a, b"),
        ({"a": [1.0]}, {"a": [1]}, "column a: both are numbers"),
        ({"a": [np.inf, 1.0]}, {"a": [1.0]}, "column a: 1 of 2 numbers are infinite"),
        ({"a": ["x"]}, {"a": ["x"]}, "column a: a column has numbers, or the codes"),
        ({"a": [[1.0]]}, {"a": [1.0]}, r"a column is \[N\], got shape \[1, 1\]"),
        ({"a": [1.0], "b": [1.0, 2.0]}, {"a": [1.0], "b": [1.0]}, r"one length of at least 1, got \[1, 2\]"),
        ({"a": np.zeros(0)}, {"a": np.zeros(0)}, "one length of at least 1"),
        ({}, {}, "at least one column"),
    ],
)
def test_what_is_no_table_is_one_sentence(real, fake, sentence):
    with pytest.raises(ValueError, match=sentence):
        table_quality(real, fake)
