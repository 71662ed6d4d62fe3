"""ONNX models compute what the networks compute. CI's slow set has the extra `onnx` and onnxruntime."""

from functools import partial
from itertools import product

import jax
import numpy as np
import pytest

from choosing import each_once, shares
from exported_families import inputs, roles, wanted, write
from jaxgan import export
from jaxgan.export.onnx import model_of
from jaxgan.export.portable import read_portable
from jaxgan.names import FAMILIES
from jaxgan.networks.translators import ResNetTranslator, SRResNet, UNet

onnx = pytest.importorskip("onnx", exc_type=ImportError)
pytest.importorskip("jax2onnx", exc_type=ImportError)
runtime = pytest.importorskip("onnxruntime", exc_type=ImportError)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # of other people's packages


def run(model, given):
    onnx.checker.check_model(model)
    session = runtime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return session.run(None, dict(zip(names, map(np.asarray, given), strict=True)))


@pytest.mark.parametrize(
    ("name", "classes"), shares(product(FAMILIES, (None, 3)), slow=each_once(FAMILIES, [3, None]))
)
def test_onnxruntime_agrees_for_every_family(name, classes, tmp_path):
    write(tmp_path, name, classes)
    for role in roles(name):
        given, result = wanted(tmp_path, role, classes)
        portable = read_portable(tmp_path, role)
        model = model_of(portable)
        assert [each.name for each in model.graph.input] == [each.name for each in portable.inputs]
        assert [each.name for each in model.graph.output] == list(portable.outputs)
        for count in (1, 3):
            outputs = run(model, [each[:count] for each in given])
            np.testing.assert_allclose(outputs[0], result[:count], rtol=1e-4, atol=1e-5, err_msg=role)


def test_images_may_have_their_channels_first(tmp_path):
    write(tmp_path, "dcgan", None)
    latents, images, _ = inputs(None)
    made = run(model_of(read_portable(tmp_path), "nchw"), [latents])[0]
    expected = np.asarray(export.load_generator(tmp_path)(latents))
    np.testing.assert_allclose(made, expected.transpose(0, 3, 1, 2), rtol=1e-4, atol=1e-5)
    judge = model_of(read_portable(tmp_path, "discriminator"), "nchw")
    logits = run(judge, [np.asarray(images).transpose(0, 3, 1, 2)])[0]
    np.testing.assert_allclose(logits, export.load_discriminator(tmp_path)(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["stylegan2", "biggan"])
def test_a_truncation_is_inside(name, tmp_path):
    write(tmp_path, name, None)
    latents = inputs(None)[0]
    made = run(model_of(read_portable(tmp_path, truncation=0.5)), [latents])[0]
    expected = export.load_generator(tmp_path)(latents, truncation=0.5)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("module", [SRResNet(3, 2, 4, 1), UNet(3, 2, 2), ResNetTranslator(3, 2, 1)])
def test_onnxruntime_agrees_for_every_translator(module, tmp_path):
    scale = getattr(module, "scale", 1)
    common = {"image_shape": (8 * scale, 8 * scale, 3), "latent_dim": 0, "num_classes": None, "step": 7}
    sources = jax.random.uniform(jax.random.key(0), (3, 8, 8, 1), minval=-1.0)
    variables = jax.jit(partial(module.init, train=False))(jax.random.key(1), sources)
    export.save_generator(tmp_path, module, variables, **common, source_shape=(8, 8, 1))
    made = run(model_of(read_portable(tmp_path)), [sources])[0]
    expected = export.load_translator(tmp_path)(sources)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-5)
