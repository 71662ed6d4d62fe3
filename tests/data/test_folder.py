"""A folder of pictures: every kind that people have, and every way in which files are broken."""

import json
import os
import threading
import warnings

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from jaxgan.data import load, pictures
from jaxgan.data.dataset import SeveralSizesError
from jaxgan.data.fingerprint import checksum
from jaxgan.data.sources import first_shape
from jaxgan.system.errors import UserError

RANDOM = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


def save(path, pixels=RANDOM, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(path, **options)
    return path


def only(folder, **options):
    """Load a folder that holds one picture; return its pixels."""
    dataset = load(str(folder), **options)
    assert len(dataset.images) == 1
    return np.asarray(dataset.images[0])


def test_pictures_are_found_at_every_depth_and_sorted_by_path(tmp_path):
    shades = {
        "b.png": 10,
        "a/z.PNG": 20,
        "a/deep/er/y.bmp": 30,
        "c.ppm": 90,
        ".hidden.png": 5,
        ".git/x.png": 6,
    }
    for name, shade in shades.items():
        save(tmp_path / name, np.full((4, 4, 3), shade, np.uint8))
    (tmp_path / "notes.txt").write_text("not a picture")
    dataset = load(str(tmp_path))
    assert dataset.images[:, 0, 0, 0].tolist() == [30, 20, 10, 90]
    assert dataset.images.dtype == np.uint8
    assert dataset.images.shape == (4, 4, 4, 3)
    assert (dataset.name, dataset.labels, dataset.notes) == (str(tmp_path), None, ())


def test_classes_are_first_level_subfolders_only_when_asked_for(tmp_path):
    for shade, name in enumerate(("dog/1.png", "cat/1.png", "cat/more/2.png", "emu/1.png")):
        save(tmp_path / name, RANDOM // (shade + 1))
    assert load(str(tmp_path)).labels is None
    dataset = load(str(tmp_path), conditional=True)
    assert dataset.labels.tolist() == [0, 0, 1, 2]
    assert dataset.labels.dtype == np.int32
    assert dataset.num_classes == 3
    assert dataset.notes == ("3 classes: cat, dog, emu",)


def test_the_first_shape_is_that_of_the_first_picture_that_can_be_read(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    assert first_shape(str(tmp_path)) is None
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "b.png", RANDOM[:5, :, 0], exif=exif)
    save(tmp_path / "c.png")
    assert first_shape(str(tmp_path)) == (8, 5, 1)


def test_labels_stay_with_their_pictures_when_one_is_skipped(tmp_path):
    for name, shade in {"a/1.png": 10, "b/2.png": 20, "c/3.png": 30}.items():
        save(tmp_path / name, np.full((4, 4, 3), shade, np.uint8))
    (tmp_path / "a" / "0.png").write_bytes(b"")
    (tmp_path / "b" / "1.png").write_bytes(b"")
    dataset = load(str(tmp_path), conditional=True)
    assert dataset.images[:, 0, 0, 0].tolist() == [10, 20, 30]
    assert dataset.labels.tolist() == [0, 1, 2]


def test_a_picture_without_a_class_is_refused(tmp_path):
    save(tmp_path / "a" / "1.png")
    save(tmp_path / "stray.png")
    with pytest.raises(UserError, match=r"1 file in none: stray\.png"):
        load(str(tmp_path), conditional=True)


def halves(mode, left, right):
    """A picture whose left and right halves differ, 4 high and 8 wide."""
    picture = Image.new(mode, (8, 4), right)
    picture.paste(left, (0, 0, 4, 4))
    return picture


@pytest.mark.parametrize(
    ("picture", "suffix", "color"),
    [
        (halves("RGB", (200, 0, 0), (0, 100, 0)), "png", ((200, 0, 0), (0, 100, 0))),
        (halves("RGBA", (200, 0, 0, 255), (9, 9, 9, 0)), "png", ((200, 0, 0), (255, 255, 255))),
        (halves("RGB", (200, 0, 0), (0, 100, 0)).quantize(4), "gif", ((200, 0, 0), (0, 100, 0))),
        (halves("CMYK", (0, 255, 255, 0), (0, 0, 0, 255)), "tif", ((255, 0, 0), (0, 0, 0))),
        (halves("LA", (70, 255), (0, 0)), "png", ((70, 70, 70), (255, 255, 255))),
        (halves("L", 70, 30), "png", ((70, 70, 70), (30, 30, 30))),
        (halves("1", 1, 0), "png", ((255, 255, 255), (0, 0, 0))),
        (halves("I;16", 65535, 257 * 50), "png", ((255, 255, 255), (50, 50, 50))),
        (halves("I;16", 65535, 257 * 50), "tif", ((255, 255, 255), (50, 50, 50))),
        (halves("I", 65535, 0), "pgm", ((255, 255, 255), (0, 0, 0))),
    ],
)
def test_pixels_of_every_mode(tmp_path, picture, suffix, color):
    save(tmp_path / f"a.{suffix}", picture)
    pixels = only(tmp_path, channels=3)
    assert pixels.shape == (4, 8, 3)
    assert (pixels[:, :4] == color[0]).all()
    assert (pixels[:, 4:] == color[1]).all()


def test_a_palette_with_a_transparent_entry_is_laid_on_white(tmp_path):
    save(tmp_path / "a.png", halves("RGB", (200, 0, 0), (0, 100, 0)).quantize(2), transparency=0)
    corners = only(tmp_path)[0, [0, -1]].tolist()
    assert [255, 255, 255] in corners
    assert [200, 0, 0] in corners or [0, 100, 0] in corners


def test_channels_follow_the_files_unless_given(tmp_path):
    save(tmp_path / "a.png", halves("L", 70, 30))
    assert only(tmp_path).shape == (4, 8, 1)
    assert only(tmp_path, channels=3).shape == (4, 8, 3)
    save(tmp_path / "b.png", halves("RGB", (255, 0, 0), (0, 0, 0)))
    dataset = load(str(tmp_path))
    assert dataset.images.shape == (2, 4, 8, 3)
    assert dataset.notes == ("1 file converted from gray to color: a.png",)
    gray = load(str(tmp_path), channels=1)
    assert gray.images[:, 0, 0, 0].tolist() == [70, 76]  # 76 = round(0.299 * 255)
    assert gray.notes == ()


def test_the_camera_s_orientation_is_applied(tmp_path):
    picture = halves("RGB", (250, 250, 250), (0, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright: left becomes top
    save(tmp_path / "a.png", picture, exif=exif)
    pixels = only(tmp_path)
    assert pixels.shape == (8, 4, 3)
    assert (pixels[:4] == 250).all()
    assert (pixels[4:] == 0).all()
    save(tmp_path / "b.png", np.zeros((8, 4, 3), np.uint8))  # the same size, seen upright
    assert load(str(tmp_path)).images.shape == (2, 8, 4, 3)


@pytest.mark.parametrize(("shape", "image_size"), [((6, 10), (3, 3)), ((10, 6), (3, 3)), ((8, 12), (4, 2))])
def test_the_center_is_kept(tmp_path, shape, image_size):
    pixels = np.zeros((*shape, 3), np.uint8)
    height, width = image_size
    scale = min(shape[0] / height, shape[1] / width)
    top, left = int(shape[0] - height * scale) // 2, int(shape[1] - width * scale) // 2
    pixels[top : shape[0] - top, left : shape[1] - left] = 100  # just the largest box of that aspect
    save(tmp_path / "a.png", pixels)
    assert only(tmp_path, image_size=image_size).shape == (height, width, 3)
    assert (only(tmp_path, image_size=image_size) == 100).all()


def test_what_shrinks_is_averaged(tmp_path):
    chequered = np.indices((64, 64)).sum(axis=0) % 2 * 255
    save(tmp_path / "a.png", chequered.astype(np.uint8))
    small = only(tmp_path, image_size=(8, 8)).astype(int)
    assert abs(small - 128).max() <= 4  # a filter that samples gives 0 or 255


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert (only(tmp_path) == (255, 0, 0)).all()


def bomb(path):
    save(path, Image.new("1", (20_000, 20_000)))  # 50 kB on disk, 400 million pixels


def bomb_that_pillow_only_warns_of(path):
    save(path, Image.new("1", (10_000, 10_000)))


def half(path, **options):
    save(path, np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8), **options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


BROKEN = {
    "empty.png": (lambda path: path.write_bytes(b""), "empty"),
    "page.png": (lambda path: path.write_text("<!DOCTYPE html><html>404</html>"), "not a picture"),
    "half.png": (half, "truncated"),
    "half.jpg": (half, "truncated"),
    "half.gif": (half, "truncated"),
    "half.webp": (half, ""),
    "half.bmp": (half, "truncated"),
    "bomb.png": (bomb, "exceeds limit"),
    "warned.png": (bomb_that_pillow_only_warns_of, "exceeds limit"),
    "float.tif": (lambda path: save(path, np.ones((8, 8), np.float32)), "no known range"),
    "script.png": (lambda path: path.write_text("%!PS-Adobe-3.0 EPSF-3.0\n"), "not a picture"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_named_and_skipped_or_refused(tmp_path, name):
    spoil, why = BROKEN[name]
    save(tmp_path / "a.png")
    spoil(tmp_path / name)
    for _ in range(2):  # decoded, and from the cache
        dataset = load(str(tmp_path), image_size=(8, 8))
        np.testing.assert_array_equal(dataset.images, RANDOM[None])
        (note,) = dataset.notes
        assert note.startswith(f"1 file skipped: {name} (")
        assert why in note
        assert "\n" not in note
        with pytest.raises(UserError, match=f"1 file cannot be read: {name}"):
            load(str(tmp_path), image_size=(8, 8), strict=True)


def test_no_file_freezes_or_runs_anything(tmp_path, monkeypatch):
    save(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "missing.png")
    monkeypatch.setattr("subprocess.Popen", None)
    (tmp_path / "script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    assert load(str(tmp_path)).notes == ("1 file skipped: script.png (not a picture)",)


def test_many_broken_files_are_counted(tmp_path):
    save(tmp_path / "z.png")
    for i in range(5):
        (tmp_path / f"{i}\n\x1b[31m.png").write_bytes(b"")
    (note,) = load(str(tmp_path)).notes
    assert note == "5 files skipped: 0??[31m.png (empty), 1??[31m.png (empty), 2??[31m.png (empty) and 2 more"


def test_a_name_that_is_not_utf8_is_no_obstacle(tmp_path):
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(b"")
    save(tmp_path / "a.png")
    (note,) = load(str(tmp_path)).notes
    assert note == "1 file skipped: ?.png (empty)"


def test_only_broken_files_are_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(UserError, match=r"none of the pictures .* a\.png \(empty\)"):
        load(str(tmp_path))


def test_links_lead_nowhere_outside(tmp_path):
    outside = save(tmp_path / "outside" / "secret.png").parent
    root = tmp_path / "root"
    root.mkdir()
    (root / "link.png").symlink_to(outside / "secret.png")
    (root / "folder").symlink_to(outside)
    with pytest.raises(UserError, match=r"holds no pictures .*2 links lead out"):
        load(str(root))
    save(root / "a.png")
    save(root / "b.png", 255 - RANDOM)
    (root / "inside.png").symlink_to("a.png")
    dataset = load(str(root))
    assert len(dataset.images) == 3
    assert dataset.notes == ("2 links lead out of the folder and are not followed",)


def test_the_folder_itself_may_be_a_link(tmp_path):
    save(tmp_path / "real" / "a.png")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    np.testing.assert_array_equal(only(tmp_path / "link"), RANDOM)


def test_mixed_sizes_need_a_size(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png", RANDOM[:4])
    with pytest.raises(
        SeveralSizesError, match=r"2 sizes \(a\.png is 8x8, b\.png is 4x8\): set `image_size`"
    ):
        load(str(tmp_path))
    assert load(str(tmp_path), image_size=(4, 4)).images.shape == (2, 4, 4, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: None, "there is no folder"),
        (lambda folder: folder.mkdir(), "holds no pictures"),
        (lambda folder: folder.write_text("x"), "is a file, but neither an .npz with"),
    ],
)
def test_no_folder_no_pictures(tmp_path, make, message):
    make(tmp_path / "x")
    with pytest.raises(UserError, match=message) as caught:
        load(str(tmp_path / "x"))
    assert "\n" not in str(caught.value)


def test_changes_to_the_folder_are_seen(tmp_path):
    save(tmp_path / "a.png")
    assert len(load(str(tmp_path)).images) == 1
    save(tmp_path / "b.png", 255 - RANDOM)
    assert len(load(str(tmp_path)).images) == 2
    save(tmp_path / "a.png", 255 - RANDOM)
    os.utime(tmp_path / "a.png", ns=(0, 12345))
    assert (load(str(tmp_path)).images[0] == 255 - RANDOM).all()


def test_a_change_is_seen_that_keeps_size_and_time(tmp_path):
    save(tmp_path / "a.bmp")
    before = (tmp_path / "a.bmp").stat()
    load(str(tmp_path))
    save(tmp_path / "a.bmp", 255 - RANDOM)
    os.utime(tmp_path / "a.bmp", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (tmp_path / "a.bmp").stat().st_size == before.st_size
    assert (load(str(tmp_path)).images[0] == 255 - RANDOM).all()


@pytest.mark.parametrize("suffix", ["tiff", "png", "jpg"])
def test_a_turned_picture_has_the_size_that_it_is_shown_in(tmp_path, suffix):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    Image.fromarray(np.zeros((12, 20, 3), np.uint8)).save(tmp_path / f"a.{suffix}", exif=exif)
    Image.fromarray(np.zeros((20, 12, 3), np.uint8)).save(tmp_path / f"b.{suffix}")
    assert load(str(tmp_path)).images.shape == (2, 20, 12, 3)
    assert first_shape(str(tmp_path)) == (20, 12, 3)


def test_a_second_look_decodes_nothing(tmp_path, monkeypatch):
    save(tmp_path / "a.png")
    first = load(str(tmp_path), image_size=(4, 4))
    monkeypatch.setattr("PIL.Image.open", None)
    second = load(str(tmp_path), image_size=(4, 4))
    np.testing.assert_array_equal(first.images, second.images)


def test_more_pictures_than_are_decoded_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxgan.data.folder.CHUNK", 3)
    for i in range(10):
        save(tmp_path / f"{i}.png", np.full((2, 2), i, np.uint8))
    assert load(str(tmp_path)).images[:, 0, 0, 0].tolist() == list(range(10))


def test_a_link_that_leads_to_itself_is_left_out(tmp_path):
    save(tmp_path / "a.png")
    (tmp_path / "loop.png").symlink_to("loop.png")
    assert len(load(str(tmp_path), image_size=(4, 4)).images) == 1


def test_a_home_that_nobody_has_is_one_sentence():
    with pytest.raises(UserError, match="there is no folder ~nobody-has-this-name"):
        load("~nobody-has-this-name/pictures", image_size=(4, 4))


def written_by_a_run(folder, *names):
    """Make a folder with files of a run and two of its pictures."""
    save(folder / "reals.png")
    save(folder / "samples" / "step_00000004.png")
    for name in names:
        if name in ("checkpoints", "populations"):
            (folder / name).mkdir()
        else:
            (folder / name).write_text("{}")


def test_the_pictures_of_runs_are_left_out_and_counted(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "b.png", 255 - RANDOM)
    written_by_a_run(tmp_path / "runs" / "one", "config.json", "env.json")  # killed in its first second
    written_by_a_run(tmp_path / "runs" / "two", "config.json", "checkpoints")
    written_by_a_run(tmp_path / "runs" / "sweep", "status.json", "populations")
    written_by_a_run(tmp_path / "runs" / "sweep" / "best", "config.json", "status.json")
    written_by_a_run(tmp_path / "runs" / "vae", "config.json", "metrics.jsonl")
    (tmp_path / "link.png").symlink_to(tmp_path / "runs" / "one" / "reals.png")
    dataset = load(str(tmp_path))
    assert len(dataset.images) == 2
    (note,) = dataset.notes
    assert note.startswith("11 pictures in 4 run folders are left out: ")
    assert len(load(str(tmp_path / "runs" / "one")).images) == 2  # it was named, so it is wanted
    assert len(load(str(tmp_path / "runs" / "one" / "samples")).images) == 1
    with pytest.raises(UserError, match=r"holds no pictures .*; 10 pictures in 4 run folders are left out: "):
        load(str(tmp_path / "runs"))


def test_the_pictures_of_evaluations_and_studies_are_left_out(tmp_path):
    save(tmp_path / "a.png")
    save(tmp_path / "scores" / "plots" / "nearest.png")
    (tmp_path / "scores" / "metric-fid.json").write_text("{}")
    save(tmp_path / "studies" / "alarms.png")
    (tmp_path / "studies" / "alarms.json").write_text(json.dumps({"study": "alarms", "rows": []}))
    (tmp_path / "studies" / "alarms").mkdir()
    dataset = load(str(tmp_path))
    assert len(dataset.images) == 1
    (note,) = dataset.notes
    assert note.startswith("2 pictures in 2 run folders are left out: ")


@pytest.mark.parametrize("names", [[], ["config.json"], ["metadata.json", "log.txt"], ["checkpoints"]])
def test_a_class_with_other_files_is_no_run(tmp_path, names):
    written_by_a_run(tmp_path / "export", *names)
    save(tmp_path / "plots" / "a.png", 255 - RANDOM)
    dataset = load(str(tmp_path), conditional=True)
    assert (len(dataset.images), dataset.class_names, len(dataset.notes)) == (3, ("export", "plots"), 1)


def test_files_with_other_suffixes_are_counted(tmp_path):
    for name in ("a.png", "b.JFIF", "c.jpe", "d", "e.ApNG"):
        (tmp_path / name).write_bytes(save(tmp_path / "x" / "x.png").read_bytes())
    for name in ("1.heic", "2.HEIC", "8.heic", "3.svg", "4", "5.jp2", "6.", "7.exr"):
        (tmp_path / name).write_bytes(b"x")
    for name in (
        "labels.txt",
        "labels.csv",
        "a.json",
        "README",
        "LICENSE",
        "Thumbs.db",
        ".DS_Store",
        "A.XML",
    ):
        (tmp_path / name).write_bytes(b"x")
    dataset = load(str(tmp_path))
    assert len(dataset.images) == 6
    line = "8 files are no pictures that are read here (.heic, without a suffix, .exr and 2 more)"
    assert dataset.notes[0] == line


def test_a_folder_of_other_suffixes_says_which(tmp_path):
    (tmp_path / "1.heic").write_bytes(b"x")
    with pytest.raises(
        UserError, match=r"holds no pictures .*; 1 file is no picture .* read here \(\.heic\)"
    ):
        load(str(tmp_path))


@pytest.mark.skipif(".avif" not in pictures.SUFFIXES, reason="this Pillow cannot read AVIF")
def test_avif_is_read(tmp_path):
    save(tmp_path / "a.avif", Image.new("RGB", (8, 4), (255, 255, 255)))
    assert only(tmp_path).shape == (4, 8, 3)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp"])
def test_a_file_that_is_left_out_decides_nothing(tmp_path, suffix):
    save(tmp_path / "b.png", halves("L", 70, 30))
    save(tmp_path / "c.png", halves("L", 30, 70))
    half(tmp_path / f"a.{suffix}")  # 64x64 and in color, if it were whole
    assert first_shape(str(tmp_path)) == (4, 8, 1)
    dataset = load(str(tmp_path))
    assert dataset.images.shape == (2, 4, 8, 1)
    (note,) = dataset.notes
    assert note.startswith(f"1 file skipped: a.{suffix} (")


@pytest.mark.parametrize("color", [0, 1, 2, 3])
def test_gray_pictures_become_color_wherever_the_color_is(tmp_path, monkeypatch, color):
    monkeypatch.setattr("jaxgan.data.cache.BLOCK", 7)  # bytes, so that a picture takes several
    expected = np.stack([np.full((4, 8, 3), 60 * shade, np.uint8) for shade in range(1, 5)])
    expected[color, :, :, 1] = 7
    for i, pixels in enumerate(expected):
        save(tmp_path / f"{i}.png", pixels if i == color else pixels[..., 0])
    dataset = load(str(tmp_path))
    np.testing.assert_array_equal(dataset.images, expected)
    assert dataset.content == checksum(expected)
    (note,) = dataset.notes
    assert note.startswith("3 files converted from gray to color: ")


@pytest.mark.parametrize(
    "picture",
    [
        Image.fromarray(RANDOM[..., 0]),
        Image.fromarray(RANDOM[..., 0] > 127),
        Image.fromarray(RANDOM[..., 0].astype(np.uint16) * 251),
        Image.merge("LA", [Image.fromarray(RANDOM[..., i]) for i in range(2)]),
    ],
    ids=lambda picture: picture.mode,
)
@pytest.mark.parametrize("image_size", [None, (5, 3)])
def test_a_gray_picture_made_color_later_is_the_same_as_at_once(tmp_path, picture, image_size):
    file = save(tmp_path / "a.png", picture)
    gray, color = (pictures.read(file, image_size, channels)[0] for channels in (1, 3))
    np.testing.assert_array_equal(np.repeat(gray, 3, axis=2), color)


def test_each_file_is_opened_once_and_by_a_worker(tmp_path, monkeypatch):
    for i in range(5):
        save(tmp_path / f"{i}.png", RANDOM // (i + 1))
    opened, open_ = [], Image.open
    loads, load_ = [], PngImagePlugin.PngImageFile.load_prepare

    def counted(file, **options):
        opened.append((file.name, threading.current_thread()))
        return open_(file, **options)

    monkeypatch.setattr("PIL.Image.open", counted)
    monkeypatch.setattr(
        "PIL.PngImagePlugin.PngImageFile.load_prepare", lambda self: loads.append(self) or load_(self)
    )
    load(str(tmp_path), image_size=(4, 4))
    assert sorted(name for name, _ in opened) == [str(tmp_path / f"{i}.png") for i in range(5)]
    assert threading.main_thread() not in {thread for _, thread in opened}
    assert len(loads) == 5


def text_of(kind, compressed):
    """Return a picture's text of 3 MB, which Pillow reads only if it is not compressed."""
    info = PngImagePlugin.PngInfo()
    text = "x" * 3_000_000
    if kind == "iTXt":
        info.add_itxt("Comment", text, zip=compressed)
    else:
        info.add_text("Comment", text, zip=compressed)
    return {"pnginfo": info}


@pytest.mark.parametrize(
    "options",
    [
        text_of("tEXt", False),
        text_of("zTXt", True),
        text_of("iTXt", True),
        {"icc_profile": bytes(3_000_000)},
    ],
    ids=["tEXt", "zTXt", "iTXt", "iCCP"],
)
def test_text_and_profile_of_a_png_are_no_obstacle(tmp_path, options):
    exif = Image.Exif()
    exif[0x0112] = 6
    limits = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    save(tmp_path / "a.png", RANDOM[:5], exif=exif, **options)
    save(tmp_path / "b.png", np.rot90(RANDOM[:5], -1) // 2)
    dataset = load(str(tmp_path))
    np.testing.assert_array_equal(dataset.images[0], np.rot90(RANDOM[:5], -1))
    assert dataset.notes == ()
    assert limits == (PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY)


def test_text_after_the_pixels_is_no_obstacle(tmp_path):
    content = save(tmp_path / "a.png", **text_of("zTXt", True)).read_bytes()
    start = content.index(b"zTXt") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4])
    (tmp_path / "a.png").write_bytes(content[:start] + content[end:-12] + content[start:end] + content[-12:])
    np.testing.assert_array_equal(only(tmp_path), RANDOM)


def test_a_png_with_text_that_is_damaged_too_is_left_out(tmp_path):
    save(tmp_path / "a.png")
    content = save(tmp_path / "b.png", **text_of("zTXt", True)).read_bytes()
    (tmp_path / "b.png").write_bytes(content[:-60])
    (note,) = load(str(tmp_path)).notes
    assert note == "1 file skipped: b.png (image file is truncated)"


def test_a_bomb_is_refused_by_its_size_whatever_the_warnings(tmp_path):
    save(tmp_path / "a.png")
    bomb_that_pillow_only_warns_of(tmp_path / "b.png")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filters = list(warnings.filters)
        (note,) = load(str(tmp_path), image_size=(8, 8)).notes
        assert warnings.filters == filters
    assert note == "1 file skipped: b.png (its size 10000x10000 exceeds limit of 89,478,485 pixels)"


def test_damaged_exif_turns_nothing(tmp_path):
    save(tmp_path / "a.png", exif=b"Exif\0\0MM\0*\0\0\0")
    np.testing.assert_array_equal(only(tmp_path), RANDOM)


def test_many_classes_are_named_by_first_and_last(tmp_path):
    for i in range(1, 13):
        save(tmp_path / str(i) / "a.png", RANDOM // i)
    dataset = load(str(tmp_path), conditional=True)
    assert dataset.class_names == ("1", "10", "11", "12", "2", "3", "4", "5", "6", "7", "8", "9")
    assert dataset.notes == ("12 classes, in the order of their names: 1 is class 0, 9 is class 11",)
