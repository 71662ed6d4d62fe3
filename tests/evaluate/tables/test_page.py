"""The page of a table: a panel for each column, both matrices, and texts that a figure could misread."""

import numpy as np
from PIL import Image

from jaxgan.data.tables import Column, Table
from jaxgan.evaluate.tables import draw, page
from small_tables import small_table


def test_each_column_has_a_panel_and_each_table_a_matrix(drawn_figures, tmp_path):
    real, fake = small_table(0, 40), small_table(1, 30)
    day = 86_400.0
    more = (
        Column("day", "date", format="%Y-%m-%d"),
        Column("a$b$ {x", "categorical", tuple(f"c{i}_$" for i in range(14))),
        Column("empty", "numeric"),
    )
    tables = []
    for table in (real, fake):
        rng = np.random.default_rng(len(table))
        values = {
            "day": 20_000 * day + day * rng.integers(0, 90, len(table)),
            "a$b$ {x": rng.integers(0, 14, len(table)).astype(np.int32),
            "empty": np.full(len(table), np.nan),
        }
        tables.append(Table((*table.columns, *more), {**table.values, **values}))
    draw(*tables, tmp_path / "page.png")
    (figure,) = drawn_figures
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles[:4] == ["x", "y", "count", "kind"]
    assert titles[-2:] == ["how columns are related: real", "how columns are related: synthetic"]
    assert len(titles) == 7 + 2
    panels = {axes.get_title(): axes for axes in figure.axes}
    assert panels["count"].get_xlabel().startswith("missing: real ")
    assert [tick.get_text() for tick in panels["kind"].get_xticklabels()].count("missing") == 1
    heights = [bar.get_height() for bar in panels["kind"].patches]
    np.testing.assert_allclose([sum(heights[:3]), sum(heights[3:])], 1)
    assert panels[r"a\$b\$ {x"].get_xticklabels()[-1].get_text() == "5 others"
    assert panels["day"].get_xticklabels()[0].get_text().startswith("2024-")
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.size[0] == 1300


def test_of_many_columns_the_first_are_drawn(drawn_figures, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "MOST_PANELS", 2)
    columns = tuple(Column(f"column {i}", "numeric") for i in range(3))
    rng = np.random.default_rng(0)
    real = Table(columns, {column.name: rng.normal(size=9) for column in columns})
    draw(real, real, tmp_path / "page.png")
    titles = [axes.get_title() for axes in drawn_figures[0].axes if axes.get_title().startswith("column")]
    assert titles == [f"column {i}" for i in range(2)]
