"""Batches of a table: rows that match their condition, as functions of the seed and the step."""

import jax
import numpy as np
import pytest

from jaxgan.data.order import batch_indices
from jaxgan.data.tables import Column, Table
from jaxgan.data.tables.batches import batch_at, conditions
from jaxgan.data.tables.encoding import fitted

COUNT = 200
RARE = (np.arange(COUNT) >= 196).astype(np.int32)


@pytest.fixture(scope="module")
def encoded():
    columns = (
        Column("x", "numeric", low=0, high=COUNT - 1),
        Column("three", "categorical", ("a", "b", "c")),
        Column("rare", "categorical", ("no", "yes")),
    )
    three = (np.arange(COUNT) % 3).astype(np.int32)
    return fitted(Table(columns, {"x": np.arange(COUNT) * 1.0, "three": three, "rare": RARE}), modes=1)


def drawn(encoded, step=0, seed=0, size=2000, frequency="log"):
    encoding, rows = encoded
    stored = {"image": rows, "conditions": conditions(encoding, rows, frequency)}
    return jax.device_get(batch_at(stored, step, seed=np.uint32(seed), batch_size=size, encoding=encoding))


def test_rows_match_their_conditions_of_every_column(encoded):
    batch = drawn(encoded)
    categories = batch["image"][:, 1:]
    assert (batch["condition"].sum(axis=1) == 1).all()
    assert ((batch["condition"] * categories).sum(axis=1) == 1).all()
    columns = batch["condition"][:, :2].sum(axis=1)  # "rare" has fewer categories, and comes first
    assert abs(columns.mean() - 0.5) < 0.05
    assert len(np.unique(batch["image"][:, 0])) > 150  # not always the same rows


def test_categories_are_drawn_by_frequency_or_its_logarithm(encoded):
    for frequency, share in (("true", 4 / COUNT), ("log", np.log1p(4) / (np.log1p(4) + np.log1p(196)))):
        condition = drawn(encoded, frequency=frequency, size=8000)["condition"]
        of_rare = condition[:, :2].sum(axis=1) == 1
        assert abs(condition[of_rare, 1].mean() - share) < 0.025


def test_a_batch_depends_on_seed_and_step_alone(encoded):
    first = drawn(encoded, step=3, size=20)
    again = drawn(encoded, step=3, size=20)
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    assert (drawn(encoded, step=4, size=20)["image"] != first["image"]).any()
    assert (drawn(encoded, step=3, seed=1, size=20)["image"] != first["image"]).any()


def test_a_table_of_numbers_is_seen_in_the_order_of_all_data():
    values = {"x": np.arange(COUNT) * 1.0}
    encoding, rows = fitted(Table((Column("x", "numeric", low=0, high=COUNT - 1),), values), modes=1)
    assert conditions(encoding, rows) is None
    batch = batch_at({"image": rows}, 2, seed=np.uint32(1), batch_size=30, encoding=encoding)
    order = batch_indices(1, 2, batch_size=30, size=COUNT, xp=np)
    np.testing.assert_array_equal(batch["image"], rows[order])
    assert set(batch) == {"image"}
