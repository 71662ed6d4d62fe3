"""Tables: rows of typed columns, read from a file and written back in the file's formats.

`read` finds the type of each column, and `write` prints the values as they were. A missing value is NaN in a
column of numbers, and a category of its own among categories.
"""

from jaxgan.data.tables.read import read
from jaxgan.data.tables.table import KINDS, Column, Table
from jaxgan.data.tables.write import check_suffix, write

__all__ = ["KINDS", "Column", "Table", "check_suffix", "read", "write"]
