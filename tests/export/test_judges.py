"""Discriminators and encoders as files: what comes back, what is refused."""

import json
import os
import stat

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import softmax

from jaxgan import export
from jaxgan.games.heads import Head
from jaxgan.networks import dcgan, encoders, mlp
from jaxgan.system.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
FLOATS = jnp.asarray(IMAGES.astype(np.float32) / 127.5 - 1)
LABELS = np.array([0, 2, 1])
COMMON = {"image_shape": (8, 8, 1), "latent_dim": 4, "step": 12}


def save_discriminator(folder, module, *, num_classes=None, heads=(), pairs=False):
    labels = None if num_classes is None else jnp.zeros(1, jnp.int32)
    shown = jnp.zeros((1, 8, 8, 1))
    shown = (shown, jnp.zeros((1, 4))) if pairs else shown
    variables = module.init(jax.random.key(0), shown, labels, train=False)
    export.save_discriminator(
        folder, module, jax.device_get(variables), **COMMON, num_classes=num_classes, heads=heads, pairs=pairs
    )
    return variables


def save_encoder(folder, module, *, num_classes=None):
    labels = None if num_classes is None else jnp.zeros(1, jnp.int32)
    variables = module.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)), labels, train=False)
    export.save_encoder(folder, module, jax.device_get(variables), **COMMON, num_classes=num_classes)
    return variables


@pytest.mark.parametrize(
    ("module", "num_classes"),
    [
        (mlp.Discriminator((5, 7)), None),
        (mlp.Discriminator((5,), num_classes=3), 3),
        (dcgan.Discriminator(4, "spectral", num_classes=3), 3),
    ],
)
def test_a_discriminator_comes_back_as_a_function(tmp_path, module, num_classes):
    variables = save_discriminator(tmp_path / "export", module, num_classes=num_classes)
    labels = None if num_classes is None else LABELS
    expected = module.apply(variables, FLOATS, None if labels is None else jnp.asarray(labels), train=False)
    for path in (tmp_path, tmp_path / "export", tmp_path / "export/discriminator.safetensors"):
        discriminate = export.load_discriminator(path)
        for images in (IMAGES, FLOATS):
            np.testing.assert_allclose(discriminate(images, labels), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match=r"images have shape \[B, 8, 8, 1\], got \[3, 8, 7, 1\]"):
        discriminate(IMAGES[:, :, :7], labels)
    with pytest.raises(ValueError, match=r"takes no labels|labels are 0 to 2"):
        discriminate(IMAGES, np.array([0, 1, 3]))


def test_what_heads_read_comes_back_by_name(tmp_path):
    module = mlp.Discriminator((5,), heads=(6, 7))
    heads = (
        Head("category_0", "category", 3),
        Head("codes_0", "codes", 2),
        Head("category_1", "category", 2),
    )
    variables = save_discriminator(tmp_path, module, heads=heads)
    logits, read = module.apply(variables, FLOATS, train=False)
    judgment = export.load_discriminator(tmp_path)(IMAGES)
    np.testing.assert_allclose(judgment.logits, logits, rtol=1e-5, atol=1e-5)
    assert set(judgment.read) == {head.name for head in heads}
    read = np.asarray(read)
    for name, expected in (
        ("category_0", softmax(read[:, :3], axis=1)),
        ("codes_0", read[:, 3:5]),
        ("category_1", softmax(read[:, 5:], axis=1)),
    ):
        np.testing.assert_allclose(judgment.read[name], expected, rtol=1e-4, atol=1e-5)
    description = json.loads((tmp_path / "discriminator.json").read_text())
    assert [(each["name"], each["kind"], each["length"]) for each in description["heads"]] == list(heads)


def test_a_head_of_real_and_fake_classes_gives_the_chance_of_a_class(tmp_path):
    module = mlp.Discriminator((5,), heads=(6,))
    heads = (Head("classes", "real_and_fake_classes", 6),)
    variables = save_discriminator(tmp_path, module, heads=heads)
    chances = softmax(np.asarray(module.apply(variables, FLOATS, train=False)[1]), axis=1)
    found = export.load_discriminator(tmp_path)(IMAGES).read["classes"]
    np.testing.assert_allclose(found, chances[:, :3] + chances[:, 3:], rtol=1e-4, atol=1e-6)


def test_a_judge_of_pairs_comes_back(tmp_path):
    module = encoders.PairDiscriminator(mlp.Discriminator((5,), heads=(6,)), 6)
    variables = save_discriminator(tmp_path, module, pairs=True)
    latents = jnp.asarray(np.random.default_rng(1).standard_normal((3, 4), np.float32))
    expected = module.apply(variables, (FLOATS, latents), train=False)
    discriminate = export.load_discriminator(tmp_path)
    np.testing.assert_allclose(discriminate((IMAGES, latents)), expected, rtol=1e-5, atol=1e-5)
    for wrong, what in (
        (IMAGES, "judges pairs"),
        ((IMAGES, latents[:2]), "3 images come with 2 latents"),
        ((IMAGES, latents[:, :3]), r"latents have shape \[B, 4\]"),
    ):
        with pytest.raises(ValueError, match=what):
            discriminate(wrong)


@pytest.mark.parametrize(
    ("module", "num_classes"),
    [(encoders.DenseEncoder(4, (5,)), None), (encoders.ConvEncoder(4, 2, num_classes=3), 3)],
)
def test_an_encoder_comes_back_as_a_function(tmp_path, module, num_classes):
    variables = save_encoder(tmp_path / "export", module, num_classes=num_classes)
    labels = None if num_classes is None else LABELS
    expected = module.apply(variables, FLOATS, None if labels is None else jnp.asarray(labels), train=False)
    np.testing.assert_allclose(export.load_encoder(tmp_path)(IMAGES, labels), expected, rtol=1e-5, atol=1e-5)
    if num_classes is not None:
        with pytest.raises(ValueError, match="this encoder takes labels"):
            export.load_encoder(tmp_path)(IMAGES)


class Own(nn.Module):
    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return nn.Dense(1)(images.reshape(len(images), -1))[:, 0]


class OwnEncoder(nn.Module):
    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return nn.Dense(4)(images.reshape(len(images), -1))


def test_modules_of_ones_own_need_their_modules(tmp_path):
    variables = save_discriminator(tmp_path, Own()), save_encoder(tmp_path, OwnEncoder())
    for load, module, values in (
        (export.load_discriminator, Own(), variables[0]),
        (export.load_encoder, OwnEncoder(), variables[1]),
    ):
        with pytest.raises(UserError, match=r"a custom .* can only be loaded with its module"):
            load(tmp_path)
        expected = module.apply(values, FLOATS, train=False)
        np.testing.assert_allclose(load(tmp_path, module)(IMAGES), expected, rtol=1e-5, atol=1e-5)
    pair = encoders.PairDiscriminator(Own(), 6)  # a module of jaxgan's around one that is not
    export.save_discriminator(tmp_path, pair, variables[0], **COMMON, num_classes=None, pairs=True)
    assert json.loads((tmp_path / "discriminator.json").read_text())["network"] == "custom"


def test_what_is_missing_is_said(tmp_path):
    (tmp_path / "export").mkdir()
    with pytest.raises(UserError, match="has no exported discriminator: the same training command"):
        export.load_discriminator(tmp_path)
    with pytest.raises(UserError, match=r"has no encoder: `jaxgan encode .* DATA --train` trains one"):
        export.load_encoder(tmp_path)
    with pytest.raises(UserError, match="no run, no folder and no file"):
        export.load_encoder(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"network": "__import__('os').mkdir('marker')"}, "can only be loaded with its module"),
        ({"network": ["mlp"]}, "does not describe"),
        ({"options": {"of_images": {"network": "os.system", "options": {}}}}, "only be loaded|not describe"),
        ({"options": {"hidden": [10**15], "heads": [3]}}, "does not fit|does not describe"),
        ({"options": {"hidden": [5], "heads": [4]}}, "does not describe"),
        ({"options": {"hidden": [5], "heads": []}}, "does not describe"),
        ({"image_shape": [10**6, 10**6, 1]}, "beyond reason"),
        ({"latent_dim": 10**15}, "beyond reason"),
        ({"takes": ["latents"]}, "does not describe"),
        ({"takes": ["image", "latents"]}, "does not describe"),
        ({"heads": None}, "does not describe"),
        ({"heads": [{"name": "a", "kind": "__import__", "length": 3}]}, "does not describe"),
        ({"heads": [{"name": "a", "kind": "codes", "length": -3}]}, "does not describe"),
        ({"heads": [{"name": "a", "kind": "codes"}]}, "does not describe"),
        ({"heads": [{"name": "a", "kind": "codes", "length": n} for n in (1, 2)]}, "does not describe"),
        ({"format_version": 99}, "format 99"),
        ({"note": "x" * 10**6}, "larger than"),
    ],
)
def test_a_description_from_a_stranger_is_data_with_limits(tmp_path, monkeypatch, change, why):
    monkeypatch.chdir(tmp_path)
    save_discriminator(tmp_path, mlp.Discriminator((5,), heads=(3,)), heads=(Head("a", "codes", 3),))
    file = tmp_path / "discriminator.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(UserError, match=why) as caught:
        export.load_discriminator(tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "marker").exists()


def test_an_encoder_of_other_latents_is_refused(tmp_path):
    save_encoder(tmp_path, encoders.DenseEncoder(4, (5,)))
    file = tmp_path / "encoder.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"latent_dim": 5}))
    with pytest.raises(UserError, match=r"makes latents \(4,\), not \[5\]"):
        export.load_encoder(tmp_path)
    save_encoder(tmp_path, encoders.DenseEncoder(4, (5,)))
    (tmp_path / "encoder.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(UserError, match="cannot be read"):
        export.load_encoder(tmp_path)


def test_files_have_the_mode_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        save_discriminator(tmp_path, mlp.Discriminator((5,)))
        save_encoder(tmp_path, encoders.DenseEncoder(4, (5,)))
    finally:
        os.umask(before)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys(modes, 0o640)
    assert len(modes) == 4
