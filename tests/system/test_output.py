"""Output: any text on any stream, and nobody who reads it."""

import io
import os
import subprocess
import sys

import pytest

from jaxgan.system import output, progress
from jaxgan.system.errors import exits


def stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "printed"),
    [("ascii", rb"r\xfcn \udcff"), ("latin-1", rb"r\xfcn \udcff"), ("utf-8", rb"r\xfcn \udcff")],
)
@pytest.mark.parametrize("error", [False, True])
def test_what_an_output_cannot_show_is_printed_as_its_code(monkeypatch, encoding, printed, error):
    out = stream(encoding)
    monkeypatch.setattr(sys, "stderr" if error else "stdout", out)
    output.write("plain", error=error)
    output.write("rün \udcff", error=error)
    assert out.buffer.getvalue() == b"plain\n" + printed + b"\n"


def test_what_an_output_can_show_is_left_as_it_is(monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream("utf-8"))
    output.write("rün")
    assert sys.stdout.buffer.getvalue().decode() == "rün\n"


def closed():
    out = stream("utf-8")
    out.close()
    return out


@pytest.mark.parametrize("out", [None, closed()])
def test_an_output_that_is_closed_is_silence(monkeypatch, out):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, out)
    output.write("a line")
    output.write("a line", error=True)
    progress.write("a line")
    output.flush()
    assert not output.is_terminal()
    with progress.counting("decoding", 2, "images") as bar:
        bar.update()
    bar = progress.Progress(0, 2, 1, metrics={})
    bar.start()
    bar.write("a line")


def test_a_pipe_that_nobody_reads_is_silence(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        output.write("a line")
        output.write("another")


def test_a_full_disk_fails_a_command_and_no_run(monkeypatch):
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OSError, match="cannot write the output: No space left on device"):
            output.write("a table")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        progress.write("a line")
        progress.write("another")
    with open("/dev/full", "w") as full:
        monkeypatch.setattr(sys, "stderr", full)
        output.write("error: a sentence", error=True)


def test_a_reader_who_has_seen_enough_is_no_failure(monkeypatch):
    monkeypatch.setattr(sys, "stdout", stream("utf-8"))
    with pytest.raises(SystemExit) as ended, exits(OSError):
        raise BrokenPipeError
    assert ended.value.code == 0


PROGRAM = """
import sys
from jaxgan.system import output
output.prepare()
with open("file", "w") as file:
    assert file.fileno() > 2
    print("a line")
    print("a line", file=sys.stderr)
    output.write("rün")
"""


@pytest.mark.slow
def test_what_is_printed_goes_into_no_file_where_the_outputs_were_closed(tmp_path):
    command = f"{sys.executable} -c '{PROGRAM}' <&- >&- 2>&-"
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    assert (tmp_path / "file").read_text() == ""
