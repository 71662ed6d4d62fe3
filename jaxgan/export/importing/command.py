"""``jaxgan import``: a file of published weights becomes a run's ``export`` folder."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax

from jaxgan.export.discriminator import save_discriminator
from jaxgan.export.generator import save_generator
from jaxgan.export.importing import biggan, biggan_deep, r3gan, stylegan2
from jaxgan.export.importing.plan import OtherNetworkError, Plan, Source, variables_of
from jaxgan.export.safetensors import check_sizes
from jaxgan.inert import Call, Layers, Name, WeightFile, entries_of, layers_of
from jaxgan.inert.tensors import MOST_BYTES
from jaxgan.state import Variables
from jaxgan.system.command_line import Positional
from jaxgan.system.errors import UserError, choose
from jaxgan.system.files import replace_folder, require_writable
from jaxgan.system.limits import require_memory


class Family(NamedTuple):
    """How one family's files are read, and under which terms their authors publish them.

    Attributes:
        generator: ``layers -> plan``.
        discriminator: ``(layers, image_shape) -> plan``.
        repository: the authors' program.
        license: what the repository says of a license.
    """

    generator: Callable[[Source], Plan]
    discriminator: Callable[[Source, tuple[int, ...]], Plan]
    repository: str
    license: str


FAMILIES = {
    "stylegan2": Family(
        stylegan2.generator,
        stylegan2.discriminator,
        "https://github.com/NVlabs/stylegan2-ada-pytorch",
        "NVIDIA Source Code License: for research or evaluation, not commercially",
    ),
    "r3gan": Family(
        r3gan.generator,
        r3gan.discriminator,
        "https://github.com/brownvc/R3GAN",
        "unknown, as the authors' repository has no license file: ask the authors",
    ),
    "biggan": Family(
        biggan.generator,
        biggan.discriminator,
        "https://github.com/ajbrock/BigGAN-PyTorch",
        "MIT License",
    ),
    "biggan_deep": Family(
        biggan_deep.generator,
        biggan_deep.discriminator,
        "https://github.com/ajbrock/BigGAN-PyTorch",
        "MIT License",
    ),
}
_GENERATORS, _DISCRIMINATORS = ("G_ema", "G"), ("D",)


class Imported(NamedTuple):
    """What an import wrote.

    Attributes:
        folder: the folder of the networks' files.
        lines: what there is to say: the networks, the license, and notes.
    """

    folder: Path
    lines: tuple[str, ...]


class _OtherNetworkError(UserError):
    """A file is sound, and its network is another one."""


class _Found(NamedTuple):
    """A network that was read.

    Attributes:
        plan: the network's configuration.
        variables: the network's variables.
    """

    plan: Plan
    variables: Variables


def import_weights(
    file: Positional[Path],
    *,
    network: str | None = None,
    out: Path | None = None,
    discriminator: Path | None = None,
) -> Imported:
    """Make a run's exported networks of published weights; nothing in the file is run.

    Args:
        file: a .pkl of StyleGAN2-ADA or R3GAN, or the .pth of a BigGAN's generator.
        network: stylegan2, r3gan, biggan or biggan_deep.
        out: a new folder, which becomes a run with an export folder.
        discriminator: the .pth of a BigGAN's discriminator, which is a file of its own.

    Returns:
        The folder, and what there is to say.

    Raises:
        UserError: if the file cannot be read, or holds another network; one sentence says why, and nothing is
            written.
    """
    if network is None:
        raise UserError(f"`network` is missing: there are {', '.join(FAMILIES)}")
    name = choose("network", network, FAMILIES)
    family, file, out = FAMILIES[name], Path(file), _new_folder(out)
    weights, digest = _read(file)
    made, judge, notes = _networks_in(file, weights)
    origin = {"file": file.name, "sha256": digest, "repository": family.repository, "license": family.license}
    if discriminator is not None:
        if judge is not None:
            raise UserError(f"{file} has a discriminator already: leave out `discriminator`")
        other, other_digest = _read(Path(discriminator))
        judge = _networks_in(Path(discriminator), other)[0]
        origin |= {"discriminator": {"file": Path(discriminator).name, "sha256": other_digest}}

    generator, judged = _fitted(file, name, made, family.generator), None
    notes += generator.plan.notes
    if judge is not None:
        try:
            shape = generator.plan.image_shape
            judged = _fitted(
                Path(discriminator or file), name, judge, lambda source: family.discriminator(source, shape)
            )
        except _OtherNetworkError as error:
            if discriminator is not None:
                raise
            notes += (f"the discriminator is left out: {error}",)
    require_writable(out.absolute().parent)
    replace_folder(out, lambda folder: _write(folder / "export", generator, judged, origin))
    networks = "generator" if judged is None else "generator and discriminator"
    lines = [
        f"{networks} of {_size(generator)} in {out / 'export'}",
        f"license: {family.license} ({family.repository}); whoever trained other weights with this program "
        "may have set other terms",
        *(f"note: {note}" for note in dict.fromkeys(notes)),
    ]
    return Imported(out / "export", tuple(lines))


def _new_folder(out: Path | None) -> Path:
    """Return the folder of the new run, which is not there or empty."""
    if out is None:
        raise UserError("`out` is missing: the folder of the new run")
    out = Path(out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        reason = "holds files" if out.is_dir() else "is a file"
        raise UserError(f"`out` must be a new folder, and {out} {reason}")
    return out


def _read(file: Path) -> tuple[WeightFile, str]:
    """Return the content of a file, and its SHA-256."""
    try:
        if not file.is_file():
            raise UserError(f"there is no file at {file}")
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise UserError(f"{file} is larger than {MOST_BYTES / 2**30:.0f} GiB, the most that is read")
        require_memory(3 * size, str(file))
        content = file.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from error
    try:
        return WeightFile(content), hashlib.sha256(content).hexdigest()
    except ValueError as error:
        raise UserError(f"{file} holds no weights that can be read: {_one_line(error)}") from error


def _networks_in(file: Path, weights: WeightFile) -> tuple[Source, Source | None, tuple[str, ...]]:
    """Return the layers of the generator, those of the discriminator if the file has one, and notes."""
    try:
        entries = entries_of(weights.root) or {}
        made = _first(weights, entries, _GENERATORS) or layers_of(weights, weights.root)
        judge = _first(weights, entries, _DISCRIMINATORS)
    except ValueError as error:
        raise UserError(f"{file} holds no weights that can be read: {_one_line(error)}") from error
    if made is None:
        if _is_tensorflow(weights.root):
            raise UserError(
                f"{file} is a StyleGAN of TensorFlow: legacy.py of stylegan2-ada-pytorch converts it first"
            )
        raise UserError(f"{file} has no generator: a G_ema, or a dictionary of tensors")
    notes = ()
    if _DISCRIMINATORS[0] in entries and _GENERATORS[0] not in entries:
        notes = ("the file has no average of the generator, G_ema: this is the last one, G",)
    return Source(weights, made), None if judge is None else Source(weights, judge), notes


def _first(weights: WeightFile, entries: dict[Any, Any], names: tuple[str, ...]) -> Layers | None:
    return next((layers for name in names if (layers := layers_of(weights, entries.get(name)))), None)


def _is_tensorflow(root: Any) -> bool:
    parts = root if isinstance(root, list | tuple) else (root,)
    return any(
        isinstance(part, Call)
        and isinstance(part.function, Name)
        and part.function.module.startswith("dnnlib.tflib")
        for part in parts
    )


def _fitted(file: Path, name: str, source: Source, plan_of: Callable[[Source], Plan]) -> _Found:
    """Return the network of some layers."""
    try:
        plan = plan_of(source)
        check_sizes({"image_shape": plan.image_shape, "latent_dim": plan.latent_dim})
        inputs = (plan.latent_dim,) if plan.latent_dim else plan.image_shape
        return _Found(plan, variables_of(source, plan, inputs))
    except OtherNetworkError as error:
        raise _OtherNetworkError(
            f"{file} holds another network than jaxgan's {name}: {_one_line(error)}"
        ) from error
    except (UserError, MemoryError, jax.errors.JaxRuntimeError):
        raise
    except Exception as error:  # of a damaged tensor, or of a module with sizes from a foreign file
        raise UserError(f"{file} holds no {name} that can be read: {_one_line(error)}") from error


def _write(folder: Path, generator: _Found, judged: _Found | None, origin: dict[str, Any]) -> None:
    plan = generator.plan
    common: dict[str, Any] = {"image_shape": plan.image_shape, "latent_dim": plan.latent_dim, "step": 0}
    save_generator(
        folder, plan.module, generator.variables, num_classes=plan.num_classes, imported=origin, **common
    )
    if judged is not None:
        save_discriminator(
            folder, judged.plan.module, judged.variables, num_classes=judged.plan.num_classes, **common
        )


def _size(found: _Found) -> str:
    height, width, channels = found.plan.image_shape
    count = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(found.variables["params"]))
    classes = "" if found.plan.num_classes is None else f", {found.plan.num_classes:,} classes"
    return f"{height}x{width}x{channels} images{classes}, {count:,} parameters of the generator,"


def _one_line(error: Exception) -> str:
    return str(error).split("\n")[0][:400]
