"""The 2015 Inception against torch-fidelity's (tests/golden/make_inception.py), and weight files as data."""

import hashlib
import io
import os
import pickle
import zipfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from drawn_weights import draw, image
from jaxgan import features
from jaxgan.features.networks.inception import BLOCKS, ConvNorm, Mixed, resize
from jaxgan.features.published import INCEPTION as NAME
from jaxgan.features.published import PUBLISHED, convert
from jaxgan.features.weights import read_weights
from jaxgan.metrics.result import INCEPTION
from jaxgan.system.errors import UserError

GOLDEN = np.load(Path(__file__).parents[2] / "golden/inception.npz")
SIZES = {"small": (5, 7), "wide": (320, 600)}


def drawn():
    shapes = {
        str(name): tuple(map(int, filter(None, str(shape).strip("()").split(","))))
        for name, shape in zip(GOLDEN["names"], GOLDEN["shapes"], strict=True)
    }
    return {name: draw(name, shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("name", SIZES)
def test_the_resize_is_tensorflows(name):
    made = resize(jnp.asarray(image(*SIZES[name]), jnp.float32), 299)
    np.testing.assert_allclose(made[:, ::13, ::13], GOLDEN[f"resize/{name}"], atol=1e-4)


def test_resize_by_hand():
    row = jnp.asarray([0.0, 10.0, 40.0])[None, None, :, None]
    expected = [0, 5, 10, 25, 40, 40]  # places 0, .5, 1, 1.5, 2, 2.5: the last lies beyond the last pixel
    np.testing.assert_allclose(resize(row, 6)[0, 0, :, 0], expected)
    np.testing.assert_allclose(resize(row, 6)[0, 5, :, 0], expected)


@pytest.mark.slow
def test_every_block_is_torch_fidelitys():
    network = PUBLISHED[NAME].module
    variables = convert(PUBLISHED[NAME], drawn(), Path("drawn"))
    pixels = jnp.asarray(image(*SIZES["wide"]), jnp.float32)
    (outputs, logits), state = jax.jit(
        lambda variables, pixels: network.apply(
            variables,
            pixels,
            capture_intermediates=lambda module, _: isinstance(module, Mixed | ConvNorm),
            mutable=["intermediates"],
        )
    )(variables, pixels)
    blocks = [str(key).split("/")[0] for key in GOLDEN if key.endswith("/mean")]
    assert set(blocks) > set(BLOCKS)
    for name in blocks:
        values = np.asarray(state["intermediates"][name]["__call__"][0][0], np.float64).transpose(2, 0, 1)
        scale = np.abs(GOLDEN[f"{name}/deviation"]).max()
        np.testing.assert_allclose(
            values.mean((1, 2)), GOLDEN[f"{name}/mean"], atol=2e-5 * scale, err_msg=name
        )
        np.testing.assert_allclose(
            values.std((1, 2)), GOLDEN[f"{name}/deviation"], atol=2e-5 * scale, err_msg=name
        )
        edges = values[::37][:6, [0, 1, -2, -1]][:, :, [0, 1, -2, -1]]
        np.testing.assert_allclose(edges, GOLDEN[f"{name}/edges"], atol=2e-4 * scale, err_msg=name)
    np.testing.assert_allclose(outputs, GOLDEN["features"], atol=1e-5 * np.abs(GOLDEN["features"]).max())
    np.testing.assert_allclose(logits, GOLDEN["logits"], atol=1e-5 * np.abs(GOLDEN["logits"]).max())


@pytest.mark.slow
def test_other_weights_carry_their_hash_and_gray_is_color(tmp_path):
    arrays = drawn()
    save_file(arrays, tmp_path / "weights.safetensors")
    extractor = features.get(inception_weights=tmp_path / "weights.safetensors", source="digits")
    assert extractor.name == f"inception-2015-{extractor.hash[:8]}"
    assert extractor.image_shape is None
    shape = jax.eval_shape(
        extractor.apply, extractor.variables, jax.ShapeDtypeStruct((2, 9, 9, 1), jnp.uint8)
    )
    assert [leaf.shape for leaf in shape] == [(2, 2048), (2, 1008)]
    assert NAME == INCEPTION
    save_file(
        {name: array for name, array in arrays.items() if name != "Mixed_7a.branch3x3_1.bn.bias"},
        tmp_path / "b.safetensors",
    )
    with pytest.raises(UserError, match=r"Mixed_7a.branch3x3_1.bn.bias is missing"):
        features.get(inception_weights=tmp_path / "b.safetensors")
    with pytest.raises(UserError, match="needs `inception_weights`"):
        features.get("inception-2015")


def test_a_download_is_checked_and_kept(tmp_path, monkeypatch, own_cache):
    content = GOLDEN["pth/zip"].tobytes()
    (tmp_path / "w.pth").write_bytes(content)
    network = PUBLISHED[NAME]
    assert network.sha256[:8] in network.url
    right = {"url": (tmp_path / "w.pth").as_uri(), "sha256": hashlib.sha256(content).hexdigest()}

    def choose(download=True, **changes):
        new = network._replace(**{**right, "size": len(content), **changes})
        monkeypatch.setitem(PUBLISHED, NAME, new)
        return features.choose(None if download else NAME, source="digits", download=download)

    with pytest.raises(UserError, match="or `download`, which fetches it once"):
        choose(download=False)
    for wrong in ({"sha256": "0" * 64}, {"size": len(content) - 1}, {"size": len(content) + 1}):
        with pytest.raises(UserError, match="not the published file"):
            choose(**wrong)
    with pytest.raises(UserError, match=r"cannot download file:.*none\.pth"):
        choose(url=(tmp_path / "none.pth").as_uri())
    assert not [path for path in own_cache.rglob("*") if path.is_file()]
    assert choose() == (NAME, own_cache / "weights/w.pth")
    (tmp_path / "w.pth").unlink()
    assert choose(download=False)[1].read_bytes() == content


@pytest.mark.parametrize("kind", ["zip", "older"])
def test_weight_files_are_read_as_pytorch_wrote_them(tmp_path, kind):
    (tmp_path / "small.pth").write_bytes(GOLDEN[f"pth/{kind}"].tobytes())
    arrays, digest = read_weights(tmp_path / "small.pth")
    assert set(arrays) == {"kernel", "turned", "count", "half"}
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, GOLDEN[f"holds/{name}"])
        assert array.dtype == GOLDEN[f"holds/{name}"].dtype
    assert len(digest) == 64


class Harm:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


HARMS = {
    "posix.system": Harm(os.system, ("touch harm",)),
    "__builtin__.eval": Harm(eval, ("open('harm', 'w')",)),
    "builtins.getattr": Harm(getattr, (os, "system")),
}


@pytest.mark.parametrize("name", HARMS)
@pytest.mark.parametrize("is_zip", [True, False])
def test_a_file_that_would_run_code_is_refused(tmp_path, monkeypatch, name, is_zip):
    monkeypatch.chdir(tmp_path)
    harm = (
        pickle.dumps({"weight": HARMS[name]}, protocol=2)
        if "getattr" not in name
        else b"cbuiltins\ngetattr\n."
    )
    if is_zip:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("x/data.pkl", harm)
        harm = buffer.getvalue()
    (tmp_path / "bad.pth").write_bytes(harm)
    with pytest.raises(UserError, match=f"names {name}, which weights do not need"):
        read_weights(tmp_path / "bad.pth")
    assert not (tmp_path / "harm").exists()


def test_a_view_beyond_its_storage_is_refused(tmp_path):
    content = GOLDEN["pth/zip"].tobytes()
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    largest = max((name for name in parts if "/data/" in name), key=lambda name: len(parts[name]))
    parts[largest] = parts[largest][:-4]
    with zipfile.ZipFile(tmp_path / "short.pth", "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    with pytest.raises(UserError, match="reaches beyond its storage"):
        read_weights(tmp_path / "short.pth")


@pytest.mark.parametrize("content", [b"", b"PK", b"no weights at all", pickle.dumps(3, protocol=2)])
def test_other_files_are_refused(tmp_path, content):
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(UserError, match=r"x\.pth is no file of weights"):
        read_weights(tmp_path / "x.pth")
    with pytest.raises(UserError, match=r"cannot read .*none\.pth"):
        read_weights(tmp_path / "none.pth")
