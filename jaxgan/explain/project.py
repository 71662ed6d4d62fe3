"""``jaxgan invert``: the latents of given pictures, and what their errors say."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int
from PIL import Image

from jaxgan.evaluate.reals import Reals
from jaxgan.explain.inversion import Inversion
from jaxgan.explain.memory import MOST, Memory, memory_of
from jaxgan.explain.pages import paired, picture
from jaxgan.explain.section_inversion import HELD_OUT, LEARNED, OWN, inverted
from jaxgan.explain.space import in_batches, labels_of, space_of
from jaxgan.export import read_generator
from jaxgan.representation.reader import Reader, labels_for, open_data, open_reader
from jaxgan.representation.report import output_file
from jaxgan.representation.settings import check_seed, named, taken
from jaxgan.system.errors import UserError
from jaxgan.system.files import NoRoomError, finite, write_atomically, write_json
from jaxgan.system.limits import require_devices
from jaxgan.system.output import aligned
from jaxgan.system.random import pinned, seed_key
from jaxgan.system.settings import converted

COMPARED = 32  # images of each kind that the pictures are compared with
SHOWN, COLUMNS = 32, 8  # pictures that are drawn


class Projected(NamedTuple):
    """Latents of pictures.

    Attributes:
        space: "z", or "w" for the intermediate latents of a StyleGAN2.
        latents: ``[N, Z]``.
        psnr: how near the generator comes to each picture, in dB, ``[N]``; at most 100.
        labels: the classes of the pictures, or None where the generator takes none.
        others: PSNR of images to compare with by their kind: own fakes, training images, held-out images.
        memory: training images against held-out ones; None where one of them cannot be had.
        picture: pictures, and below each row what the generator makes of them.
        protocol: everything that the numbers depend on, as JSON can hold it.
        notes: lines for the reader.
    """

    space: str
    latents: Float[np.ndarray, "n latent"]
    psnr: Float[np.ndarray, " n"]
    labels: Int[np.ndarray, " n"] | None
    others: dict[str, Float[np.ndarray, " m"]]
    memory: Memory | None
    picture: Image.Image
    protocol: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def arrays(self) -> dict[str, Any]:
        """The latents, or ``"w"``, ``"psnr"``, and ``"labels"`` where there are any."""
        arrays: dict[str, Any] = {
            "latents" if self.space == "z" else self.space: self.latents,
            "psnr": self.psnr,
        }
        return arrays if self.labels is None else arrays | {"labels": self.labels}

    @property
    def numbers(self) -> dict[str, Any]:
        """All numbers but the latents, as JSON can hold them."""
        return {
            "psnr": self.psnr.tolist(),
            "median_psnr": {"pictures": float(np.median(self.psnr)), **self.medians},
            "memorization": None if self.memory is None else self.memory._asdict(),
            "protocol": self.protocol,
            "notes": list(self.notes),
        }

    @property
    def medians(self) -> dict[str, float]:
        """The median PSNR of the images to compare with, by their kind."""
        return {name: float(np.median(psnr)) for name, psnr in self.others.items()}


@pinned()
def project(
    run: str | Path,
    data: str | Path | None = None,
    *,
    n: int = 64,
    steps: int = 400,
    restarts: int = 4,
    split: str | None = None,
    seed: int = 0,
    data_dir: str | None = None,
) -> Projected:
    """Look for latents of which a run's generator makes given pictures.

    Own fakes, and as far as they can be had training images and held-out images, are looked for as well: a
    PSNR says little by itself.

    Args:
        run: a run's folder, or an exported generator.
        data: the pictures: "digits", the name of a TFDS data set, a folder or an .npz; None for those that
            the run was trained on. Pictures of another size are cut and resized as in training; a note says
            so.
        n: the largest number of pictures, always the same ones and in their order, >= 1.
        steps: steps of Adam, >= 1.
        restarts: beginnings of each picture, >= 1.
        split: the split of a TFDS data set or of an .npz with splits; None for "test".
        seed: seed of the beginnings.
        data_dir: the folder of TFDS data sets; None for the run's own.

    Returns:
        The `Projected` pictures.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    n, steps, restarts = (
        _positive(name, value) for name, value in (("n", n), ("steps", steps), ("restarts", restarts))
    )
    options = {"seed": check_seed(seed), "steps": steps, "restarts": restarts}
    require_devices()
    reader, generator = open_reader(run), read_generator(run)
    space = space_of(generator)
    reals, _ = taken(open_data(reader, data, split=split, data_dir=data_dir), n)
    labels = labels_for(reader, reals)
    found = inverted(space, reals.images, labels, **options)
    others, notes = _others(reader, data_dir)
    fakes = labels_of(generator, COMPARED)
    drawn = space.draw(seed_key(seed), fakes, COMPARED)
    kinds = {OWN: (in_batches(space.generate, drawn, fakes), fakes), **others}
    psnr = {name: _psnr(inverted(space, images, given, **options)) for name, (images, given) in kinds.items()}
    enough = all(len(psnr.get(name, ())) > 1 for name in (LEARNED, HELD_OUT))
    memory = memory_of(psnr[LEARNED], psnr[HELD_OUT]) if enough else None
    again = in_batches(space.generate, found.latents, labels)
    both = paired(reals.images[:SHOWN], again[:SHOWN], columns=COLUMNS)
    shown = picture(both, columns=min(COLUMNS, len(reals.images)))
    protocol = {
        **named(reals),
        **options,
        "seed": seed,
        "space": space.name,
        "step": reader.description["step"],
    }
    notes = (*reals.notes, *notes, *([] if memory is None else [memory.sentence]))
    return Projected(space.name, found.latents, _psnr(found), labels, psnr, memory, shown, protocol, notes)


def invert_to_files(
    run: str | Path, data: str | Path | None = None, *, out: str | Path | None = None, **options: Any
) -> list[str]:
    """Write what `project` finds: an .npz of the latents, and beside it a .png and a .json.

    Args:
        run: as for `project`.
        data: as for `project`.
        out: the .npz; None for inversion.npz in the run's folder.
        **options: as for `project`.

    Returns:
        Lines for a terminal.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    file = output_file(Path(run), out, "inversion.npz", data)
    found = project(run, data, **options)
    files = [file, file.with_suffix(".png"), file.with_suffix(".json")]
    try:
        write_atomically(files[0], lambda part: np.savez_compressed(part, **found.arrays))
        write_atomically(files[1], found.picture.save)
        write_json(files[2], finite(found.numbers))
    except NoRoomError:
        raise
    except OSError as error:
        raise UserError(f"cannot write to {file.parent}: {error.strerror or error}") from error
    rows = [("images", "median PSNR, dB"), ("these pictures", f"{np.median(found.psnr):.1f}")]
    rows += [(name, f"{median:.1f}") for name, median in found.medians.items()]
    return [
        *aligned(rows),
        *(f"note: {note}" for note in dict.fromkeys(found.notes)),
        f"latents of {len(found.psnr):,} pictures in {file}, and the pictures in {files[1]}",
    ]


def _positive(name: str, value: Any) -> int:
    number = converted(name, value, int)
    if number < 1:
        raise UserError(f"`{name}` must be at least 1, got {number}")
    return number


def _psnr(found: Inversion) -> np.ndarray:
    return np.minimum(found.psnr, MOST)


def _others(
    reader: Reader, data_dir: str | None
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray | None]], list[str]]:
    """Return the run's training images and held-out images with their labels, and notes on missing ones."""
    kinds, notes = {}, []
    for name, split in ((LEARNED, "train"), (HELD_OUT, "test")):
        try:
            reals: Reals = open_data(reader, None, split=split, n=COMPARED, data_dir=data_dir)
            kinds[name] = reals.images, labels_for(reader, reals)
        except UserError:
            notes.append(f"there are no {name} of {reader.path} to compare with")
    return kinds, notes
