"""Rows 12 to 15: files, names and numbers from somebody who means no good, or did not think."""

import json
import os
import pickle
import resource
import socket
import struct
import time
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from jaxgan import build, cli, data, export, train
from jaxgan.networks import mlp
from jaxgan.system import limits
from jaxgan.system.errors import UserError
from tiny_runs import files_of, tiny, train_tiny

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)


class Bomb:
    """Leaves a marker where it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_the_bomb_works(tmp_path):
    pickle.loads(pickle.dumps(Bomb(tmp_path / "marker")))
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    "name", ["weights.pkl", "weights.pt", "model.ckpt", "run/export/generator.safetensors"]
)
def test_pickled_weights_are_not_read(tmp_path, name):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.suffix == ".safetensors":
        save_generator(file.parent)
    file.write_bytes(pickle.dumps(Bomb(tmp_path / "marker")))
    with pytest.raises(UserError, match=r"only \.safetensors|cannot be read"):
        export.load_generator(file)
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["data.npz", "data.pkl", "folder"])
def test_pickled_images_are_not_read(tmp_path, name):
    bomb = np.array([Bomb(tmp_path / "marker")], dtype=object)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.png").write_bytes(pickle.dumps(bomb))
    np.savez(tmp_path / "data.npz", images=bomb)
    (tmp_path / "data.pkl").write_bytes(pickle.dumps(bomb))
    with pytest.raises(UserError):
        data.load(str(tmp_path / name))
    assert not (tmp_path / "marker").exists()


def save_generator(folder):
    generator = mlp.Generator((4, 4, 1), (8,))
    variables = generator.init(jax.random.key(0), jnp.zeros((1, 6)), None, train=False)
    export.save_generator(
        folder, generator, variables, image_shape=(4, 4, 1), latent_dim=6, num_classes=None, step=1
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"network": "__import__('os').mkdir('marker')"}, "can only be loaded with its module"),
        ({"network": {"a": 1}}, "does not describe"),
        ({"options": {"hidden": ["__import__('os').mkdir('marker')"]}}, "does not describe"),
        ({"options": {"parent": "x"}}, "does not describe"),
        ({"options": {"hidden": [10**15]}}, "does not fit|does not describe"),
        ({"options": {"hidden": [-8]}}, "does not describe"),
        ({"latent_dim": 10**15}, "beyond reason"),
        ({"latent_dim": "many"}, "does not describe"),
        ({"image_shape": [10**6, 10**6, 1]}, "beyond reason"),
        ({"image_shape": "abc"}, "does not describe"),
        ({"num_classes": 10**12}, "does not fit|does not describe"),
        ({"note": "x" * 10**6}, "larger than"),
        ({"note": None}, "does not describe"),  # replaced by a deep nest below
    ],
)
def test_a_description_is_data_and_its_numbers_have_limits(tmp_path, monkeypatch, changes, why):
    monkeypatch.chdir(tmp_path)
    save_generator(tmp_path / "export")
    description = json.loads((tmp_path / "export/config.json").read_text())
    text = json.dumps({**description, **changes})
    (tmp_path / "export/config.json").write_text(text.replace("null}", "[" * 20_000 + "]" * 20_000 + "}"))
    began = time.monotonic()
    with pytest.raises(UserError, match=why) as caught:
        export.load_generator(tmp_path)
    assert "\n" not in str(caught.value)
    assert time.monotonic() - began < 10
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize(
    ("dtype", "shape", "size"),
    [
        ("F32", [2**31], 2**33),  # the file is as long as it says: 8 GB, sparse
        ("F32", [2**40], 2**42),
        ("F64", [16], 128),
        ("F32", [4, 4], 64),
        ("F32", [-16], 64),
    ],
)
def test_a_header_is_compared_before_anything_is_allocated(tmp_path, dtype, shape, size):
    save_generator(tmp_path)
    header = json.dumps({"params/Dense_0/bias": {"dtype": dtype, "shape": shape, "data_offsets": [0, size]}})
    with (tmp_path / "generator.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(header)) + header.encode())
        file.truncate(8 + len(header) + min(size, 2**33))
    before = peak_memory()
    with pytest.raises(UserError, match=r"does not fit|cannot be read"):
        export.load_generator(tmp_path)
    assert peak_memory() - before < 2e8


def peak_memory():
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def test_a_header_longer_than_the_file_is_refused(tmp_path):
    save_generator(tmp_path)
    (tmp_path / "generator.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(UserError, match="cannot be read"):
        export.load_generator(tmp_path)


def test_a_zip_bomb_is_refused_by_its_directory(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "a.npz", images=np.zeros((100, 1000, 1000, 1), np.uint8))
    assert (tmp_path / "a.npz").stat().st_size < 200_000
    monkeypatch.setattr(limits, "available_memory", lambda: 10**7)
    before = peak_memory()
    with pytest.raises(UserError, match=r"a\.npz needs at least 0\.1 GB of memory; 0\.01 GB are available"):
        data.load(str(tmp_path / "a.npz"))
    assert peak_memory() - before < 5e7


ABSURD = [
    {"batch_size": 10**9},
    {"network": "dcgan", "width": 10**7, "image_size": 32},  # at 8x8 it takes 20 GB, which some have
    {"network": "dcgan", "width": 10**19},
    {"latent_dim": 10**12},
    {"latent_dim": -1},
    {"width": -1},
    {"steps": 10**10},
    {"beta1": float("nan")},
    {"penalty_weight": float("inf")},
    {"generator_learning_rate": float("nan")},
    {"device_data": float("nan")},
    {"image_size": 100000},
    {"image_size": (8000, 8000)},
    {"image_size": -1},
    {"rollbacks": -1},
    {"on_nan": "explode"},
]


@pytest.mark.parametrize("options", ABSURD, ids=str)
def test_an_absurd_config_is_refused_before_anything_is_allocated(tmp_path, options):
    began, before = time.monotonic(), peak_memory()
    with pytest.raises(UserError) as caught:
        train.run(tiny(tmp_path / "run", data="digits").replace(**options))
    assert "\n" not in str(caught.value)
    if (
        options.get("width") == 10**7
        or options.get("latent_dim") == 10**12
        or options.get("image_size") == (8000, 8000)
    ):
        assert "GB of memory" in str(caught.value)
        assert "available" in str(caught.value)
    assert not (tmp_path / "run").exists()
    assert peak_memory() - before < 5e8
    assert time.monotonic() - began < 20


def test_a_dry_run_refuses_it_too(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        train.main(tiny(tmp_path / "run", data="digits", latent_dim=10**11), "Test.", ["--dry-run"])
    assert caught.value.code == 2
    assert "GB of memory" in capsys.readouterr().err


def spoil(folder):
    """Write the pictures that people really have; return how many can be read."""
    folder.mkdir()
    good = Image.fromarray(PIXELS)
    good.save(folder / "good.png")
    for mode in ("CMYK", "L", "P"):
        good.convert(mode).save(folder / f"{mode}.{'jpg' if mode == 'CMYK' else 'png'}")
    Image.fromarray((PIXELS[..., 0].astype(np.uint16)) * 257).save(folder / "sixteen.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    good.save(folder / "turned.jpg", exif=exif)
    good.save(folder / "moves.gif", save_all=True, append_images=[good.rotate(90)])
    content = (folder / "good.png").read_bytes()
    (folder / "half.png").write_bytes(content[: len(content) // 2])
    (folder / "empty.png").write_bytes(b"")
    (folder / "page.png").write_text("<!DOCTYPE html><html>404</html>")
    Image.new("1", (20_000, 20_000)).save(folder / "bomb.png")
    return 7


@pytest.mark.slow
def test_a_run_on_pictures_as_they_come_never_stops_in_the_middle(tmp_path, capsys):
    readable = spoil(tmp_path / "pictures")
    config = tiny(tmp_path / "run", data=str(tmp_path / "pictures"), image_size=4, batch_size=4, steps=3)
    dataset = build.dataset(config)
    assert dataset.images.shape == (readable, 4, 4, 3)
    own = {"generator": mlp.Generator((4, 4, 3), (8,)), "discriminator": mlp.Discriminator((8,))}
    assert train.run(config, **own).status == "done"
    assert "note: 4 files skipped: bomb.png" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"4 files cannot be read"):
        train.run(config.replace(strict=True, workdir=str(tmp_path / "strict")), **own)
    assert not (tmp_path / "strict").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["é ü", "\u202egnp", "🙂", "a\nb", "a..b", "-rf", "x" * 200])
def test_odd_names_of_folders_write_nothing_outside(tmp_path, name, capsys):
    outside = tmp_path / "outside"
    outside.mkdir()
    Image.fromarray(PIXELS).save(outside / "secret.png")
    root = tmp_path / "data"
    (root / name).mkdir(parents=True)
    Image.fromarray(255 - PIXELS).save(root / name / f"{name[:100]}.png")
    (root / "link.png").symlink_to(outside / "secret.png")
    (root / "up").symlink_to(outside)
    before = files_of(outside)
    (images, *_), notes = (lambda found: (found.images, found.notes))(data.load(str(root)))
    np.testing.assert_array_equal(images, 255 - PIXELS)
    assert "2 links lead out of the folder" in " ".join(notes)
    result = train_tiny(tiny(tmp_path / "runs" / name, steps=1))
    assert result.status == "done"
    assert files_of(outside) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "outside", "runs"]
    assert [path.name for path in (tmp_path / "runs").iterdir()] == [name]


def test_members_of_an_archive_with_dots_in_their_names_are_not_unpacked(tmp_path):
    np.savez(tmp_path / "plain.npz", images=PIXELS[None])
    with zipfile.ZipFile(tmp_path / "plain.npz") as archive:
        content = archive.read("images.npy")
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("images.npy", content)
        archive.writestr("../../escaped.npy", content)
    assert data.load(str(tmp_path / "a.npz")).images.shape == (1, 8, 8, 3)
    assert not list(tmp_path.parent.glob("**/escaped*"))


def test_a_run_folder_of_somebody_else_is_read_as_data(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train_tiny(tiny(tmp_path / "run", steps=1))
    file = tmp_path / "run/config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "loss": "__import__('os').mkdir('marker')"}))
    with pytest.raises(UserError, match="holds a run with other settings"):
        train_tiny(tiny(tmp_path / "run", steps=1))
    file.write_text("__import__('os').mkdir('marker')")
    with pytest.raises(UserError, match="does not hold a run's settings as JSON"):
        train_tiny(tiny(tmp_path / "run", steps=1))
    cli.main(["check", "run"])
    assert "1  sound" in capsys.readouterr().out
    assert not (tmp_path / "marker").exists()


def test_training_opens_no_connection(tmp_path, monkeypatch):
    def refuse(*_, **__):
        pytest.fail("a connection was opened")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert train_tiny(tiny(tmp_path / "run", steps=2)).status == "done"
