"""``jaxgan encode``: what the networks of a run read from each image, as a table of numbers."""

import csv
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxgan.evaluate.subject import refuse_data
from jaxgan.representation.reader import labels_for, no_encoder, open_data, open_reader
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, require_writable, write_atomically
from jaxgan.system.limits import require_devices
from jaxgan.system.random import pinned
from jaxgan.system.settings import converted

DIGITS = 9  # of a float32 in a table, enough to give it back


class Codes(NamedTuple):
    """What was read from images.

    Attributes:
        latents: the encoder's latents, ``[N, Z]``; None for a run without an encoder.
        reads: what the discriminator's heads read, by their names, ``[N, k]`` each.
        labels: the label of each image, int32 ``[N]``, or None.
        class_names: the name of each class, or None.
        file: the file that holds all of it.
        notes: lines for the user about the images.
    """

    latents: Float[np.ndarray, "n latent"] | None
    reads: dict[str, np.ndarray]
    labels: Int[np.ndarray, " n"] | None
    class_names: tuple[str, ...] | None
    file: Path
    notes: tuple[str, ...]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """All that was read, by name: ``"latents"``, the heads, and ``"labels"`` where they are known."""
        columns = {} if self.latents is None else {"latents": self.latents}
        columns |= self.reads
        return columns if self.labels is None else columns | {"labels": self.labels}


@pinned()
def encode(
    run: str | Path,
    data: str | Path | None = None,
    *,
    out: str | Path = "codes.npz",
    split: str | None = None,
    n: int | None = None,
    data_dir: str | None = None,
) -> Codes:
    """Write what the networks of a run read from images: latents, categories, codes, classes.

    Args:
        run: a run's folder, or an exported generator.
        data: the images: "digits", the name of a TFDS data set, a folder or an .npz; None for those that the
            run was trained on.
        out: an .npz with an array for each name, or a .csv with a line for each image.
        split: the split of a TFDS data set or of an .npz with splits; None for "test".
        n: the largest number of images, always the same ones; None for all, in their order.
        data_dir: the folder of TFDS data sets; None for the run's own.

    Returns:
        The `Codes`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    file, n = codes_file(out), converted("n", n, int | None)
    if n is not None and n < 1:
        raise UserError(f"`n` must be at least 1, got {n}")
    require_devices()
    reader = open_reader(run)
    refuse_data(file, run, data)
    if reader.encode is None and not reader.reads(np.zeros((1, *reader.image_shape), np.uint8)):
        raise UserError(f"{no_encoder(reader.path)} (its discriminator has no further heads either)")
    reals = open_data(reader, data, split=split, n=n, data_dir=data_dir)
    given = None if reader.encode is None else labels_for(reader, reals)
    require_writable(file.parent)
    latents = None if reader.encode is None else reader.encode(reals.images, given)
    codes = Codes(latents, reader.reads(reals.images), reals.labels, reals.class_names, file, reals.notes)
    for name, values in codes.columns.items():
        if bad := np.count_nonzero(~np.isfinite(values).reshape(len(values), -1).all(axis=1)):
            raise UserError(f"{run}: the {name} of {bad:,} of {len(values):,} images are not finite numbers")
    try:
        write_atomically(file, partial(_write, codes))
    except NoRoomError:
        raise
    except OSError as error:
        raise UserError(f"cannot write `out` {file}: {error.strerror or error}") from error
    return codes


def codes_file(out: str | Path) -> Path:
    """Return the file that codes are written to.

    Raises:
        UserError: if it is neither an .npz nor a .csv.
    """
    file: Path = converted("out", out, Path)
    if file.suffix.lower() not in (".npz", ".csv") or file.is_dir():
        raise UserError(f"`out` must end in .npz or .csv, got {file}")
    return file


def _write(codes: Codes, file: Path) -> None:
    if file.suffix.lower() == ".npz":
        arrays: dict[str, Any] = dict(codes.columns)
        if codes.class_names is not None:
            arrays["class_names"] = np.array(codes.class_names)
        with file.open("wb") as stream:
            np.savez_compressed(stream, **arrays)
        return
    table: dict[str, Any] = {}
    for name, values in codes.columns.items():
        if values.ndim == 1:
            names = codes.class_names
            table["label"] = [names[value] if names else int(value) for value in values]
            continue
        for i, column in enumerate(values.T):
            table[f"{name}_{i}"] = [f"{value:.{DIGITS}g}" for value in column]
    with file.open("w", newline="", encoding="utf-8", errors="backslashreplace") as stream:
        lines = csv.writer(stream)
        lines.writerow(["index", *table])
        lines.writerows([i, *row] for i, row in enumerate(zip(*table.values(), strict=True)))
