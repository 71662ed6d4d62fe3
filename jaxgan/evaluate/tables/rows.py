"""A `Table` as metrics take it: a mapping of columns, in which a missing category is -1."""

import numpy as np

from jaxgan.data.tables import Table

MISSING = ""  # the category of a missing value


def columns_of(table: Table) -> dict[str, np.ndarray]:
    """Return the columns: numbers, with NaN where one is missing, and codes of categories, with -1."""
    columns = {}
    for column in table.columns:
        values = table.values[column.name]
        if column.is_categorical and MISSING in column.categories:
            values = np.where(values == column.categories.index(MISSING), -1, values)
        columns[column.name] = values
    return columns
