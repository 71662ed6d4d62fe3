"""Arrays in files of PyTorch and NumPy: the same bits as the authors' programs had, and no false claims."""

import hashlib
import io
import json
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxgan.inert import MAGIC, WeightFile, entries_of, layers_of

GOLDEN = Path(__file__).parents[1] / "golden"  # made by make_import.py
FILES = {
    "import_stylegan2.pkl": ("import_stylegan2", "G_ema", "D"),
    "import_stylegan2_resnet.pkl": ("import_stylegan2_resnet", "G_ema", "D"),
    "import_r3gan.pkl": ("import_r3gan", "G_ema", "D"),
    "import_biggan.pth": ("import_biggan", "generator"),
    "import_biggan_judge.pth": ("import_biggan", "discriminator"),
    "import_biggan_tables.pth": ("import_biggan_tables", "generator"),
    "import_biggan_tables_judge.pth": ("import_biggan_tables", "discriminator"),
}


@pytest.mark.parametrize("file", FILES)
def test_arrays_have_the_bits_of_the_authors_programs(file):
    golden, *networks = FILES[file]
    weights = WeightFile((GOLDEN / file).read_bytes())
    told = json.loads(str(np.load(GOLDEN / f"{golden}.npz")["tensors"]))
    for network in networks:
        part = entries_of(weights.root)[network] if file.endswith(".pkl") else weights.root
        layers = layers_of(weights, part)
        assert layers.tensors.keys() == told[network].keys()
        for name, tensor in layers.tensors.items():
            array = weights.array(tensor)
            assert [list(array.shape), hashlib.sha256(array.tobytes()).hexdigest()] == told[network][name]


def test_settings_of_modules_come_with_them():
    weights = WeightFile((GOLDEN / "import_stylegan2.pkl").read_bytes())
    layers = layers_of(weights, entries_of(weights.root)["G_ema"])
    assert layers.settings["synthesis.b8.conv0"]["activation"] == "lrelu"
    assert layers.settings["mapping.fc0"]["bias_gain"] == 0.01
    assert layers_of(weights, entries_of(weights.root)["training_set_kwargs"]) is None


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">f4").reshape(2, 3),
        np.asfortranarray(np.arange(24.0).reshape(2, 3, 4)),
        np.array(3, np.int64),
        np.zeros((0, 2), np.float16),
    ],
)
def test_arrays_of_numpy(array, protocol):
    weights = WeightFile(pickle.dumps(array, protocol))
    found = weights.array(weights.tensor(weights.root))
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype.newbyteorder("=")


class Part:
    """A name of PyTorch, or a storage, in a pickle that is made without PyTorch."""

    def __init__(self, content):
        self.content = content


class Writer(pickle._Pickler):
    """Python's own pickler in Python, which writes a name without looking it up."""

    def persistent_id(self, obj):
        return obj.content if isinstance(obj, Part) and isinstance(obj.content, tuple) else None

    def save(self, obj, save_persistent_id=True):
        if isinstance(obj, Part) and isinstance(obj.content, str):
            self.write(b"c%s\n" % obj.content.replace("/", "\n").encode())
        elif isinstance(obj, Call):
            self.save(Part(obj.name))
            self.save(obj.arguments)
            self.write(b"R")
        else:
            super().save(obj, save_persistent_id)


class Call:
    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments


def dumps(value):
    buffer = io.BytesIO()
    Writer(buffer, 2).dump(value)
    return buffer.getvalue()


def storage(count, kind="FloatStorage", key="0", *view):
    return Part(("storage", Part(f"torch/{kind}"), key, "cpu", count, *view))


def tensor(count, shape, strides, *, offset=0, kind="FloatStorage", key="0"):
    return Call(
        "torch._utils/_rebuild_tensor_v2", storage(count, kind, key), offset, shape, strides, False, {}
    )


def zipped(root, parts=(), compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        archive.writestr("x/data.pkl", dumps(root))
        for key, content in dict(parts).items():
            archive.writestr(f"x/data/{key}", content)
    return buffer.getvalue()


def older(root, parts=(), little=True):
    head = [MAGIC, 1001, {"little_endian": little}, root, list(dict(parts))]
    tail = [struct.pack("<q", count) + content for count, content in dict(parts).values()]
    return b"".join([*map(dumps, head), *tail])


SIX = np.arange(6, dtype="<f4").tobytes()


def read(content):
    weights = WeightFile(content)
    return weights.array(weights.tensor(weights.root))


@pytest.mark.parametrize("write", ["zip", "older", "nested"])
def test_views_of_storages(write):
    content = {
        "zip": lambda: zipped(tensor(6, (2, 2), (1, 2), offset=1), {"0": SIX}),
        "older": lambda: older(tensor(6, (2, 2), (1, 2), offset=1), {"0": (6, SIX)}),
        "nested": lambda: dumps(
            Call(
                "torch._utils/_rebuild_parameter",
                Call(
                    "torch._utils/_rebuild_tensor_v2",
                    Call("torch.storage/_load_from_bytes", InBytes(older(storage(6), {"0": (6, SIX)}))),
                    1, (2, 2), (1, 2), False, {},
                ),
                True,
            )
        ),
    }[write]()  # fmt: skip
    np.testing.assert_array_equal(read(content), [[1, 3], [2, 4]])


def InBytes(content):  # noqa: N802 -- bytes of protocol 2 are a call
    return Call("_codecs/encode", content.decode("latin-1"), "latin1")


def test_types_of_storages():
    numbers = np.array([1.5, -2.0, 3.25], np.float32)
    short = (numbers.view(np.uint32) >> 16).astype("<u2").tobytes()
    np.testing.assert_array_equal(
        read(zipped(tensor(3, (3,), (1,), kind="BFloat16Storage"), {"0": short})), numbers
    )
    half = numbers.astype("<f2").tobytes()
    found = read(zipped(tensor(3, (3,), (1,), kind="HalfStorage"), {"0": half}))
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, numbers)


FALSE = {
    "beyond the storage": lambda: zipped(tensor(6, (2, 3), (3, 2)), {"0": SIX}),
    "offset": lambda: zipped(tensor(6, (1,), (1,), offset=6), {"0": SIX}),
    "negative stride": lambda: zipped(tensor(6, (2,), (-1,), offset=3), {"0": SIX}),
    "stride 0": lambda: zipped(tensor(6, (2**40,), (0,)), {"0": SIX}),
    "huge storage": lambda: zipped(tensor(2**50, (2**47,), (1,)), {"0": SIX}),
    "short part": lambda: zipped(tensor(7, (7,), (1,)), {"0": SIX}),
    "no part": lambda: zipped(tensor(6, (6,), (1,))),
    "path": lambda: zipped(tensor(6, (6,), (1,), key="../data.pkl"), {"0": SIX}),
    "no type": lambda: zipped(tensor(6, (6,), (1,), kind="system"), {"0": SIX}),
    "compressed": lambda: zipped(tensor(6, (6,), (1,)), {"0": SIX}, zipfile.ZIP_DEFLATED),
    "more strides": lambda: zipped(tensor(6, (6,), (1, 1)), {"0": SIX}),
    "many axes": lambda: zipped(tensor(6, (1,) * 99, (1,) * 99), {"0": SIX}),
    "half a number": lambda: zipped(tensor(6, (1.5,), (1,)), {"0": SIX}),
    "view of a storage": lambda: older(
        Call("torch._utils/_rebuild_tensor_v2", storage(6, "FloatStorage", "0", ("v", 0, 6)), 0, (6,), (1,)),
        {"0": (6, SIX)},
    ),
    "big-endian": lambda: older(tensor(6, (6,), (1,)), {"0": (6, SIX)}, little=False),
    "short older": lambda: older(tensor(6, (6,), (1,)), {"0": (6, SIX[:-1])}),
    "other length": lambda: older(tensor(6, (6,), (1,)), {"0": (2**60, SIX)}),
    "storage of nobody": lambda: older(tensor(6, (6,), (1,)), {"0": (6, SIX), "1": (6, SIX)}),
    "no storage": lambda: dumps(Call("torch._utils/_rebuild_tensor_v2", 3, 0, (6,), (1,))),
    "nested in itself": lambda: dumps(
        Call("torch._utils/_rebuild_tensor_v2", Call("torch.storage/_load_from_bytes", 3), 0, (6,), (1,))
    ),
    "sparse": lambda: dumps(Call("torch._utils/_rebuild_sparse_tensor", 1, 2)),
}


@pytest.mark.parametrize("name", FALSE)
def test_false_claims_are_refused(name):
    with pytest.raises(ValueError, match=r"[a-z]"):
        read(FALSE[name]())


def test_shared_numbers_do_not_add_up():
    weights = WeightFile(zipped([tensor(6000, (6000,), (1,)) for _ in range(3)], {"0": 1000 * SIX}))
    first, _, last = (weights.tensor(part) for part in weights.root)
    assert weights.array(first).size == 6000
    with pytest.raises(ValueError, match="claim more numbers than the file holds"):
        weights.array(last)


def test_files_within_the_file_do_not_multiply():
    text = older(storage(600), {"0": (600, 100 * SIX)}).decode("latin-1")  # held once, by the memo
    calls = [Call("torch.storage/_load_from_bytes", Call("_codecs/encode", text, "latin1")) for _ in range(3)]
    weights = WeightFile(
        dumps([Call("torch._utils/_rebuild_tensor_v2", call, 0, (1,), (1,)) for call in calls])
    )
    first, second, third = map(weights.tensor, weights.root)
    assert weights.array(first) == weights.array(first) == 0
    with pytest.raises(ValueError, match="claim more numbers than the file holds"):
        [weights.array(second), weights.array(third)]


def test_parts_that_overlap_are_refused():
    content = bytearray(zipped(tensor(6, (6,), (1,)), {"0": SIX}))
    entry = content.rindex(b"PK\x01\x02")
    content[entry + 20 : entry + 28] = struct.pack("<II", 2**30, 2**30)
    with pytest.raises(ValueError, match="claim more than the file holds"):
        WeightFile(bytes(content))


def test_modules_in_a_circle_are_refused():
    # An object whose state has "_modules" that hold the object itself.
    content = b"\x80\x02cm\nM\n)R" + b"q\x00" + b"}X\x08\x00\x00\x00_modules}X\x01\x00\x00\x00ah\x00ssb."
    weights = WeightFile(content)
    with pytest.raises(ValueError, match="in a circle"):
        layers_of(weights, weights.root)


def test_modules_that_are_shared_do_not_multiply():
    content = b"\x80\x02"
    for depth in range(25):  # each module holds the one before under two names
        inner = b"".join(b"U\x01%ch%cs" % (name, depth - 1) for name in b"ab") if depth else b""
        content += b"cm\nM\n)R}X\x08\x00\x00\x00_modules}" + inner + b"sbq%c" % depth
    weights = WeightFile(content + b".")
    with pytest.raises(ValueError, match="too many"):
        layers_of(weights, weights.root)


SMALL = (GOLDEN / "import_stylegan2_resnet.pkl").read_bytes()
ZIP = (GOLDEN / "import_biggan.pth").read_bytes()


@settings(max_examples=25, deadline=None)
@given(st.sampled_from([SMALL, ZIP]), st.integers(0, 2**30), st.integers(0, 255), st.booleans())
def test_damage_is_a_value_error_at_most(content, place, value, cut):
    place %= len(content)
    damaged = content[:place] if cut else content[:place] + bytes([value]) + content[place + 1 :]
    try:
        weights = WeightFile(damaged)
        entries = entries_of(weights.root) or {}
        layers = layers_of(weights, entries.get("G_ema", weights.root))
        for each in layers.tensors.values() if layers else ():
            weights.array(each)
    except ValueError:
        pass
