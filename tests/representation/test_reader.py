"""Everything from exported files alone, which the tests write without training."""

import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax

from exports import COMMON, LATENT, SHAPE, write
from jaxgan import export
from jaxgan.games.heads import Head
from jaxgan.networks import encoders, mlp
from jaxgan.representation import open_data, open_reader
from jaxgan.representation.reader import BATCH_SIZE, labels_for
from jaxgan.system.errors import UserError

COUNT = BATCH_SIZE + 3
IMAGES = np.random.default_rng(0).integers(0, 256, (COUNT, *SHAPE), np.uint8)
FLOATS = jnp.asarray(IMAGES.astype(np.float32) / 127.5 - 1)


def test_features_are_the_activations_by_hand(tmp_path):
    variables = write(tmp_path, discriminator=mlp.Discriminator((5, 3)))["discriminator"]["params"]
    features = open_reader(tmp_path).features(IMAGES)
    rows = np.asarray(FLOATS, np.float64).reshape(COUNT, -1)
    assert list(features) == ["stage_0", "stage_1"]
    for i in range(2):
        layer = variables[f"Dense_{i}"]
        rows = rows @ np.asarray(layer["kernel"], np.float64) + np.asarray(layer["bias"])
        rows = np.where(rows > 0, rows, 0.2 * rows)
        np.testing.assert_allclose(features[f"stage_{i}"], rows, rtol=1e-4, atol=1e-4)
    last = variables["Dense_2"]
    logits = (rows @ np.asarray(last["kernel"]) + np.asarray(last["bias"]))[:, 0]
    np.testing.assert_allclose(open_reader(tmp_path).discriminate(FLOATS), logits, rtol=1e-4, atol=1e-4)


def test_a_conditional_discriminator_without_labels_is_given_no_class(tmp_path):
    module = mlp.Discriminator((5,), num_classes=3)
    variables = write(tmp_path, discriminator=module, classes=3)["discriminator"]["params"]["Dense_0"]
    reader = open_reader(tmp_path)
    kernel = np.asarray(variables["kernel"])
    rows = np.asarray(FLOATS[:2]).reshape(2, -1) @ kernel[:-3] + np.asarray(variables["bias"])
    labels = np.array([1, 2])
    for given, inputs in ((None, rows), (labels, rows + kernel[-3:][labels])):
        expected = np.where(inputs > 0, inputs, 0.2 * inputs)
        found = reader.features(IMAGES[:2], given)["stage_0"]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="takes labels"):
        reader.discriminate(IMAGES[:2])


def test_features_of_an_encoder_are_what_its_last_layer_is_given(tmp_path):
    encoder = encoders.DenseEncoder(LATENT, (5, 3))
    variables = write(tmp_path, encoder=encoder)
    reader = open_reader(tmp_path)
    features = np.asarray(reader.encode_features(IMAGES))
    assert features.shape == (COUNT, 3)
    last = {name: np.asarray(x) for name, x in variables["encoder"]["params"]["Dense_2"].items()}
    made = features @ last["kernel"] + last["bias"]
    np.testing.assert_allclose(made, reader.encode(IMAGES), rtol=1e-4, atol=1e-5)


def test_a_bigan_encodes_reconstructs_and_judges_pairs(tmp_path):
    judge = encoders.PairDiscriminator(mlp.Discriminator((5,), num_classes=3, heads=(6,)), 6)
    encoder = encoders.DenseEncoder(LATENT, (5,), num_classes=3)
    variables = write(tmp_path / "export", discriminator=judge, encoder=encoder, classes=3, pairs=True)
    labels = np.arange(COUNT) % 3
    reader = open_reader(tmp_path)
    latents = encoder.apply(variables["encoder"], FLOATS, jnp.asarray(labels), train=False)
    np.testing.assert_allclose(reader.encode(IMAGES, labels), latents, rtol=1e-4, atol=1e-5)
    images = mlp.Generator(SHAPE, (6,), num_classes=3).apply(
        variables["generator"], latents, jnp.asarray(labels), train=False
    )
    np.testing.assert_allclose(reader.reconstruct(IMAGES, labels), images, rtol=1e-4, atol=1e-5)
    logits = judge.apply(variables["discriminator"], (FLOATS, latents), jnp.asarray(labels), train=False)
    np.testing.assert_allclose(reader.discriminate(IMAGES, labels), logits, rtol=1e-4, atol=1e-4)
    assert reader.reads(IMAGES) == {}
    assert reader.features(IMAGES[:2])["stage_0"].shape == (2, 5)


def test_heads_are_read_by_name(tmp_path):
    module = mlp.Discriminator((5,), heads=(5,))
    heads = (Head("category_0", "category", 3), Head("codes_0", "codes", 2))
    variables = write(tmp_path, discriminator=module, heads=heads)["discriminator"]
    read = np.asarray(module.apply(variables, FLOATS, train=False)[1])
    found = open_reader(tmp_path).reads(IMAGES)
    np.testing.assert_allclose(found["category_0"], softmax(read[:, :3], axis=1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found["codes_0"], read[:, 3:], rtol=1e-4, atol=1e-5)


class Own(nn.Module):
    @nn.compact
    def __call__(self, images, labels=None, *, train):
        return nn.Dense(1)(images.reshape(len(images), -1))[:, 0]


def test_what_a_run_does_not_have_is_said(tmp_path):
    write(tmp_path / "old")
    reader = open_reader(tmp_path / "old/generator.safetensors")
    assert reader.encode is None
    assert reader.reads(IMAGES) == {}
    with pytest.raises(UserError, match=r"has no encoder: `jaxgan encode .* DATA --train`"):
        reader.reconstruct(IMAGES)
    for function in (reader.features, reader.discriminate):
        with pytest.raises(UserError, match="has no exported discriminator"):
            function(IMAGES)
    with pytest.raises(ValueError, match="there is no image"):
        reader.generate(np.zeros((0, LATENT)))
    write(tmp_path / "own", discriminator=Own())
    with pytest.raises(UserError, match="with its module"):
        open_reader(tmp_path / "own")
    own = open_reader(tmp_path / "own", discriminator=Own())
    assert own.discriminate(IMAGES).shape == (COUNT,)
    with pytest.raises(UserError, match="does not show the activations"):
        own.features(IMAGES)


def test_an_encoder_of_another_generator_is_refused(tmp_path):
    write(tmp_path, encoder=encoders.DenseEncoder(LATENT, (5,)))
    generator = mlp.Generator(SHAPE, (6,))
    moved = generator.init(jax.random.key(9), jnp.zeros((1, LATENT)), train=False)
    export.save_generator(tmp_path, generator, moved, num_classes=None, **COMMON | {"step": 8})
    with pytest.raises(UserError, match="was trained for the generator of step 7, and the generator is of"):
        open_reader(tmp_path).encode(IMAGES)


def test_networks_that_do_not_belong_together_are_refused(tmp_path):
    write(tmp_path, encoder=encoders.DenseEncoder(LATENT, (5,)))
    generator = mlp.Generator(SHAPE, (6,))
    other = generator.init(jax.random.key(9), jnp.zeros((1, 9)), train=False)
    export.save_generator(tmp_path, generator, other, num_classes=None, **COMMON | {"latent_dim": 9})
    with pytest.raises(UserError, match="do not belong together: latent_dim is 9 of one and 4 of another"):
        open_reader(tmp_path)


def test_images_of_another_size_are_resized_and_that_is_said(tmp_path):
    write(tmp_path / "run")
    reader = open_reader(tmp_path / "run")
    np.savez(tmp_path / "large.npz", images=np.repeat(IMAGES[:5], 2, axis=1), labels=np.arange(5))
    reals = open_data(reader, tmp_path / "large.npz")
    assert reals.images.shape == (5, *SHAPE)
    assert any("resized" in note for note in reals.notes)
    np.testing.assert_array_equal(reals.labels, np.arange(5))
    with pytest.raises(UserError, match="`data` is missing"):
        open_data(reader, None)
    with pytest.raises(UserError, match="has no splits"):
        open_data(reader, "digits", split="test")
    assert len(open_data(reader, "digits", n=9).images) == 9


def test_labels_have_the_numbers_of_the_runs_classes(tmp_path):
    write(tmp_path / "run", classes=3, class_names=["ant", "bee", "cat"])
    reader = open_reader(tmp_path / "run")
    for i, name in enumerate(["cat", "bee"]):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        Image.fromarray(IMAGES[i, ..., 0]).save(tmp_path / f"pictures/{name}/a.png")
    reals = open_data(reader, tmp_path / "pictures")
    np.testing.assert_array_equal(labels_for(reader, reals), [1, 2])
    assert reals.class_names == ("ant", "bee", "cat")
    (tmp_path / "pictures/cat").rename(tmp_path / "pictures/dog")
    strange = open_data(reader, tmp_path / "pictures")
    assert "has not learned the classes dog" in strange.notes[-1]
    with pytest.raises(UserError, match="take images with labels"):
        labels_for(reader, strange)
    with pytest.raises(UserError, match="learned 3 classes, and the labels of digits go to 9"):
        labels_for(reader, open_data(reader, "digits"))


def test_a_run_knows_its_own_data(digits_run, tmp_path):
    reader = open_reader(digits_run)
    whole = open_data(reader, None)
    assert (len(whole.images), whole.source) == (1797, "digits")
    assert len(open_data(reader, None, split="train").images) == 1797
    logits = reader.discriminate(whole.images[:3], labels_for(reader, whole)[:3])
    assert logits.shape == (3,)
    (tmp_path / "run/export").mkdir(parents=True)
    for file in ("config.json", "status.json", "export/config.json", "export/generator.safetensors"):
        (tmp_path / "run" / file).write_bytes((digits_run / file).read_bytes())
    settings = json.loads((tmp_path / "run/config.json").read_text())
    (tmp_path / "run/config.json").write_text(json.dumps(settings | {"held_out": 0.1}))
    unseen = open_data(open_reader(tmp_path / "run"), None, split="test")
    assert len(unseen.images) == 180
