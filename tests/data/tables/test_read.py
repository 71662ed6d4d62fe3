"""Reading tables: the types that are found, the values, and what is refused."""

import numpy as np
import pytest

from jaxgan.data.tables import Column, Table, read, write
from jaxgan.system.errors import UserError

MIXED = """id,age,height,sex,visit,code,same,note
1,31,1.75,female,2020-01-31,007,x,
2,,1.8,male,2021-02-28,010,x,
3,54,NA,female,,007,x,
4,18,1.62,,1969-12-31,031,x,
5,77,-0.05,male,2020-03-01,010,x,
6,40,1.70,male,2020-03-02,010,x,seen
7,41,1.71,female,2020-03-03,007,x,
8,42,1.72,female,2020-03-04,007,x,
9,43,1.73,male,2020-03-05,007,x,
10,44,1.74,male,2020-03-06,007,x,
11,45,1.76,male,2020-03-07,007,x,
12,46,1.77,male,2020-03-08,007,x,
13,47,1.78,male,2020-03-09,007,x,
14,48,1.79,male,2020-03-10,007,x,
15,49,1.80,male,2020-03-11,007,x,
16,50,1.81,male,2020-03-12,007,x,
17,51,1.82,male,2020-03-13,007,x,
18,52,1.83,male,2020-03-14,007,x,
19,53,1.84,male,2020-03-15,007,x,
20,55,1.85,male,2020-03-16,007,x,
21,56,1.86,male,2020-03-17,007,x,
22,57,1.87,male,2020-03-18,007,x,
"""


def file_of(folder, text, name="table.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.fixture
def mixed(tmp_path):
    return read(file_of(tmp_path, MIXED))


def test_each_column_gets_its_kind(mixed):
    assert {column.name: column.kind for column in mixed.columns} == {
        "age": "integer",
        "height": "numeric",
        "sex": "categorical",
        "visit": "date",
        "code": "categorical",
        "same": "categorical",
        "note": "categorical",
    }
    assert mixed.column("sex").categories == ("", "female", "male")
    assert mixed.column("sex").missing
    assert mixed.column("code").categories == ("007", "010", "031")
    age = mixed.column("age")
    assert (age.low, age.high, age.missing, age.decimals) == (18, 77, True, 0)
    assert mixed.values["age"].dtype == np.float64
    assert np.isnan(mixed.values["age"][1])
    assert mixed.values["sex"].dtype == np.int32
    assert mixed.values["sex"][:4].tolist() == [1, 2, 1, 0]
    assert mixed.values["visit"][3] == -86_400
    assert np.isnan(mixed.values["visit"][2])
    assert len(mixed) == 22


def test_what_is_left_out_and_odd_is_said(mixed):
    notes = "\n".join(mixed.notes)
    assert "column id is left out: it numbers the rows" in notes
    assert "column same is constant" in notes
    assert "column note is nearly empty: 95%" in notes


@pytest.mark.parametrize("suffix", ["csv", "npz", "parquet"])
def test_a_table_that_is_written_is_read_again(mixed, tmp_path, suffix):
    path = tmp_path / f"again.{suffix}"
    write(mixed, path)
    again = read(path, columns=mixed.columns)
    for name in mixed.names:
        np.testing.assert_array_equal(again.values[name], mixed.values[name])
    if suffix == "csv":  # in the formats of the input, but for zeros at the end
        lines = path.read_text().splitlines()
        assert lines[0] == "age,height,sex,visit,code,same,note"
        assert lines[1] == "31,1.75,female,2020-01-31,007,x,"
        assert lines[3] == "54,NA,female,,007,x,"
        assert lines[4] == "18,1.62,,1969-12-31,031,x,"


def test_the_user_chooses_kinds(tmp_path):
    path = file_of(tmp_path, "a,b,c\n" + "".join(f"{i % 3},{i},{i / 7}\n" for i in range(30)))
    assert [column.kind for column in read(path).columns] == ["categorical", "numeric"]
    table = read(path, categorical=["b"], numeric=["a"], ignore=["c"])
    assert [(column.name, column.kind) for column in table.columns] == [
        ("a", "integer"),
        ("b", "categorical"),
    ]
    assert table.column("b").categories == tuple(map(str, range(30)))  # by size, not by letters
    for options, message in (
        ({"ignore": ["d"]}, "`ignore` d: .* has no such column, but a, b, c"),
        ({"ignore": ["a"], "numeric": ["a"]}, "column a is named by `numeric` and by `ignore`"),
        ({"ignore": ["a", "b", "c"]}, "no column left"),
    ):
        with pytest.raises(UserError, match=message):
            read(path, **options)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_delimiter_and_encoding_are_found(tmp_path, delimiter, encoding):
    rows = ["größe,ort", *("1.5,München" if i % 2 else "2.5,Köln" for i in range(9)), "3.5,Köln"]
    path = file_of(tmp_path, "\n".join(rows).replace(",", delimiter) + "\n", encoding=encoding)
    table = read(path)
    assert table.names == ("größe", "ort")
    assert table.column("ort").categories == ("Köln", "München")
    assert bool(table.notes) == (encoding == "cp1252")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "no rows"),
        ("a,b\n1,2\n", "one row"),
        ("a,,c\n1,2,3\n4,5,6\n", "column 2 of .* has no name"),
        ("a,b,a\n1,2,3\n4,5,6\n", "2 columns 'a', the columns 1 and 3"),
        ("a,b\n1,2\n1,2,3\n", 'line 3 of .* has 3 fields, and the first line names 2 columns .*","'),
        ("1.5,2\n1,2\n4,5\n", "first line of .* holds numbers"),
        ("a,b\n1.5,2\n2.5,4\nx,6\n3.5,8\n", "column a of .*, line 4: 'x' among numbers"),
        ("a,b\n1.5,2\n2.5,4\ninf,6\n3.5,8\n", "column a of .*, line 4: inf is no finite number"),
        ("a,b\n1.5,2\n2.5,4\n1e999,6\n3.5,8\n", "column a of .*, line 4: 1e999 is no finite number"),
    ],
)
def test_bad_files_are_refused_with_column_and_line(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read(file_of(tmp_path, text))


def test_other_files_are_refused(tmp_path):
    with pytest.raises(UserError, match="there is no file"):
        read(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\x89PNG\0\0\0\xff\xd8")
    with pytest.raises(UserError, match="is no text"):
        read(tmp_path / "bytes.csv")
    np.savez(tmp_path / "deep.npz", a=np.zeros((3, 2)))
    with pytest.raises(UserError, match=r"'a' has shape \[3, 2\]"):
        read(tmp_path / "deep.npz")
    np.savez(tmp_path / "uneven.npz", a=np.zeros(3), b=np.zeros(4))
    with pytest.raises(UserError, match="'a' has 3 rows and column 'b' has 4"):
        read(tmp_path / "uneven.npz")


def test_another_file_is_read_by_the_columns_of_the_first(mixed, tmp_path):
    head = "note,same,code,visit,sex,height,age,more\n"
    other = read(file_of(tmp_path, head + ",x,031,2019-01-01,male,2,90,?\n", "b.csv"), columns=mixed.columns)
    assert other.names == mixed.names
    assert len(other) == 1
    assert other.values["code"].tolist() == [2]
    strange = file_of(tmp_path, head + ",x,031,2019-01-01,male,2,90,\n,x,099,,male,2,90,\n", "c.csv")
    with pytest.raises(
        UserError, match=r"column code of .*, line 3: '099' is none of the categories '007', '010', '031'"
    ):
        read(strange, columns=mixed.columns)
    table = read(strange, columns=mixed.columns, new_categories=True)
    assert table.column("code").categories == ("007", "010", "031", "099")
    with pytest.raises(
        UserError, match=r"column visit of .*, line 2: 'soon' is no date in the format %Y-%m-%d"
    ):
        read(file_of(tmp_path, head + ",x,031,soon,male,2,90,\n", "d.csv"), columns=mixed.columns)
    with pytest.raises(UserError, match=r"has no column age, but a, b"):
        read(file_of(tmp_path, "a,b\n1,2\n3,4\n", "e.csv"), columns=mixed.columns)


def test_blocks_join(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxgan.data.tables.files.BLOCK", 3)
    path = file_of(tmp_path, "n,c\n" + "".join(f"{i / 4},{'ab'[i % 2]}\n" for i in range(20)))
    table = read(path)
    np.testing.assert_array_equal(table.values["n"], np.arange(20) / 4)
    np.testing.assert_array_equal(table.values["c"], np.arange(20) % 2)
    assert table.column("n").decimals == 2
    path.write_text(path.read_text() + "7,d,8\n")
    with pytest.raises(UserError, match=r"line 22 of .* has 3 fields"):
        read(path)


def test_arrays_of_an_npz_keep_their_types(tmp_path):
    np.savez(
        tmp_path / "t.npz",
        small=np.float32([0.1, 0.2, np.nan] * 10),
        whole=np.arange(30) * 5,
        flag=np.arange(30) % 2 == 0,
        name=np.array(["é", "b", "c"] * 10),
        day=np.arange(30).astype("datetime64[D]"),
    )
    table = read(tmp_path / "t.npz", numeric=["small"])
    assert [column.kind for column in table.columns] == [
        "numeric",
        "integer",
        "categorical",
        "categorical",
        "date",
    ]
    np.testing.assert_array_equal(table.values["small"][:3], [0.1, 0.2, np.nan])
    assert table.column("flag").categories == ("False", "True")
    write(table, tmp_path / "again.npz")
    with np.load(tmp_path / "again.npz") as again:
        assert [again[name].dtype.kind for name in ("small", "whole", "flag", "name", "day")] == list("fibUU")
    assert table.values["day"][29] == 29 * 86_400


def test_rows_are_taken_and_numbers_print_in_full(tmp_path):
    columns = Column("x", "numeric"), Column("c", "categorical", ("a", "b"))
    table = Table(columns, {"x": np.array([0.1 + 0.2, np.nan, 1e-300]), "c": np.array([0, 1, 1], np.int32)})
    part = table.take(np.array([0, 2]))
    assert len(part) == 2
    assert len(table.take(slice(1, None))) == 2
    write(part, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "x,c\n0.30000000000000004,a\n1e-300,b\n"
    with pytest.raises(UserError, match=r"written to a .csv, .npz or .parquet"):
        write(part, tmp_path / "t.xlsx")


EUROPEAN = "a;b;c;d\n" + "".join(f"{i},50;-{i},5e-3;{i % 3};{'x,y' if i % 2 else 'z'}\n" for i in range(30))


def test_decimal_commas_are_read_and_written(tmp_path):
    path = file_of(tmp_path, EUROPEAN)
    table = read(path, numeric=["c"])
    assert [(column.kind, column.mark, column.decimals) for column in table.columns[:3]] == [
        ("numeric", ",", 2),
        ("numeric", ",", None),
        ("integer", ".", 0),
    ]
    np.testing.assert_array_equal(table.values["a"], np.arange(30) + 0.5)
    np.testing.assert_allclose(table.values["b"], -(np.arange(30) + 0.5) * 1e-3)
    assert table.column("d").categories == ("x,y", "z")
    write(table, tmp_path / "again.csv")
    assert (tmp_path / "again.csv").read_text().splitlines()[:3] == [
        "a;b;c;d",
        "0,50;-0,0005;0;z",
        "1,50;-0,0015;1;x,y",
    ]
    for suffix in ("csv", "npz"):  # an array has points
        write(table, tmp_path / f"again.{suffix}")
        again = read(tmp_path / f"again.{suffix}", columns=table.columns)
        np.testing.assert_array_equal(again.values["a"], table.values["a"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1.000,5", "column a of .*, line 12: '1.000,5' among numbers"),
        ("1.5", "column a of .*, line 12: '1.5' among numbers"),
        ("1,2,3", "column a of .*, line 12: '1,2,3' among numbers"),
    ],
)
def test_a_column_has_one_decimal_mark(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        read(file_of(tmp_path, EUROPEAN.replace("\n10,50;", f"\n{text};")))
    pointed = "".join(f"{i}.5\t{i / 8}\n" for i in range(30)).replace("7.5\t", "7,5\t")
    with pytest.raises(UserError, match="line 9: '7,5' among numbers"):
        read(file_of(tmp_path, "a\tb\n" + pointed))
    with pytest.raises(UserError, match=r"the first line .* holds numbers"):
        read(file_of(tmp_path, "1,5;2;3\n3,5;4;5\n"))


def test_whole_numbers_that_a_float_does_not_hold_are_left_out_with_a_note(tmp_path):
    rows = "".join(f"{2**60 + i},{i * i},{2**60 + i % 3}\n" for i in range(30))
    file = file_of(tmp_path, "account,size,group\n" + rows)
    table = read(file)
    assert table.names == ("size", "group")
    assert table.column("group").categories == tuple(str(2**60 + i) for i in range(3))
    assert table.notes == (
        "column account is left out: its whole numbers have more digits than a float keeps "
        "(`categorical` or `numeric` keeps it)",
    )
    assert read(file, categorical=["account"]).column("account").categories[1] == str(2**60 + 1)
    assert read(file, numeric=["account"]).column("account").kind == "integer"


@pytest.mark.parametrize(("unit", "place"), [("1e306", "from 0 to 2.9e"), ("1e-320", "from 0 to 2.8")])
def test_numbers_that_floats_cannot_compute_with_are_refused(tmp_path, unit, place):
    rows = "".join(f"{i * float(unit):e},{i * i}\n" for i in range(30))
    with pytest.raises(UserError, match=f"column a of .* goes {place}.*, whose squares no float holds"):
        read(file_of(tmp_path, "a,b\n" + rows))
