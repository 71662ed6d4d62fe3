"""Encodings: rows of numbers give the table back, exactly."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest, spearmanr

from jaxgan.data.tables import Column, Table, quantiles
from jaxgan.data.tables.encoding import fitted, from_json

RANDOM = np.random.default_rng(0)


def table_of(count=400):
    two = np.where(RANDOM.random(count) < 0.3, RANDOM.normal(-5, 0.1, count), RANDOM.normal(9, 1, count))
    spike = np.where(RANDOM.random(count) < 0.9, 0, RANDOM.exponential(1000, count).round())
    gaps = np.where(RANDOM.random(count) < 0.2, np.nan, RANDOM.normal(size=count))
    columns = (
        Column("two", "numeric", decimals=3, low=two.round(3).min(), high=two.round(3).max()),
        Column("spike", "integer", decimals=0, low=0, high=spike.max()),
        Column("gaps", "numeric", missing=True, low=np.nanmin(gaps), high=np.nanmax(gaps)),
        Column("same", "integer", low=7, high=7),
        Column("holes", "integer", missing=True, low=3, high=3),
        Column("one", "categorical", ("x",)),
        Column("letter", "categorical", ("", "a", "b")),
        Column("day", "date", format="%Y-%m-%d", low=0, high=86_400 * 99),
        Column("flag", "categorical", ("no", "yes")),
    )
    values = {
        "two": two.round(3),
        "spike": spike,
        "gaps": gaps,
        "same": np.full(count, 7.0),
        "holes": np.where(np.arange(count) % 3, 3.0, np.nan),
        "one": np.zeros(count, np.int32),
        "letter": RANDOM.integers(0, 3, count).astype(np.int32),
        "day": 86_400.0 * (np.arange(count) % 100),
        "flag": (np.arange(count) % 4 == 0).astype(np.int32),
    }
    return Table(columns, values)


@pytest.fixture(scope="module")
def encoded():
    return encoded_by(10)


def encoded_by(modes):
    table = table_of()
    return table, *fitted(table, target="flag", modes=modes)


@pytest.mark.parametrize("modes", [10, 0])
def test_rows_give_the_table_back(modes, encoded):
    table, encoding, rows = encoded if modes else encoded_by(0)
    assert np.abs(rows[:, : encoding.places]).max() <= 0.99 + 1e-6  # a tanh reaches all places
    wide = np.asarray(encoding.widen(rows))
    assert wide.shape == (400, encoding.width)
    sums = np.add.reduceat(wide[:, encoding.places :], np.cumsum((0, *encoding.sizes))[:-1], axis=1)
    assert (sums == 1).all()
    back = encoding.decode(wide)
    for column in table.columns:
        name = column.name
        if name == "gaps":  # all digits: float32 holds seven of them
            np.testing.assert_allclose(back.values[name], table.values[name], rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(back.values[name], table.values[name])
            assert back.values[name].dtype == table.values[name].dtype


def test_a_mixture_has_its_modes(encoded):
    _, encoding, _ = encoded
    means = encoding.modes["two"].means
    assert np.abs(means + 5).min() < 0.1
    assert np.abs(means - 9).min() < 0.6
    spike = encoding.modes["spike"]
    assert spike.means[0] == 0
    assert spike.units[0] == 0
    assert (spike.units[1:] > 0).all()
    assert "same" not in encoding.modes


def test_numbers_stay_in_range_and_have_their_digits(encoded):
    _, encoding, rows = encoded
    wide = np.asarray(encoding.widen(rows)).copy()
    wide[:, : encoding.places] = np.sign(RANDOM.normal(size=(400, encoding.places)))
    back = encoding.decode(wide)
    for column in encoding.numbers:
        values = back.values[column.name]
        values = values[~np.isnan(values)]
        assert column.low <= values.min()
        assert values.max() <= column.high
    np.testing.assert_array_equal(back.values["spike"], back.values["spike"].round())
    np.testing.assert_array_equal(back.values["two"], back.values["two"].round(3))
    assert (back.values["day"] % 86_400 == 0).all()


def test_json_gives_the_encoding_back(encoded):
    _, encoding, rows = encoded
    again = from_json(json.loads(json.dumps(encoding.as_json())))
    wide = np.asarray(encoding.widen(rows))
    np.testing.assert_array_equal(again.widen(rows), wide)
    assert again.columns == encoding.columns
    assert again.target == "flag"
    for name, values in encoding.decode(wide).values.items():
        np.testing.assert_array_equal(again.decode(wide).values[name], values)
    content = encoding.as_json()
    for broken in (
        content | {"counts": {**content["counts"], "flag": [1]}},
        content | {"modes": {**content["modes"], "two": {"means": [], "units": []}}},
    ):
        with pytest.raises(ValueError, match="column"):
            from_json(broken)


def test_one_mode_is_mean_and_deviation_without_one_hot_values():
    encoding, _ = fitted(table_of(), modes=1)
    assert encoding.mode_sizes == (2, 2)  # those with missing numbers
    np.testing.assert_allclose(encoding.modes["two"].means, table_of().values["two"].mean(), rtol=0.2)


def test_quantiles_make_a_bell_curve_of_any_column():
    random = np.random.default_rng(0)
    skewed, spike = np.exp(3 * random.normal(size=2000)), np.maximum(random.normal(size=2000), 0)
    columns = [
        Column(name, "numeric", low=values.min(), high=values.max())
        for name, values in (("skewed", skewed), ("spike", spike))
    ]
    encoding, rows = fitted(Table(tuple(columns), {"skewed": skewed, "spike": spike}), modes=0)
    for normal in rows.T * quantiles.UNIT:  # the zeros have half of the curve
        assert kstest(normal, "norm").statistic < 0.02
    assert spearmanr(skewed, rows[:, 0]).statistic > 1 - 1e-6
    made = random.normal(size=(20_000, 2)) / quantiles.UNIT
    values = encoding.decode(made).values
    assert ks_2samp(values["skewed"], skewed).statistic < 0.02
    assert abs((values["spike"] == 0).mean() - (spike == 0).mean()) < 0.02
    again = from_json(json.loads(json.dumps(encoding.as_json())))
    np.testing.assert_array_equal(again.decode(made).values["skewed"], values["skewed"])


def test_conditions_are_drawn_by_frequency(encoded):
    table, encoding, _ = encoded
    drawn = encoding.conditions(20_000, np.random.default_rng(1))
    assert (drawn.sum(axis=1) == 1).all()
    shares = 2 * drawn.mean(axis=0)  # of two columns, flag before letter
    np.testing.assert_allclose(shares[:2], np.bincount(table.values["flag"]) / 400, atol=0.02)
    np.testing.assert_allclose(shares[2:], np.bincount(table.values["letter"]) / 400, atol=0.02)
    assert encoding.condition_of("letter", 1) == 3


def test_a_rare_category_of_no_row_is_never_drawn(encoded):
    _, encoding, _ = encoded
    counts = dict(encoding.counts) | {"flag": (400, 0)}
    drawn = dataclasses.replace(encoding, counts=counts).conditions(1000, np.random.default_rng(1))
    assert drawn[:, 1].sum() == 0
