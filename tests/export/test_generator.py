import json
import shutil

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from safetensors.numpy import save as bytes_of

import jaxgan
import small_networks
from drawn_weights import drawn
from jaxgan import export
from jaxgan.networks import dcgan, mlp, stylegan2
from jaxgan.state import named_leaves
from jaxgan.system.errors import UserError


def save(folder, generator, *, num_classes=None, image_shape=(8, 8, 1), variables=None):
    labels = None if num_classes is None else jnp.zeros(1, jnp.int32)
    variables = drawn(generator, jnp.zeros((1, 6)), labels) if variables is None else variables
    export.save_generator(
        folder,
        generator,
        jax.device_get(variables),
        image_shape=image_shape,
        latent_dim=6,
        num_classes=num_classes,
        step=12,
    )
    return variables


@pytest.mark.parametrize(
    ("generator", "num_classes"),
    [
        (mlp.Generator((8, 8, 1), (5, 7)), None),
        (dcgan.Generator((8, 8, 1), 4, num_classes=3), 3),
        *(
            pytest.param(*case, marks=pytest.mark.slow)
            for case in [
                (mlp.Generator((8, 8, 1), squash=False, num_classes=3), 3),
                (dcgan.Generator((8, 8, 1), 4), None),
                (small_networks.pair("resnet", 3)[0].clone(attention=(8,), spectral=True), 3),
                (small_networks.pair("biggan", 3)[0], 3),
                (small_networks.pair("biggan_deep", 3)[0], 3),
                (small_networks.pair("fastgan", 3)[0], 3),
                (small_networks.pair("r3gan", 3)[0], 3),
                (stylegan2.Generator((8, 8, 1), 16, 2, 1, 3, "resnet", mixing=0.5, num_classes=3), 3),
            ]
        ),
    ],
)
def test_what_was_saved_comes_back_as_a_function(tmp_path, generator, num_classes):
    variables = save(tmp_path / "export", generator, num_classes=num_classes)
    latents = jax.random.normal(jax.random.key(1), (4, 6))
    labels = None if num_classes is None else jnp.array([0, 1, 2, 0])
    expected = jax.jit(lambda *inputs: generator.apply(variables, *inputs, train=False))(latents, labels)
    paths = tmp_path, tmp_path / "export", tmp_path / "export/generator.safetensors"
    for path in paths if isinstance(generator, mlp.Generator) else paths[:1]:
        generate = jaxgan.load_generator(path)
        np.testing.assert_allclose(generate(latents, labels), expected, rtol=1e-5, atol=1e-6)
        if num_classes is not None:
            for wrong in (jnp.array([0, 1, 3, 0]), jnp.array([0, -1, 0, 0])):
                with pytest.raises(ValueError, match="labels are 0 to 2, these go from"):
                    generate(latents, wrong)
            np.testing.assert_allclose(jax.jit(generate)(latents, labels), expected, rtol=1e-5, atol=1e-6)
    assert export.read_description(tmp_path)["step"] == 12


@pytest.mark.slow
def test_a_generator_with_a_truncation_takes_it_and_others_refuse_it(tmp_path):
    module = stylegan2.Generator((8, 8, 1), 16, 2, 1, 3)
    variables = save(tmp_path / "style", module)
    generate, latents = (
        jaxgan.load_generator(tmp_path / "style"),
        jax.random.normal(jax.random.key(1), (3, 6)),
    )
    expected = module.apply(variables, latents, train=False, truncation=0.7)
    np.testing.assert_allclose(generate(latents, truncation=0.7), expected, rtol=1e-4, atol=1e-5)
    assert not np.allclose(generate(latents), expected, rtol=1e-3)
    same = np.asarray(generate(latents, truncation=0))
    np.testing.assert_array_equal(same, np.broadcast_to(same[:1], same.shape))
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(UserError, match=f"`truncation` must be at least 0 and at most 1, got {wrong}"):
            generate(latents, truncation=wrong)
    save(tmp_path / "dense", mlp.Generator((8, 8, 1), (5, 7)))
    with pytest.raises(UserError, match=r"`truncation` 0.5 has no effect on a generator of mlp: .*stylegan2"):
        jaxgan.load_generator(tmp_path / "dense")(latents, truncation=0.5)


class Gated(nn.Module):
    """Scalars, and leaves of several dtypes."""

    @nn.compact
    def __call__(self, latents, labels=None, *, train):
        gate = self.param("gate", nn.initializers.constant(0.3), ())
        count = self.variable("counts", "n", lambda: jnp.int32(7))
        others = {"flag": bool, "small": jnp.int8, "byte": jnp.uint8, "half": jnp.float16}
        seen = [
            self.variable("others", name, jnp.ones, 2, dtype).value.sum() for name, dtype in others.items()
        ]
        pixels = gate * nn.Dense(64)(latents) + 0.01 * count.value + 0.001 * sum(seen)
        return pixels.reshape(-1, 8, 8, 1)


@pytest.mark.parametrize("earlier", [False, True])
def test_leaves_of_every_shape_and_dtype_come_back(tmp_path, earlier):
    variables = Gated().init(jax.random.key(0), jnp.zeros((1, 6)), train=False)
    save(tmp_path, Gated(), variables=variables)
    if earlier:  # versions up to 0.1 wrote a scalar as an array of one number
        arrays = load_file(tmp_path / export.WEIGHTS)
        arrays["params/gate"] = arrays["params/gate"].reshape(1)
        save_file(arrays, tmp_path / export.WEIGHTS)
    latents = jax.random.normal(jax.random.key(1), (4, 6))
    found = jaxgan.load_generator(tmp_path, Gated())(latents)
    np.testing.assert_allclose(found, Gated().apply(variables, latents, train=False), rtol=1e-5, atol=1e-6)


def test_the_same_weights_make_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        save(tmp_path / name, dcgan.Generator((8, 8, 1), 4))
    first, second = ((tmp_path / name / export.WEIGHTS).read_bytes() for name in ("a", "b"))
    assert first == second


def test_a_module_of_ones_own_needs_the_module(tmp_path):
    class Own(nn.Module):
        @nn.compact
        def __call__(self, latents, labels=None, *, train):
            return nn.Dense(64)(latents).reshape(-1, 8, 8, 1)

    variables = save(tmp_path, Own())
    with pytest.raises(UserError, match="with its module"):
        jaxgan.load_generator(tmp_path)
    latents = jnp.ones((2, 6))
    generate = jaxgan.load_generator(tmp_path, Own())
    np.testing.assert_allclose(generate(latents), Own().apply(variables, latents, train=False), rtol=1e-6)


def test_what_cannot_be_loaded_is_said(tmp_path):
    with pytest.raises(UserError, match=r"there is no run, no folder and no file at .*nothing"):
        jaxgan.load_generator(tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"no checkpoint in .*empty"):
        jaxgan.load_generator(tmp_path / "empty")
    save(tmp_path, mlp.Generator((8, 8, 1), (5,)))
    with pytest.raises(UserError, match=r"Dense_0/bias is float32\[9\], found float32\[5\]"):
        jaxgan.load_generator(tmp_path, mlp.Generator((8, 8, 1), (9,)))
    description = json.loads((tmp_path / "config.json").read_text())
    for change, what in (
        ({"format_version": 99}, "format 99"),
        ({"network": "os.system"}, "os.system generator"),
        ({"options": {"widht": 3}}, "widht"),
        ({"image_shape": None}, "does not describe"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({**description, **change}))
        with pytest.raises(UserError, match=what):
            jaxgan.load_generator(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(UserError, match="does not describe"):
        jaxgan.load_generator(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(description))
    (tmp_path / "generator.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(UserError, match="cannot be read"):
        jaxgan.load_generator(tmp_path)


def test_the_file_that_is_named_is_the_file_that_is_read(tmp_path):
    small, other = mlp.Generator((8, 8, 1), (5,)), mlp.Generator((8, 8, 1), (5,))
    first = save(tmp_path, small)
    latents = jax.random.normal(jax.random.key(1), (4, 6))
    moved = jax.tree.map(lambda leaf: leaf + 0.1, first)
    shutil.copytree(tmp_path, tmp_path / "other")
    save_file(
        {name: np.asarray(leaf) for name, leaf in named_leaves(moved).items()}, tmp_path / "mine.safetensors"
    )
    for name, variables in (("generator", first), ("mine", moved)):
        images = jaxgan.load_generator(tmp_path / f"{name}.safetensors")(latents)
        np.testing.assert_allclose(images, other.apply(variables, latents, train=False), rtol=1e-5, atol=1e-6)
    for name, what in (
        ("nothing.safetensors", "no file at .*nothing.safetensors"),
        ("config.json", "config.json holds no generator"),
        ("other.pt", "no run, no folder and no file"),
    ):
        with pytest.raises(UserError, match=what if name != "other.pt" else "may hold code"):
            jaxgan.load_generator(tmp_path / name)


def test_a_folder_is_told_by_what_is_in_it(tmp_path):
    for name in ("v1.pt", "v2.safetensors", "best.npz"):
        save(tmp_path / name / "export", mlp.Generator((8, 8, 1), (5,)))
        assert export.is_exported(tmp_path / name)
        assert export.read_description(tmp_path / name)["step"] == 12
    (tmp_path / "pictures/export").mkdir(parents=True)
    (tmp_path / "pictures/config.json").write_text("{}")
    assert not export.is_exported(tmp_path / "pictures")


def test_latents_and_labels_of_python_are_understood(tmp_path):
    variables = save(tmp_path, mlp.Generator((8, 8, 1), (5,), num_classes=3), num_classes=3)
    generate = jaxgan.load_generator(str(tmp_path))
    latents = np.random.default_rng(0).standard_normal((3, 6))
    expected = mlp.Generator((8, 8, 1), (5,), num_classes=3).apply(
        variables, jnp.asarray(latents, jnp.float32), jnp.arange(3), train=False
    )
    for labels in ([0, 1, 2], (0, 1, 2), np.arange(3), np.arange(3, dtype=np.uint8), jnp.arange(3)):
        np.testing.assert_allclose(generate(latents.tolist(), labels), expected, rtol=1e-5, atol=1e-6)
    for wrong, what in (
        ((latents, None), "takes labels, integers from 0 to 2"),
        ((latents, [0, 1]), r"labels have shape \[3\], one for each latent, got \[2\]"),
        ((latents, [0.0, 1.0, 2.0]), "labels are integers, got float"),
        ((latents[:, :5], [0, 1, 2]), r"latents have shape \[B, 6\], got \[3, 5\]"),
        ((latents[0], 0), r"latents have shape \[B, 6\], got \[6\]"),
    ):
        with pytest.raises(ValueError, match=what):
            generate(*wrong)
    save(tmp_path / "plain", mlp.Generator((8, 8, 1), (5,)))
    with pytest.raises(ValueError, match="unconditional: it takes no labels"):
        jaxgan.load_generator(tmp_path / "plain")(latents, [0, 1, 2])


@pytest.mark.parametrize("name", ["workdir", "grid"])
def test_a_run_before_its_first_save_says_so(tmp_path, name):
    (tmp_path / "config.json").write_text(json.dumps({name: "x"}))
    with pytest.raises(UserError, match="no exported generator"):
        export.load_generator(tmp_path)


def test_a_device_that_fails_is_not_blamed_on_the_file(tmp_path, monkeypatch):
    save(tmp_path, mlp.Generator((8, 8, 1), (5,)))

    def exhausted(array):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(jnp, "asarray", exhausted)
        with pytest.raises(jax.errors.JaxRuntimeError):
            jaxgan.load_generator(tmp_path)

    def nowhere():
        raise AssertionError

    monkeypatch.setattr(jax, "devices", nowhere)
    with pytest.raises(UserError, match="JAX_PLATFORMS=cpu: JAX finds no such device"):
        jaxgan.load_generator(tmp_path)


# The text that the version before the discriminator's export wrote, of the same generator.
BEFORE = """{
  "format_version": 1,
  "network": "mlp",
  "options": {
    "hidden": [
      5
    ],
    "squash": true
  },
  "image_shape": [
    8,
    8,
    1
  ],
  "num_classes": 3,
  "latent_dim": 6,
  "step": 12
}
"""


def test_the_two_files_are_byte_for_byte_those_of_format_1(tmp_path):
    variables = save(tmp_path, mlp.Generator((8, 8, 1), (5,), num_classes=3), num_classes=3)
    assert (tmp_path / "config.json").read_text() == BEFORE
    arrays = {name: np.asarray(leaf) for name, leaf in named_leaves(variables).items()}
    assert (tmp_path / "generator.safetensors").read_bytes() == bytes_of(arrays)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "generator.safetensors"]
