"""A network as StableHLO: one file, weights inside, that JAX alone runs on CPU, GPU and TPU.

`jax.export` promises that a file is read by the versions of JAX of the following six months. It needs the
package flatbuffers, which JAX does not install.

References:
    https://docs.jax.dev/en/latest/export/export.html
"""

from collections.abc import Sequence
from pathlib import Path

import jax

from jaxgan.export.portable import Array, Portable
from jaxgan.prior import Prior
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_text

PLATFORMS = ("cpu", "cuda", "tpu")
USE = '''"""Run {file}, which lies beside this file. It needs jax and flatbuffers, and nothing else."""

from pathlib import Path

import jax.export
import numpy as np

{role} = jax.export.deserialize(bytearray(Path(__file__).with_name("{file}").read_bytes()))
n, rng = 16, np.random.default_rng(0)
{inputs}
{outputs} = {role}.call({names})
np.savez("{role}.npz", {saved})
'''


def serialized(portable: Portable, platforms: Sequence[str] = PLATFORMS) -> bytes:
    """Return a network as bytes that `jax.export.deserialize` reads.

    Args:
        portable: the network.
        platforms: the platforms that it is to run on.

    Raises:
        UserError: if flatbuffers is not installed.
    """
    try:
        import flatbuffers  # noqa: F401 -- jax.export needs it and says so in a traceback
    except ImportError as error:
        raise UserError(
            'StableHLO needs the package flatbuffers: pip install "jaxgan[export]" installs it'
        ) from error
    from jax import export

    (batch,) = export.symbolic_shape("batch")
    exported = export.export(jax.jit(portable.function), platforms=platforms)(*portable.specs(batch))
    return bytes(exported.serialize())


def write_stablehlo(portable: Portable, folder: Path) -> None:
    """Write ``<role>.stablehlo``, and ``use.py`` that runs it, into an existing folder.

    Raises:
        UserError: if flatbuffers is not installed.
    """
    file = f"{portable.role}.stablehlo"
    (folder / file).write_bytes(serialized(portable))
    names = portable.outputs
    text = USE.format(
        file=file,
        role=portable.role,
        outputs=f"({', '.join(names)},)" if len(names) == 1 else ", ".join(names),
        inputs="\n".join(f"{each.name} = {_example(each, portable)}" for each in portable.inputs),
        names=", ".join(each.name for each in portable.inputs),
        saved=", ".join(f"{name}={name}" for name in names),
    )
    write_text(folder / "use.py", text)


def _example(array: Array, portable: Portable) -> str:
    """Return NumPy code that makes n examples of an input."""
    if array.name == "labels":
        return f"np.arange(n, dtype=np.int32) % {portable.description['num_classes']}"
    if array.name in ("images", "source"):
        return f"rng.uniform(-1, 1, (n, {', '.join(map(str, array.shape))})).astype(np.float32)"
    inputs = portable.description.get("inputs")
    prior = Prior(inputs["prior"]) if inputs else Prior((("normal", array.shape[0]),))
    codes = {
        "normal": "rng.normal(size=(n, {length}))",
        "uniform": "rng.uniform(-1, 1, (n, {length}))",
        "one_hot": "np.eye({length})[rng.integers({length}, size=n)]",
    }
    blocks = [codes[kind].format(length=length) for kind, length in prior.blocks]
    whole = blocks[0] if len(blocks) == 1 else f"np.hstack([{', '.join(blocks)}])"
    return f"{whole}.astype(np.float32)"
