"""A trained translator: from a file, at any size, and in tiles."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import slow_but
from jaxgan import export
from jaxgan.export.translator import _windows
from jaxgan.images import to_uint8
from jaxgan.networks import mlp
from jaxgan.networks.patches import PatchDiscriminator
from jaxgan.networks.translators import ResNetTranslator, SRResNet, UNet
from jaxgan.system.errors import UserError

KEY = jax.random.key(0)
NETWORKS = {
    "translator_srresnet": (SRResNet(3, 2, 4, 0), 2),
    "translator_unet": (UNet(3, 2, 2), 1),
    "translator_resnet": (ResNetTranslator(3, 2, 0), 1),
}
RNG = np.random.default_rng(0)


def saved(folder, name):
    module, scale = NETWORKS[name]
    variables = module.init(KEY, jnp.zeros((1, 8, 8, 1)), train=False)
    variables = jax.tree.map(lambda x: 3 * x, variables)
    last = sorted(variables["params"])[-1] if name != "translator_srresnet" else "Conv_3"
    kernel = variables["params"][last]["kernel"]
    variables["params"][last]["kernel"] = kernel + 0.1 * jax.random.normal(KEY, kernel.shape)
    image_shape = (8 * scale, 8 * scale, 3)
    common = {"image_shape": image_shape, "latent_dim": 0, "num_classes": None, "step": 7}
    export.save_generator(folder, module, variables, **common, source_shape=(8, 8, 1))
    return module, variables


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_it_is_read_again_and_takes_any_size(name, tmp_path):
    module, variables = saved(tmp_path, name)
    description = json.loads((tmp_path / "config.json").read_text())
    assert (description["format_version"], description["network"]) == (2, name)
    assert description["inputs"] == {"source": [8, 8, 1]}
    translate = export.load_translator(tmp_path)
    sources = RNG.integers(0, 256, (2, 9, 14, 1)).astype(np.uint8)
    floats = sources.astype(np.float32) / 127.5 - 1
    expected = module.apply(variables, jnp.asarray(floats), train=False)
    np.testing.assert_allclose(translate(sources), expected, atol=1e-4)
    np.testing.assert_allclose(translate(floats), expected, atol=1e-4)


@pytest.mark.parametrize("shape", slow_but([(20, 12)], [(41, 33), (30, 64), (20, 12)]))
def test_tiles_are_the_whole_image_where_the_network_has_a_reach(shape, tmp_path):
    saved(tmp_path, "translator_srresnet")
    translate = export.load_translator(tmp_path)
    assert translate.reach is not None
    source = RNG.integers(0, 256, (*shape, 1)).astype(np.uint8)
    whole = np.asarray(to_uint8(translate(source[None])[0])).astype(int)
    for tile in (5, 16, None):
        tiled = translate.in_tiles(source, tile=tile)
        assert (tiled.dtype, tiled.shape) == (np.uint8, whole.shape)
        assert np.abs(tiled - whole).max() <= 1
        assert (tiled == whole).mean() > 0.999
    assert np.ptp(whole) > 50


@pytest.mark.slow
@pytest.mark.parametrize("name", ["translator_unet", "translator_resnet"])
def test_tiles_of_a_network_that_looks_at_all_fade_into_each_other(name, tmp_path, monkeypatch):
    monkeypatch.setattr("jaxgan.export.translator.MARGIN", 8)
    saved(tmp_path, name)
    translate = export.load_translator(tmp_path)
    flat = np.full((50, 37, 1), 90, np.uint8)
    flat[25:] = 160
    tiled = translate.in_tiles(flat, tile=8).astype(int)
    assert tiled.shape == (50, 37, 3)
    jumps = np.abs(np.diff(tiled[:20], axis=0)).max(), np.abs(np.diff(tiled, axis=1)).max()
    whole = np.asarray(to_uint8(translate(flat[None])[0])).astype(int)
    natural = max(np.abs(np.diff(whole[:20], axis=0)).max(), np.abs(np.diff(whole, axis=1)).max())
    assert max(jumps) <= natural + 40  # no seam as large as a step of the picture itself


def test_of_a_long_reach_the_margin_is_bounded_and_tiles_fade(tmp_path, monkeypatch):
    """The network looks 8 pixels far and says 400; of a window, the outer 8 pixels have no weight."""
    monkeypatch.setattr("jaxgan.export.translator.MARGIN", 16)
    saved(tmp_path, "translator_srresnet")
    translate = export.load_translator(tmp_path)
    assert translate.reach == 8
    translate.reach = 400
    seen, draw = [], translate._draw
    monkeypatch.setattr(translate, "_draw", lambda variables, x: seen.append(x.shape) or draw(variables, x))
    source = RNG.integers(0, 256, (41, 50, 1)).astype(np.uint8)
    whole = np.asarray(to_uint8(translate(source[None])[0])).astype(int)
    assert np.abs(translate.in_tiles(source, tile=8) - whole).max() <= 1
    assert max(max(shape[1:3]) for shape in seen[1:]) == 40  # the last ones are shorter


@pytest.mark.parametrize(
    ("side", "starts"), [(24, [0]), (25, [0, 8]), (40, [0, 8, 16]), (44, [0, 8, 16, 24])]
)
def test_windows_that_fade_overlap_and_none_is_seen_twice(side, starts):
    windows = _windows(side, 8, 0, 16, 1)
    assert [window.seen.start for window in windows] == starts
    total = np.zeros(side)
    for window in windows:
        weights = window.weights(side, 1, 16)
        assert weights.max() > 0.49
        total[window.seen] += weights
    assert total.min() > 0.49


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("side", [8, 23, 24, 25, 26, 50, 97])
def test_windows_keep_each_pixel_once_with_its_margin(side, stride):
    margin, tile = 8, 8
    windows = _windows(side, tile, margin, margin, stride)
    kept = np.concatenate([np.arange(side)[window.kept] for window in windows])
    np.testing.assert_array_equal(kept, np.arange(side))
    for seen, part in windows:
        assert seen.start % stride == 0
        assert seen.start <= max(0, part.start - margin)
        assert seen.stop >= min(side, part.stop + margin)
        assert seen.stop <= side
    lengths = {window.seen.stop - window.seen.start for window in windows}
    assert len(lengths) <= (1 if stride == 1 else 3)


@pytest.mark.slow
def test_each_network_is_read_as_what_it_is(tmp_path):
    saved(tmp_path / "translator", "translator_unet")
    with pytest.raises(UserError, match="makes images of pictures, not of latents"):
        export.load_generator(tmp_path / "translator")
    with pytest.raises(UserError, match="makes images of pictures"):
        export.prior_of(export.read_description(tmp_path / "translator"))
    module = mlp.Generator((4, 4, 1), (3,))
    variables = module.init(KEY, jnp.zeros((1, 5)), train=False)
    common = {"image_shape": (4, 4, 1), "latent_dim": 5, "num_classes": None, "step": 1}
    export.save_generator(tmp_path / "plain", module, variables, **common)
    assert "inputs" not in json.loads((tmp_path / "plain/config.json").read_text())
    with pytest.raises(UserError, match="makes images of latents and does not translate"):
        export.load_translator(tmp_path / "plain")


def test_what_it_does_not_take_is_refused(tmp_path):
    saved(tmp_path, "translator_unet")
    translate = export.load_translator(tmp_path)
    for sources in (np.zeros((8, 8, 1), np.uint8), np.zeros((1, 8, 8, 3), np.uint8)):
        with pytest.raises(ValueError, match=r"sources have shape \[B, h, w, 1\]"):
            translate(sources)
    with pytest.raises(ValueError, match="uint8, or float"):
        translate(np.zeros((1, 8, 8, 1), np.int64))
    with pytest.raises(ValueError, match="at least one pixel"):
        translate.in_tiles(np.zeros((8, 8, 1), np.uint8), tile=0)
    file = tmp_path / "config.json"
    description = json.loads(file.read_text())
    for source in ([8, 8], [8, 8, 3], [2**20, 2**20, 1], "x"):
        file.write_text(json.dumps(description | {"inputs": {"source": source}}))
        with pytest.raises(UserError):
            export.load_translator(tmp_path)


@pytest.mark.slow
def test_a_judge_of_pairs_takes_images_and_sources(tmp_path):
    module = PatchDiscriminator(2, 1)
    shown = jnp.zeros((1, 8, 8, 3)), jnp.zeros((1, 8, 8, 1))
    logits, variables = module.init_with_output(KEY, shown, train=False)
    common = {"image_shape": (8, 8, 3), "latent_dim": 0, "num_classes": None, "step": 1}
    export.save_discriminator(tmp_path, module, variables, **common, source_shape=(4, 4, 1))
    judge = export.load_discriminator(tmp_path)
    images = RNG.integers(0, 256, (3, 8, 8, 3)).astype(np.uint8)
    sources = RNG.integers(0, 256, (3, 4, 4, 1)).astype(np.uint8)
    large = np.kron(sources[..., 0], np.ones((1, 2, 2)))[..., None]
    shown = [jnp.asarray(x, jnp.float32) / 127.5 - 1 for x in (images, large)]
    expected = module.apply(variables, tuple(shown), train=False)
    assert expected.shape == (3, *logits.shape[1:])
    np.testing.assert_allclose(judge((images, sources)), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="judges pairs"):
        judge(images)
    assert export.judges_sources(export.read_discriminator(tmp_path))
