"""EfficientNet-Lite0 against another implementation (tests/golden/make_efficientnet.py)."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from drawn_weights import draw, image
from jaxgan import features
from jaxgan.features.networks.efficientnet import Block, resize
from jaxgan.features.published import EFFICIENTNET, PUBLISHED, convert
from jaxgan.system.errors import UserError

GOLDEN = np.load(Path(__file__).parents[2] / "golden/efficientnet.npz")


@pytest.fixture(scope="module")
def drawn():
    shapes = {
        str(name): tuple(map(int, filter(None, str(shape).strip("()").split(","))))
        for name, shape in zip(GOLDEN["names"], GOLDEN["shapes"], strict=True)
    }
    return {name: draw(name, shape) for name, shape in shapes.items()}


@pytest.mark.parametrize("size", [(32, 32), (9, 300), (320, 600)])
def test_the_resize_is_pillows_bicubic(size):
    pixels = image(*size)
    made = np.asarray(resize(jnp.asarray(pixels, jnp.float32)))
    for channel in range(3):
        plane = Image.fromarray(pixels[0, ..., channel].astype(np.float32))
        expected = np.asarray(plane.resize((224, 224), Image.Resampling.BICUBIC))
        np.testing.assert_allclose(made[0, ..., channel], expected, atol=0.01)


@pytest.mark.slow
def test_every_block_is_the_other_implementations(drawn):
    network = PUBLISHED[EFFICIENTNET]
    variables = convert(network, drawn, Path("drawn"))
    assert len(jax.tree.leaves(variables)) == len(drawn)  # nothing in the file is left over
    (outputs, logits), state = jax.jit(
        lambda variables, pixels: network.module.apply(
            variables,
            pixels,
            capture_intermediates=lambda module, _: isinstance(module, Block),
            mutable=["intermediates"],
        )
    )(variables, jnp.asarray(image(224, 224), jnp.float32))
    assert sum(key.endswith("/mean") for key in GOLDEN) == 16
    for i in range(16):
        name = f"_blocks.{i}"
        values = np.asarray(state["intermediates"][name]["__call__"][0][0], np.float64).transpose(2, 0, 1)
        scale = np.abs(GOLDEN[f"{name}/deviation"]).max()
        found = {
            "mean": values.mean((1, 2)),
            "deviation": values.std((1, 2)),
            "edges": values[::7][:4, [0, 1, -2, -1]][:, :, [0, 1, -2, -1]],
        }
        for what, numbers in found.items():
            atol = (2e-4 if what == "edges" else 2e-5) * scale
            np.testing.assert_allclose(numbers, GOLDEN[f"{name}/{what}"], atol=atol, err_msg=f"{name}/{what}")
    np.testing.assert_allclose(outputs, GOLDEN["features"], atol=2e-5 * np.abs(GOLDEN["features"]).max())
    np.testing.assert_allclose(logits, GOLDEN["logits"], atol=2e-5 * np.abs(GOLDEN["logits"]).max())
    assert np.std(GOLDEN["features"]) > 0.1  # not all at an end of ReLU6


@pytest.mark.slow
def test_other_weights_carry_their_hash_and_what_is_missing_is_named(tmp_path, drawn):
    save_file(drawn, tmp_path / "weights.safetensors")
    extractor = features.get(efficientnet_weights=tmp_path / "weights.safetensors", source="digits")
    assert extractor.name == f"efficientnet-lite0-{extractor.hash[:8]}"
    shape = jax.eval_shape(
        extractor.apply, extractor.variables, jax.ShapeDtypeStruct((2, 9, 9, 1), jnp.uint8)
    )
    assert [leaf.shape for leaf in shape] == [(2, 1280), (2, 1000)]
    del drawn["_blocks.3._bn1.running_var"]
    save_file(drawn, tmp_path / "less.safetensors")
    with pytest.raises(UserError, match=r"EfficientNet-Lite0: _blocks\.3\._bn1\.running_var is missing"):
        features.get("efficientnet-lite0", efficientnet_weights=tmp_path / "less.safetensors")
    with pytest.raises(UserError, match="efficientnet-lite0 needs `efficientnet_weights`"):
        features.get("efficientnet-lite0")
