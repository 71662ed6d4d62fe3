"""A network as ONNX, which runtimes in most languages and in browsers take.

The conversion is jax2onnx's. It knows the operations of `jax.lax`, so the layers use these alone
(`jaxgan.layers.plain`).

References:
    https://github.com/enpasos/jax2onnx
"""

import logging
from pathlib import Path
from typing import Any

import jax

from jaxgan.export.portable import Portable
from jaxgan.layers.plain import plain
from jaxgan.system.errors import UserError

LAYOUTS = ("nhwc", "nchw")


def model_of(portable: Portable, layout: str = "nhwc") -> Any:
    """Return a network as an ONNX model, for batches of any size.

    Args:
        portable: the network.
        layout: "nhwc" for images ``[B, H, W, C]``, or "nchw" for images ``[B, C, H, W]``.

    Raises:
        UserError: if jax2onnx is not installed, or cannot convert the network.
    """
    try:
        import jax2onnx
    except ImportError as error:
        raise UserError('ONNX needs the package jax2onnx: pip install "jaxgan[onnx]" installs it') from error
    from jax import export

    (batch,) = export.symbolic_shape("B")
    options: dict[str, Any] = {
        "input_names": [each.name for each in portable.inputs],
        "output_names": list(portable.outputs),
        "model_name": portable.role,
    }
    if layout == "nchw":
        options["inputs_as_nchw"] = _images([each.name for each in portable.inputs])
        options["outputs_as_nchw"] = _images(portable.outputs)
    noisy = logging.getLogger("onnx_ir")
    level = noisy.level
    noisy.setLevel(logging.ERROR)  # it warns of each intermediate array whose type it does not know
    try:
        with plain():
            return jax2onnx.to_onnx(_one_or_more(portable), portable.specs(batch), **options)
    except NotImplementedError as error:
        raise UserError(f"jax2onnx cannot convert this {portable.role}: {error}") from error
    finally:
        noisy.setLevel(level)


def write_onnx(portable: Portable, folder: Path, layout: str = "nhwc") -> None:
    """Write ``<role>.onnx`` into an existing folder; see `model_of`."""
    (folder / f"{portable.role}.onnx").write_bytes(model_of(portable, layout).SerializeToString())


def _images(names: Any) -> list[int]:
    return [i for i, name in enumerate(names) if name in ("images", "source")]


def _one_or_more(portable: Portable) -> Any:
    """Return the function with its one output alone, as the converter takes it."""

    def function(*inputs: jax.Array) -> Any:
        outputs = portable.function(*inputs)
        return outputs[0] if len(outputs) == 1 else outputs

    return function
