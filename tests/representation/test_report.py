"""Tables and files of the commands."""

import json

import numpy as np
import pytest

from jaxgan.representation.report import Comparison, output_file, save, table
from jaxgan.system.errors import UserError

FOUND = Comparison(
    {"one": {"accuracy": 0.51239, "clusters": 3}, "another": {"accuracy": 1.0, "deviation": np.nan}},
    {"0": {"images": 7, "class": "cat"}, "1": {"images": 0}},
    {"seed": 0, "parts": "cluster"},
    ("first", "second", "first"),
)


def test_a_table_has_a_line_for_each_method_and_each_part():
    assert table(FOUND).splitlines() == [
        "method   accuracy  clusters  deviation",
        "one      0.5124    3",
        "another  1                   nan",
        "",
        "cluster  images  class",
        "0        7       cat",
        "1        0",
        "note: first",
        "note: second",
    ]


def test_files_lie_in_the_runs_folder_or_where_the_user_says(tmp_path):
    assert output_file(tmp_path, None, "map.png") == tmp_path / "map.png"
    file = output_file(tmp_path, str(tmp_path / "new/folder/other.PNG"), "map.png")
    assert file == tmp_path / "new/folder/other.PNG"
    assert file.parent.is_dir()
    save(FOUND, {file: lambda path: path.write_bytes(b"picture")}, file.with_suffix(".json"))
    assert file.read_bytes() == b"picture"
    content = json.loads((tmp_path / "new/folder/other.json").read_text())
    assert content["methods"]["another"] == {"accuracy": 1.0, "deviation": None}
    assert content["parts"]["0"] == {"images": 7, "class": "cat"}
    assert content["protocol"] == {"seed": 0, "parts": "cluster"}


def test_files_that_cannot_be_written_are_refused_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    for out, message in (
        ("map.jpg", r"`out` must end in .png, got map.jpg"),
        ("map", r"`out` must end in .png, got map"),
        (tmp_path / "file/map.png", "cannot write to .*file"),
        (tmp_path / "folder.png", "folder.png is a folder"),
    ):
        with pytest.raises(UserError, match=message):
            output_file(tmp_path, out, "map.png")


def test_what_was_found_is_in_the_error_of_a_failed_write(tmp_path):
    def fail(path):
        raise PermissionError(13, "Permission denied")

    with pytest.raises(UserError, match=r"cannot write to .*: Permission denied. What was found:\nmethod"):
        save(FOUND, {tmp_path / "map.png": fail}, tmp_path / "map.json")
    assert not list(tmp_path.iterdir())
