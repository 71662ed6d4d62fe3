"""The baselines keep what they say they keep, and lose what they say they lose."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from jaxgan.data.tables import Column, Table
from jaxgan.evaluate.tables import BASELINES, bootstrap, copula, independent
from jaxgan.evaluate.tables.rows import columns_of
from jaxgan.metrics import table_quality
from small_tables import small_table


def test_a_copula_keeps_columns_and_correlations_and_copies_no_row():
    real = small_table(0, 2000)
    fake = copula(real, 3000, seed=1)
    quality = table_quality(columns_of(real), columns_of(fake))
    assert min(quality.columns.values()) > 0.96
    assert quality.strong_trends > 0.85
    rho, expected = (stats.spearmanr(table.values["x"], table.values["y"])[0] for table in (fake, real))
    assert rho == pytest.approx(expected, abs=0.02)
    share, expected = (np.isnan(table.values["count"]).mean() for table in (fake, real))
    assert share == pytest.approx(expected, abs=0.02)
    counts = fake.values["count"][~np.isnan(fake.values["count"])]
    assert set(counts) <= set(real.values["count"])  # whole numbers, as they were
    np.testing.assert_array_equal(fake.values["x"], np.round(fake.values["x"], 3))
    assert not set(fake.values["y"]) & set(real.values["y"])
    assert fake.values["kind"].dtype == np.int32


def test_independent_columns_keep_nothing_else():
    real = small_table(0, 2000)
    fake = independent(real, 2000, seed=1)
    quality = table_quality(columns_of(real), columns_of(fake))
    assert min(quality.columns.values()) > 0.94
    assert abs(np.corrcoef(fake.values["x"], fake.values["y"])[0, 1]) < 0.1


def test_a_bootstrap_has_the_rows_of_the_table():
    real = small_table(0, 20)
    fake = bootstrap(real, 50, seed=1)
    assert len(fake) == 50
    rows = {tuple(row) for row in np.column_stack([*real.values.values()]).astype(str)}
    assert {tuple(row) for row in np.column_stack([*fake.values.values()]).astype(str)} <= rows


@pytest.mark.parametrize("name", BASELINES)
def test_a_seed_gives_the_same_rows_and_odd_columns_are_kept(name):
    table = small_table(0, 30)
    columns = (*table.columns, Column("empty", "numeric"), Column("same", "categorical", ("a", "b")))
    values = {**table.values, "empty": np.full(30, np.nan), "same": np.ones(30, np.int32)}
    table = Table(columns, values)
    one, again, other = (BASELINES[name](table, 40, seed=seed) for seed in (1, 1, 2))
    for column in table.columns:
        np.testing.assert_array_equal(one.values[column.name], again.values[column.name])
    assert not np.array_equal(one.values["y"], other.values["y"])
    assert np.isnan(one.values["empty"]).all()
    assert (one.values["same"] == 1).all()
    twice = dataclasses.replace(table, values={**table.values, "x": table.values["y"]})  # a singular matrix
    assert np.isfinite(BASELINES[name](twice, 40, seed=1).values["x"]).all()
