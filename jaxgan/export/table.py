"""A trained generator of a table's rows: the exported generator, with ``table.json`` beside it.

The JSON has the columns, how their values became numbers, and how often each category was there. It is read
as data, and may come from a stranger.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data.tables.encoding import Encoding, from_json
from jaxgan.data.tables.table import Table
from jaxgan.data.tables.where import Test, parse
from jaxgan.export.generator import condition_size, folder_of, prior_of_inputs, read_generator
from jaxgan.export.safetensors import Network
from jaxgan.prior import draw_rows
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_json
from jaxgan.system.random import seed_key

TABLE = "table.json"
FORMAT_VERSION = 1
BATCH = 2_000  # rows of a draw
MOST_DRAWS = 200  # rows that are drawn at most for each one that is asked for
LEAST_DRAWS = 100_000  # rows that may be drawn however few are asked for
_MOST_BYTES = 2**27


def save_table(folder: Path, encoding: Encoding) -> None:
    """Write what `load_table_generator` needs beside a generator's own files."""
    write_json(folder / TABLE, {"format_version": FORMAT_VERSION, **encoding.as_json()})


def has_table(path: str | Path) -> bool:
    """Return whether an exported generator makes the rows of a table."""
    return (folder_of(path) / TABLE).is_file()


def read_table(path: str | Path) -> Encoding:
    """Return how a trained generator's rows become a table.

    Raises:
        UserError: if the run is none of a table, or the file is damaged.
    """
    file = folder_of(path) / TABLE
    if not file.is_file():
        raise UserError(f"{path} makes no table: jaxgan train TABLE trains a run that does")
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise ValueError(f"it is larger than {_MOST_BYTES} bytes")
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format_version"] != FORMAT_VERSION:
            raise ValueError(f"it has format {content['format_version']!r:.20}, this version reads 1")
        return from_json(content)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{file} does not describe a table: {error}") from error


class TableGenerator:
    """A generator of the rows of a table.

    Args:
        network: the generator's module, variables and description.
        encoding: how its rows become a table.

    Attributes:
        encoding: how its rows become a table.
        step: the step of the generator's training.
    """

    def __init__(self, network: Network, encoding: Encoding):
        module: Any = network.module
        if network.image_shape != (encoding.width,):
            raise UserError(
                f"{TABLE} describes rows of {encoding.width} values, and the generator makes "
                f"{network.image_shape}: they are not of one run"
            )
        self.encoding, self.step = encoding, network.description["step"]
        self._prior, self._variables = prior_of_inputs(network.description), network.variables
        self._has_conditions = bool(condition_size(network.description))

        def draw(variables: Any, key: jax.Array, condition: Any) -> jax.Array:
            latents = draw_rows(self._prior, key, BATCH)
            inputs = latents if condition is None else jnp.concatenate([latents, condition], axis=1)
            return module.apply(variables, inputs, train=False)

        self._draw = jax.jit(draw)

    def sample(self, n: int, *, where: Sequence[str] = (), seed: int = 0) -> Table:
        """Return rows, all of which pass all tests.

        Rows are drawn, and those that pass are kept. A category that is asked for is the generator's
        condition, so that most rows have it.

        Args:
            n: number of rows, >= 1.
            where: tests such as "sex=female" and "age>=40".
            seed: seed of all that is drawn; the rows of a smaller n are the first ones of a larger.

        Raises:
            UserError: for a test that no row can pass, or if too few of the rows that are drawn pass.
        """
        tests = parse(where, self.encoding.columns)
        most = max(LEAST_DRAWS, MOST_DRAWS * n)
        parts: list[Table] = []
        kept = drawn = 0
        while kept < n and drawn < most:
            rows = self.rows_of_batch(drawn // BATCH, seed, tests)
            passed = np.logical_and.reduce([np.ones(len(rows), bool), *(test.passed(rows) for test in tests)])
            parts.append(rows.take(passed))
            kept, drawn = kept + int(passed.sum()), drawn + BATCH
        if kept < n:
            asked = " and ".join(test.text for test in tests)
            raise UserError(
                f"{kept:,} of {drawn:,} rows have {asked}, and `n` asks for {n:,}: ask for fewer rows, "
                "or for less of each"
            )
        values = {name: np.concatenate([part.values[name] for part in parts])[:n] for name in parts[0].names}
        return Table(self.encoding.columns, values)

    def rows_of_batch(self, batch: int, seed: int, tests: Sequence[Test]) -> Table:
        """Return a batch of rows for the rarest category that the tests ask for, before any are left out.

        Args:
            batch: the number of the batch; a batch is a function of it, the seed and the tests.
            seed: the seed of the draws.
            tests: what rows are asked for; a condition holds one category, `sample` leaves out other rows.
        """
        condition = None
        if self._has_conditions:
            given = [test for test in tests if test.asks_category and len(test.column.categories) > 1]
            if given:
                counts = self.encoding.counts
                rarest = min(given, key=lambda test: counts[test.column.name][int(test.value)])
                place = self.encoding.condition_of(rarest.column.name, int(rarest.value))
                condition = self.encoding.one_hot(np.full(BATCH, place))
            else:
                condition = self.encoding.conditions(BATCH, np.random.default_rng((seed, batch)))
        key = jax.random.fold_in(seed_key(seed), batch)
        return self.encoding.decode(np.asarray(self._draw(self._variables, key, condition)))


def load_table_generator(path: str | Path) -> TableGenerator:
    """Return the trained generator of a table: ``load_table_generator(run).sample(1000) -> Table``.

    Args:
        path: a run's folder, its ``export`` folder, or a ``.safetensors`` file with its JSON beside it.

    Raises:
        UserError: if there is no generator of a table, or its files do not fit each other.
    """
    encoding = read_table(path)
    return TableGenerator(read_generator(path), encoding)
