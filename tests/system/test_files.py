"""Files: whole or missing, with the mode of the umask; a full disk is one sentence, whatever the writer raises."""

import errno
import json
import os
import pwd
import resource
import signal
import stat
import zipfile

import numpy as np
import pytest
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import save_file

from jaxgan.system import files
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, replace_folder, write_atomically


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    before = os.umask(0o027)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_files_have_the_mode_that_the_umask_gives(tmp_path):
    arrays = {"a": np.zeros(3)}
    write_atomically(tmp_path / "new/a.safetensors", lambda file: save_file(arrays, file))
    write_atomically(tmp_path / "new/a.npz", lambda file: np.savez(file, allow_pickle=False, **arrays))
    files.write_json(tmp_path / "new/a.json", {})
    assert {mode(path) for path in (tmp_path / "new").iterdir()} == {0o640}
    assert mode(tmp_path / "new") == 0o750


def test_what_a_killed_process_left_gives_no_mode(tmp_path):
    leftover = tmp_path / f".a.{os.getpid()}.tmp.json"
    leftover.touch(mode=0o600)
    files.write_json(tmp_path / "a.json", {})
    (tmp_path / "b.json").touch()
    assert mode(tmp_path / "a.json") == mode(tmp_path / "b.json")
    assert not leftover.exists()


def chained(error):
    try:
        try:
            raise error
        except OSError as cause:
            raise RuntimeError("could not save") from cause
    except RuntimeError as wrapped:
        return wrapped


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
        chained(OSError(errno.EFBIG, "File too large")),
        RuntimeError("RESOURCE_EXHAUSTED: run/profile/vm.xplane.pb; No space left on device"),
        zipfile.BadZipFile("File too large"),
    ],
)
def test_a_full_disk_is_one_sentence_whatever_the_writer_raises(tmp_path, error):
    def write(file):
        file.write_text("half")
        raise error

    (tmp_path / "a.bin").write_text("old")
    with pytest.raises(
        NoRoomError, match=r"^cannot write .*/a\.bin, [0-9.,]+ MB free: (No space|Disk|File too)"
    ):
        write_atomically(tmp_path / "a.bin", write)
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]
    assert (tmp_path / "a.bin").read_text() == "old"


def test_other_errors_of_a_writer_stay_what_they_are(tmp_path):
    for error in (ValueError("bad"), PermissionError(errno.EACCES, "Permission denied")):
        with pytest.raises(type(error)) as caught, files.writing(tmp_path / "a"):
            raise error
        assert caught.value is error


@pytest.fixture
def small_files():
    """No file may grow beyond 4,000 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


def test_a_real_limit_stops_each_kind_of_writer(tmp_path, request):
    pixels = np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)
    picture = Image.fromarray(pixels)
    writers = {
        "a.safetensors": lambda file: save_file({"a": pixels}, file),
        "a.npz": lambda file: np.savez_compressed(file, allow_pickle=False, a=pixels),
        "a.png": picture.save,
        "a.gif": lambda file: picture.save(file, save_all=True, append_images=[picture]),
        "a.json": lambda file: files.write_text(file, json.dumps(pixels.tolist())),
    }
    messages = {}
    request.getfixturevalue("small_files")
    for name, write in writers.items():
        try:
            write_atomically(tmp_path / name, write)
        except NoRoomError as error:
            messages[name] = str(error)
    assert list(messages) == list(writers)
    for name, message in messages.items():
        assert message.startswith(f"cannot write {tmp_path / name}, ")
        assert message.endswith("MB free: File too large")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_home_is_one_sentence_and_no_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("HOME")

    def nobody(number):
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.chdir(tmp_path)
    for path in ("~", "~/runs/a"):
        with pytest.raises(
            UserError, match=f"^{path}: no home folder is known for ~ .* write the path in full"
        ):
            files.expanded(path)
    assert str(files.expanded("~nobody-has-this-name/a")) == "~nobody-has-this-name/a"
    assert str(files.expanded("a/~")) == "a/~"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_whose_name_is_no_text_has_one_that_is(tmp_path):
    folder = tmp_path / "n\udcff"
    folder.mkdir()
    with files.as_text(folder) as named:
        str(named).encode()
        (named / "a").write_text("here")
    assert (folder / "a").read_text() == "here"
    with files.as_text(tmp_path) as named:
        assert named == tmp_path


def test_text_is_written_whatever_is_in_it(tmp_path):
    files.write_text(tmp_path / "a", "rün \udcff")
    assert (tmp_path / "a").read_bytes() == "rün ".encode() + rb"\udcff"
    files.write_json(tmp_path / "b", {"data": "rün \udcff"})
    assert json.loads((tmp_path / "b").read_bytes()) == {"data": "rün \udcff"}


def test_a_folder_is_replaced_whole(tmp_path):
    folder = tmp_path / "deep" / "folder"
    for text in ("first", "second"):
        replace_folder(folder, lambda new, text=text: (new / f"{text}.txt").write_text(text))
        assert [path.name for path in folder.iterdir()] == [f"{text}.txt"]
        assert [path.name for path in folder.parent.iterdir()] == ["folder"]


def test_a_folder_stays_where_writing_fails(tmp_path):
    folder = tmp_path / "folder"
    replace_folder(folder, lambda new: (new / "first.txt").write_text("first"))

    def fail(new):
        (new / "half.txt").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace_folder(folder, fail)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert (folder / "first.txt").read_text() == "first"


def test_a_link_to_a_folder_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    replace_folder(tmp_path / "link", lambda new: (new / "file.txt").write_text("text"))
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file.txt").read_text() == "text"


def test_a_full_disk_under_a_folder_is_told(tmp_path):
    def fail(new):
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(NoRoomError, match="folder"):
        replace_folder(tmp_path / "folder", fail)
    assert not list(tmp_path.iterdir())
