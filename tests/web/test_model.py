"""What a web page runs is the generator, moved along its directions and truncated."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from exported_families import LATENT, inputs, write
from jaxgan import export
from jaxgan.explain.methods import directions_of
from jaxgan.explain.space import space_of
from jaxgan.prior import Prior
from jaxgan.system.random import seed_key
from jaxgan.web.model import DIRECTIONS, web_model


def made(folder, classes):
    generator = export.read_generator(write(folder, folder.name, classes))
    model = web_model(generator)
    return generator, model, jax.jit(model.portable.function), export.generating(generator)


def names(model):
    return [each.name for each in model.portable.inputs]


def test_a_page_draws_what_the_generator_draws_and_moves_it(tmp_path):
    generator, model, run, generate = made(tmp_path / "mlp", 3)
    latents, _, labels = inputs(3)
    assert names(model) == ["latents", "labels", "amounts"]
    assert model.truncation is None
    still = run(latents, labels, np.zeros((3, DIRECTIONS), np.float32))[0]
    np.testing.assert_allclose(still, generate(latents, labels), atol=1e-6)
    space = space_of(generator)
    vectors = directions_of(generator, space, "jacobian", DIRECTIONS, key=seed_key(0)).vectors
    amounts = np.random.default_rng(0).normal(size=(3, DIRECTIONS)).astype(np.float32)
    expected = generate(latents + amounts @ vectors, labels)
    assert np.abs(expected - still).max() > 1e-3
    np.testing.assert_allclose(run(latents, labels, amounts)[0], expected, atol=1e-6)
    assert model.portable.specs(5)[2].shape == (5, DIRECTIONS)


@pytest.mark.slow
def test_categories_are_no_directions(tmp_path):
    folder = write(tmp_path, "mlp", None)
    generator = export.read_generator(folder)
    prior = Prior((("one_hot", LATENT - 2), ("uniform", 2)))
    described = {**generator.description, "inputs": {"prior": prior.as_json()}}
    assert web_model(generator._replace(description=described)).directions == 2
    described["inputs"] = {"prior": [["one_hot", LATENT]]}
    model = web_model(generator._replace(description=described))
    assert names(model) == ["latents"]
    latents = jnp.eye(LATENT)[:2]
    expected = export.generating(generator)(latents)
    np.testing.assert_allclose(model.portable.function(latents)[0], expected, atol=1e-6)


@pytest.mark.slow
def test_a_stylegan2_moves_and_is_truncated_in_w(tmp_path):
    generator, model, run, generate = made(tmp_path / "stylegan2", 3)
    latents, _, labels = inputs(3)
    assert names(model) == ["latents", "labels", "amounts", "truncation"]
    assert model.truncation == 1.0
    still = np.zeros((3, DIRECTIONS), np.float32)
    np.testing.assert_allclose(run(latents, labels, still, 1.0)[0], generate(latents, labels), atol=2e-6)
    half = run(latents, labels, still, 0.5)[0]
    np.testing.assert_allclose(half, generate(latents, labels, truncation=0.5), atol=2e-6)
    space = space_of(generator)
    vectors = directions_of(generator, space, "jacobian", DIRECTIONS, key=seed_key(0)).vectors
    w = generator.module.apply(generator.variables, latents, labels, train=False, method="map")[:, 0]
    amounts = np.random.default_rng(0).normal(size=(3, DIRECTIONS)).astype(np.float32)
    expected = space.generate(w + amounts @ vectors)
    assert space.name == "w"
    assert np.abs(expected - space.generate(w)).max() > 1e-3
    np.testing.assert_allclose(run(latents, labels, amounts, 1.0)[0], expected, atol=1e-5)


@pytest.mark.long
def test_a_biggan_is_truncated_in_its_latents(tmp_path):
    generator, model, run, generate = made(tmp_path / "biggan", None)
    latents = inputs(None)[0]
    assert names(model) == ["latents", "amounts", "truncation"]
    still = np.zeros((3, DIRECTIONS), np.float32)
    np.testing.assert_allclose(run(latents, still, model.truncation)[0], generate(latents), atol=2e-6)
    half = run(latents, still, 0.5)[0]
    np.testing.assert_allclose(half, generate(latents, truncation=0.5), atol=2e-6)
    inside = {"prior": [["uniform", LATENT]]}
    uniform = generator._replace(description={**generator.description, "inputs": inside})
    assert names(web_model(uniform)) == ["latents", "amounts"]
