"""Scikit-learn's tables under their names."""

import numpy as np
import pytest
from sklearn import datasets

from jaxgan import data
from jaxgan.data.tables import embedded, read
from jaxgan.data.tables.files import is_table
from jaxgan.system.errors import UserError


@pytest.mark.parametrize("name", embedded.TARGETS)
def test_values_are_scikit_learns(name):
    load = getattr(datasets, f"load_{name}")
    expected = load(scaled=False) if name == "diabetes" else load()
    table = read(name)
    assert table.name == name
    assert table.names[-1] == embedded.TARGETS[name]
    for column, values in zip(table.columns[:-1], expected.data.T, strict=True):
        if not column.is_categorical:
            np.testing.assert_array_equal(table.values[column.name], values)
    target = table.columns[-1]
    if target.is_categorical:
        texts = np.asarray(target.categories)[table.values[target.name]]
        np.testing.assert_array_equal(texts, expected.target_names[expected.target])
    else:
        np.testing.assert_array_equal(table.values[target.name], expected.target)


def test_they_are_tables_and_no_images():
    assert is_table("wine")
    with pytest.raises(UserError, match=r"wine is a table: data\.load_table loads it"):
        data.load("wine")
    assert data.load_table("wine", target="cultivar", modes=1).rows.encoding.target == "cultivar"
