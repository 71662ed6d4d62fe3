from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import correlate

from jaxgan.layers import BatchNorm, ResidualBlock
from jaxgan.layers.residual import double, mean_pool


def drawn(block, inputs, *normalize):
    """Return the block's variables, with biases that are not 0."""
    variables = block.init(jax.random.key(0), inputs, *normalize, train=False)
    keys = iter(jax.random.split(jax.random.key(1), 20))
    params = jax.tree.map(lambda leaf: jax.random.normal(next(keys), leaf.shape) / 4, variables["params"])
    return {**variables, "params": params}


def convolved(maps, layer):
    """Convolve [H, W, C] with zeros around it, by SciPy."""
    kernel, bias = (np.asarray(layer[name], np.float64) for name in ("kernel", "bias"))
    pads = [(kernel.shape[0] // 2,) * 2, (kernel.shape[1] // 2,) * 2, (0, 0)]
    padded = np.pad(maps, pads)
    outputs = [correlate(padded, kernel[..., f], mode="valid")[..., 0] for f in range(kernel.shape[3])]
    return np.stack(outputs, axis=-1) + bias


def doubled(maps, method):
    if method == "nearest":
        return maps.repeat(2, axis=0).repeat(2, axis=1)
    size = maps.shape[:2]
    rows, columns = ((np.arange(2 * n) + 0.5) / 2 - 0.5 for n in size)
    rows, columns = (np.clip(at, 0, n - 1) for at, n in zip((rows, columns), size, strict=True))
    low = [np.floor(at).astype(int) for at in (rows, columns)]
    high = [np.minimum(at + 1, n - 1) for at, n in zip(low, size, strict=True)]
    down, right = (rows - low[0])[:, None, None], (columns - low[1])[None, :, None]
    above = maps[low[0]][:, low[1]] * (1 - right) + maps[low[0]][:, high[1]] * right
    below = maps[high[0]][:, low[1]] * (1 - right) + maps[high[0]][:, high[1]] * right
    return above * (1 - down) + below * down


def halved(maps):
    return (maps[::2, ::2] + maps[1::2, ::2] + maps[::2, 1::2] + maps[1::2, 1::2]) / 4


@pytest.mark.parametrize(
    ("options", "order"),
    [
        ({"resample": "up"}, "nearest"),
        ({"resample": "up", "upsampling": "bilinear", "hidden": 4}, "bilinear"),
        ({"resample": "down", "hidden": 3}, "convolve first"),
        ({"resample": "down", "activate_first": False}, "pool first"),
        ({}, ""),
    ],
)
def test_a_block_is_what_the_papers_tables_say(options, order):
    """Step by step in float64: upsampling, 3x3, 3x3, pooling, and the shortcut in the paper's order."""
    inputs, block = jax.random.normal(jax.random.key(2), (1, 4, 6, 3)), ResidualBlock(5, **options)
    variables = drawn(block, inputs)
    output, params = block.apply(variables, inputs, train=False)[0], variables["params"]
    up, down = (options.get("resample") == each for each in ("up", "down"))
    x = np.asarray(inputs[0], np.float64)
    maps = np.maximum(x, 0) if options.get("activate_first", True) else x
    maps = convolved(doubled(maps, order) if up else maps, params["first"])
    maps = convolved(np.maximum(maps, 0), params["second"])
    if order == "pool first":
        shortcut = convolved(halved(x), params["shortcut"])
    else:
        shortcut = convolved(doubled(x, order) if up else x, params["shortcut"])
        shortcut = halved(shortcut) if down else shortcut
    np.testing.assert_allclose(output, (halved(maps) if down else maps) + shortcut, atol=1e-5)
    assert params["first"]["kernel"].shape[3] == options.get("hidden", 5)


def test_a_level_block_of_as_many_channels_has_no_shortcut_unless_it_is_asked_for():
    inputs = jnp.zeros((1, 4, 4, 5))
    names = lambda **options: {*drawn(ResidualBlock(5, **options), inputs)["params"]}
    assert names() == names(resample="down", learned_shortcut=False) == {"first", "second"}
    assert names(learned_shortcut=True) == names(resample="up") == {"first", "second", "shortcut"}


def test_a_block_s_normalizations_and_power_iterations_are_its_own():
    inputs = jax.random.normal(jax.random.key(2), (4, 4, 4, 3))
    norm = lambda maps: BatchNorm(use_running_average=False)(maps)
    variables = drawn(ResidualBlock(5, resample="up", spectral=True), inputs, norm)
    assert variables["params"]["BatchNorm_0"]["scale"].shape == (3,)
    assert variables["params"]["BatchNorm_1"]["scale"].shape == (5,)
    assert {name for name in variables["batch_stats"] if "Spectral" in name} == {
        f"SpectralNorm_{i}" for i in range(3)
    }


@pytest.mark.parametrize("options", [{"resample": "left"}, {"upsampling": "cubic"}])
def test_an_unknown_kind_is_refused_where_the_block_is_made(options):
    with pytest.raises(
        ValueError, match=rf"^{next(iter(options))} is .*, got '{next(iter(options.values()))}'"
    ):
        ResidualBlock(3, **options)


@pytest.mark.parametrize("method", ["nearest", "bilinear"])
def test_resampling_agrees_with_jax(method):
    maps = jax.random.normal(jax.random.key(0), (2, 3, 5, 2))
    expected = jax.image.resize(maps, (2, 6, 10, 2), method)
    np.testing.assert_allclose(jax.jit(partial(double, method=method))(maps), expected, atol=1e-6)
    np.testing.assert_allclose(mean_pool(double(maps)), maps, atol=1e-6)
