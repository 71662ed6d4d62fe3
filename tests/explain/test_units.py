from itertools import product

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import generators
from choosing import each_once, shares
from jaxgan.explain.units import dissect, effects, hidden_layers, saturated, statistics
from jaxgan.system.errors import UserError

LATENTS = jax.random.normal(jax.random.key(1), (6, 5))


class Linear(nn.Module):
    """Two linear layers, and a third that takes in the same features as the second."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        features = nn.Dense(4, use_bias=False, name="first")(latents)
        pixels = nn.Dense(6, use_bias=False, name="second")(features)
        return (pixels + nn.Dense(6, use_bias=False, name="third")(features)).reshape(-1, 2, 3, 1)


@pytest.fixture(scope="module")
def linear():
    variables = Linear().init(jax.random.key(0), LATENTS, train=False)
    kernels = {name: np.array(variables["params"][name]["kernel"]) for name in ("first", "second", "third")}
    kernels["second"][2] = 0  # unit 2 goes nowhere in the second layer
    return {"params": {name: {"kernel": jnp.array(kernel)} for name, kernel in kernels.items()}}, kernels


def test_a_unit_of_a_linear_network_has_the_effect_of_its_activation_times_its_weights(linear):
    variables, kernels = linear
    given = np.asarray(LATENTS) @ kernels["first"]
    for paths, weights in (
        ("second", kernels["second"]),
        (("second", "third"), kernels["second"] + kernels["third"]),
    ):
        expected = np.abs(given).mean(axis=0) * np.linalg.norm(weights, axis=1) / np.sqrt(6)
        found = effects(Linear(), variables, paths, LATENTS)
        np.testing.assert_allclose(found.image, expected, rtol=1e-4, atol=1e-7)
        assert found.logit is None
        assert found.category is None
    assert effects(Linear(), variables, "second", LATENTS).image[2] == 0


def test_effects_on_logit_and_class_are_those_of_the_images_without_the_unit(linear):
    variables, kernels = linear
    given = np.asarray(LATENTS) @ kernels["first"]
    whole = given @ (kernels["second"] + kernels["third"])

    def judge(images, labels, latents):
        assert labels is None
        np.testing.assert_array_equal(latents[: len(LATENTS)], LATENTS)
        return np.asarray(images).reshape(len(images), -1) @ np.arange(6)

    def classify(images):
        return images.reshape(len(images), -1).argmax(axis=1)

    found = effects(
        Linear(), variables, ["second", "third"], LATENTS, units=[3, 1], judge=judge, classify=classify
    )
    for place, unit in enumerate((3, 1)):
        without = given.copy()
        without[:, unit] = 0
        images = without @ (kernels["second"] + kernels["third"])
        assert found.logit[place] == pytest.approx(((images - whole) @ np.arange(6)).mean(), rel=1e-4)
        assert found.category[place] == (images.argmax(axis=1) != whole.argmax(axis=1)).mean()


def test_an_unknown_layer_is_named(linear):
    with pytest.raises(UserError, match="there is no layer fourth: there are first, second, third"):
        effects(Linear(), linear[0], "fourth", LATENTS)


def test_hidden_layers_leave_out_latents_and_count_shared_features_once(linear):
    (layer,) = hidden_layers(Linear(), linear[0], LATENTS)
    assert layer.paths == ("second", "third")
    np.testing.assert_allclose(layer.features, LATENTS @ linear[1]["first"], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "num_classes"),
    shares(product(generators.NAMES, (None, 3)), slow=each_once(generators.NAMES, [None, 3])),
)
def test_each_family_has_hidden_layers(name, num_classes):
    network = generators.of_family(name, num_classes)
    labels = generators.labels_of(network, 6)
    layers = hidden_layers(network.module, network.variables, LATENTS, labels)
    paths = [path for layer in layers for path in layer.paths]
    assert len(layers) >= 2
    assert not {"classes", "scales", "mapping/embed", "synthesis/block0_conv1/conv"} & set(paths)
    if name != "stylegan2":  # whose first layer is given the latents divided by their length
        assert "Dense_0" not in paths
    last = layers[-1]
    found = effects(
        network.module, network.variables, last.paths, LATENTS[:2], None if labels is None else labels[:2]
    )
    assert found.image.shape == last.features.shape[-1:]
    assert found.image.max() > 0


def test_statistics_count_dead_and_always_active_units_and_directions():
    draws = np.random.default_rng(0)
    relu = np.maximum(draws.normal(size=(500, 4)), 0)
    rows = np.concatenate([relu, np.zeros((500, 2)), 1 + draws.random((500, 2))], axis=1)
    found = statistics(rows)
    assert (found.units, found.dead) == (8, 0.25)
    assert found.always_on == pytest.approx(2 / 6)
    assert found.active == pytest.approx((rows > 0).mean())
    square = draws.normal(size=(20_000, 6))
    assert statistics(square).rank == pytest.approx(6, abs=0.02)
    assert statistics(square[:, :2] @ draws.normal(size=(2, 6))).rank <= 2 + 1e-6
    assert statistics(square.reshape(5000, 2, 2, 6)) == statistics(square)
    assert statistics(np.zeros((5, 3))) == (3, 1.0, 0.0, 0.0, 0.0)


def test_saturation_is_the_share_of_pixels_at_the_ends():
    assert saturated(np.array([-1, -0.5, 0.995, 0.98])) == 0.5


def test_dissection_of_planted_masks_gives_1_and_0():
    masks = np.zeros((200, 8, 8), bool)
    masks[:, 2:4, 2:4] = True  # a sixteenth of the pixels
    maps = np.stack([masks, np.roll(masks, 4, axis=1), np.random.default_rng(0).random(masks.shape)], axis=-1)
    found = dissect(maps, masks, quantile=1 - 1 / 16)
    np.testing.assert_array_equal(found[:2], [1, 0])
    assert found[2] == pytest.approx(1 / 31, abs=0.015)  # by chance: 1 / 16 of a sixteenth is shared
    # One pixel of 4x4 that is enlarged to 8x8 reaches 16 pixels, of which the mask has 4.
    assert dissect(maps[:, ::2, ::2], masks, quantile=0.9)[0] == 0.25
