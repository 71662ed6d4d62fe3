"""An exported network as a function of plain arrays, as StableHLO and as ONNX, for every family."""

import json
import subprocess
import sys
from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from choosing import each_once, shares
from exported_families import LATENT, SHAPE, inputs, roles, wanted, write
from jaxgan import export
from jaxgan.export.portable import read_portable
from jaxgan.export.stablehlo import serialized, write_stablehlo
from jaxgan.export_to import export_to
from jaxgan.names import FAMILIES
from jaxgan.networks.patches import PatchDiscriminator
from jaxgan.networks.translators import SRResNet, UNet
from jaxgan.system.errors import UserError


@pytest.mark.parametrize(
    ("name", "classes"),
    shares(
        product(FAMILIES, (None, 3)),
        fast=[("mlp", None), ("dcgan", 3)],
        slow=each_once(FAMILIES, [None, 3]),
    ),
)
def test_every_family_is_stablehlo_for_all_platforms_and_any_batch(name, classes, tmp_path):
    write(tmp_path, name, classes)
    for role in roles(name):
        given, result = wanted(tmp_path, role, classes)
        read = jax.export.deserialize(bytearray(serialized(read_portable(tmp_path, role))))
        assert set(read.platforms) == {"cpu", "cuda", "tpu"}
        np.testing.assert_allclose(read.call(*given)[0], result, rtol=1e-4, atol=1e-5, err_msg=role)
        alone = read.call(*(each[:1] for each in given))[0]
        np.testing.assert_allclose(alone, result[:1], rtol=1e-4, atol=1e-5, err_msg=role)


@pytest.mark.slow
def test_the_program_beside_the_file_needs_no_jaxgan(tmp_path):
    write(tmp_path / "run", "mlp", 3)
    (tmp_path / "out").mkdir()
    write_stablehlo(read_portable(tmp_path / "run", uint8=True), tmp_path / "out")
    code = (
        "import runpy, sys; runpy.run_path('out/use.py'); "
        "assert not {'jaxgan', 'flax'} & set(sys.modules), sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True, timeout=300)
    with np.load(tmp_path / "generator.npz") as saved:
        assert saved["images"].shape == (16, *SHAPE)
        assert saved["images"].dtype == np.uint8
        assert saved["images"].std() > 1


@pytest.mark.slow
def test_truncation_is_part_of_the_function(tmp_path):
    write(tmp_path, "biggan", None)
    latents = inputs(None)[0]
    (images,) = read_portable(tmp_path, truncation=0.5).function(latents)
    expected = export.load_generator(tmp_path)(latents, truncation=0.5)
    np.testing.assert_allclose(images, expected, atol=1e-5)
    assert np.abs(images - export.load_generator(tmp_path)(latents)).max() > 1e-3


@pytest.mark.parametrize(
    ("role", "options", "sentence"),
    [
        ("critic", {}, "`network` critic is unknown"),
        ("discriminator", {"uint8": True}, "`uint8` is a generator's"),
        ("encoder", {"truncation": 0.5}, "`truncation` is a generator's"),
        ("generator", {"truncation": 0.5}, "`truncation` 0.5 has no effect on a generator of mlp"),
    ],
)
def test_what_a_network_has_not_is_said(role, options, sentence, tmp_path):
    write(tmp_path, "mlp", None)
    with pytest.raises(UserError, match=sentence):
        read_portable(tmp_path, role, **options)


def test_the_description_says_what_the_function_takes(tmp_path):
    write(tmp_path, "mlp", None)
    described = read_portable(tmp_path).description
    assert described["inputs"] == {"prior": [["normal", LATENT]]}
    assert json.loads(json.dumps(described))["images"] == "float in [-1, 1]"


@pytest.mark.parametrize("module", [SRResNet(3, 2, 4, 0), UNet(3, 2, 2)], ids=["sr", "unet"])
@pytest.mark.slow
def test_a_translator_takes_sources_and_its_judge_pairs(module, tmp_path):
    scale = getattr(module, "scale", 1)
    common = {"image_shape": (8 * scale, 8 * scale, 3), "latent_dim": 0, "num_classes": None, "step": 7}
    sources = jax.random.uniform(jax.random.key(0), (3, 8, 8, 1), minval=-1.0)
    variables = jax.jit(partial(module.init, train=False))(jax.random.key(1), sources)
    export.save_generator(tmp_path, module, variables, **common, source_shape=(8, 8, 1))
    (images,) = jax.export.deserialize(bytearray(serialized(read_portable(tmp_path)))).call(sources)
    np.testing.assert_allclose(images, export.load_translator(tmp_path)(sources), atol=1e-5)
    judge = PatchDiscriminator(width=2, layers=1)
    shown = images, jnp.zeros((3, *images.shape[1:3], 1))
    variables = jax.jit(partial(judge.init, train=False))(jax.random.key(2), shown)
    export.save_discriminator(
        tmp_path, judge, variables, heads=(), pairs=False, source_shape=(8, 8, 1), **common
    )
    portable = read_portable(tmp_path, "discriminator")
    assert [each.name for each in portable.inputs] == ["images", "source"]
    (logits,) = jax.export.deserialize(bytearray(serialized(portable))).call(images, sources)
    expected = export.load_discriminator(tmp_path)((images, sources))
    np.testing.assert_allclose(logits, expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(UserError, match="shows samples of latents"):
        export_to(tmp_path, to="hub", license="mit", out=tmp_path / "hub")
    assert not (tmp_path / "hub").exists()
