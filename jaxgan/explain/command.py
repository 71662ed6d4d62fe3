"""``jaxgan explain``: why the discriminator says what it says, and what happens inside the generator."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from PIL import Image

from jaxgan.data.classes import class_numbers
from jaxgan.evaluate.reals import Reals
from jaxgan.explain.attributions import METHODS
from jaxgan.explain.examples import GREY, NEAREST, REFERENCES
from jaxgan.explain.regions import parse_grid
from jaxgan.explain.section import Section, Subject
from jaxgan.explain.section_critic import critic_section
from jaxgan.explain.section_inversion import inversion_section
from jaxgan.explain.section_latents import latents_section
from jaxgan.explain.section_masks import masks_section, read_masks
from jaxgan.explain.section_units import units_section
from jaxgan.explain.sources import open_pairs, sources_for, translates
from jaxgan.export import (
    folder_of,
    has_discriminator,
    has_encoder,
    read_discriminator,
    read_encoder,
    read_generator,
)
from jaxgan.representation.reader import Reader, open_data, reader_of
from jaxgan.representation.settings import check_seed
from jaxgan.system.command_line import Positional, argument
from jaxgan.system.errors import UserError, choose
from jaxgan.system.files import (
    NoRoomError,
    finite,
    replace_folder,
    require_writable,
    write_json,
)
from jaxgan.system.limits import require_devices
from jaxgan.system.output import aligned
from jaxgan.system.random import pinned
from jaxgan.system.settings import converted

CRITIC, MASKS = "critic", "masks"
NUMBERS = "explain.json"
SECTIONS: dict[str, Callable[..., Section]] = {
    CRITIC: critic_section,
    "latents": latents_section,
    "units": units_section,
    MASKS: masks_section,
    "inversion": inversion_section,
}
OF_LATENTS = ("latents", "inversion")  # the parts that a translator has not
MOST = 512  # images to look at


class Explanation(NamedTuple):
    """What `explain` found.

    Attributes:
        sections: what each part found, by its name.
        protocol: what the numbers depend on, as JSON can hold it.
        notes: lines for the reader.
        folder: the folder of the pictures and of ``explain.json``.
    """

    sections: dict[str, Section]
    protocol: dict[str, Any]
    notes: tuple[str, ...]
    folder: Path


@pinned()
def explain(
    run: Positional[Path],
    data: Positional[str | None] = None,
    *,
    what: str | None = None,
    method: str = "shapley",
    regions: str | None = None,
    reference: str = NEAREST,
    n: int = 8,
    class_: Annotated[str | None, argument(name="class", metavar="CLASS,...")] = None,
    masks: Path | None = None,
    seed: int = 0,
    data_dir: str | None = None,
    out: Path | None = None,
) -> Explanation:
    """Explain a run's images: why the discriminator says so, and what happens inside the generator.

    Args:
        run: a run's folder, or its export.
        data: the real images: "digits", the name of a TFDS data set, a folder or an .npz; None for those that
            the run was trained on.
        what: the parts, with commas between: critic, latents, units, masks, inversion; None for all. A
            translator has no latents and no inversion.
        method: how a verdict is explained: shapley, lime, integrated or expected (gradients).
        regions: the grid whose blocks get a value each, such as 7x7; None for 7x7, or for every pixel where
            there are at most 8 in a row.
        reference: what an image is compared with: the nearest real image (of its class), several reals, or
            grey. For a translator, the nearest is the image that it should be.
        n: the number of images to look at.
        class_: classes of the images, names or numbers with commas between; None for those of the data.
        masks: an .npz of masks that units are compared with, bool [N, H, W] by name, of the images that
            `jaxgan sample RUN --n N --seed SEED` makes; None for where they are bright, dark, or change.
        seed: the seed of everything that is drawn.
        data_dir: the folder of TFDS data sets; None for the run's own.
        out: the folder to write, new or of an earlier call; None for explain in the run's folder.

    Returns:
        The `Explanation`.

    Raises:
        UserError: if something cannot be done; one sentence says why.
    """
    seed, n, names = check_seed(seed), converted("n", n, int), _parts(what)
    if not 1 <= n <= MOST:
        raise UserError(f"`n` must be at least 1 and at most {MOST}, got {n}")
    given = {"method": (method, "shapley"), "regions": (regions, None), "reference": (reference, NEAREST)}
    for option, (value, default) in ({} if CRITIC in names else given | {"class": (class_, None)}).items():
        if value != default:
            raise UserError(f"`{option}` {value} has no effect without {CRITIC} in `what`")
    masks = converted("masks", masks, Path | None)
    if masks is not None and MASKS not in names:
        raise UserError(f"`masks` {masks} has no effect without {MASKS} in `what`")
    method = choose("method", converted("method", method, str), METHODS)
    reference = choose("reference", converted("reference", reference, str), REFERENCES)
    require_devices()
    run = converted("run", run, Path)
    subject, notes = _subject(run, data, n=n, seed=seed, data_dir=data_dir)
    if subject.sources is not None:
        names = _parts_of_translator(names, what, masks)
    classes = _classes(subject.reader, class_)
    given = None if masks is None else read_masks(masks, subject.reader.image_shape)
    parse_grid(regions, subject.reader.image_shape)
    if CRITIC in names and subject.discriminator is None:
        raise UserError(
            f"{run} has no exported discriminator, which `what` {CRITIC} explains: `jaxgan resume {run}` "
            "writes it"
        )
    if CRITIC in names and reference != GREY and subject.learned is None and subject.sources is None:
        raise UserError(f"`reference` {reference} has nothing to compare with: {' '.join(notes)}")
    folder = _folder(run, out)
    options: dict[str, dict[str, Any]] = {
        CRITIC: {"method": method, "regions": regions, "reference": reference, "classes": classes},
        MASKS: {"masks": given},
    }
    sections = {name: SECTIONS[name](subject, **options.get(name, {})) for name in names}
    protocol = {
        "run": str(run),
        "step": subject.reader.description["step"],
        "n": n,
        "seed": seed,
        "what": names,
        **{
            name: _named(reals) for name, reals in (("data", subject.learned), ("held_out", subject.held_out))
        },
    }
    notes += tuple(note for section in sections.values() for note in section.notes)
    found = Explanation(sections, protocol, tuple(dict.fromkeys(notes)), folder)
    try:
        replace_folder(folder, partial(_write, found=found))
    except NoRoomError as error:
        raise NoRoomError(f"{error}. What was found:\n{table(found)}") from error
    except OSError as error:
        failure = f"cannot write to {folder}: {error.strerror or error}"
        raise UserError(f"{failure}. What was found:\n{table(found)}") from error
    return found


def table(found: Explanation) -> str:
    """Return what was found as lines for a terminal."""
    cells = [("part", "measured", "value")]
    for name, section in found.sections.items():
        cells += [(name, what, _cell(value)) for what, value in section.rows]
    pictures = [name for section in found.sections.values() for name in section.pictures]
    lines = [*aligned(cells), *(f"note: {note}" for note in found.notes)]
    return "\n".join([*lines, f"{', '.join([*pictures, NUMBERS])} in {found.folder}"])


def _cell(value: str | float) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _parts(what: Any) -> list[str]:
    """Return the names of the parts that a text names, in the order of `SECTIONS`."""
    what = converted("what", what, str | None)
    if what is None:
        return list(SECTIONS)
    chosen = [choose("what", name.strip(), SECTIONS) for name in what.split(",")]
    return [name for name in SECTIONS if name in chosen]


def _parts_of_translator(names: list[str], what: str | None, masks: Path | None) -> list[str]:
    """Return the parts that a translator has, all of them where none was named.

    Raises:
        UserError: if a part is named that looks at latents, or masks of images that are made of latents.
    """
    has = [name for name in names if name not in OF_LATENTS]
    if what is not None and has != names:
        raise UserError(
            f"`what` {OF_LATENTS[0]} and {OF_LATENTS[1]} look at latents, and this run makes images of "
            f"pictures: its parts are {', '.join(name for name in SECTIONS if name not in OF_LATENTS)}"
        )
    if masks is not None:
        raise UserError(f"`masks` {masks} are of images that are made of latents, not of pictures")
    return has


def _subject(
    run: Path, data: str | None, *, n: int, seed: int, data_dir: str | None
) -> tuple[Subject, tuple[str, ...]]:
    """Open a run and its images; the notes say which images cannot be had."""
    maker, beside = read_generator(run), folder_of(run)
    judge = read_discriminator(beside) if has_discriminator(beside) else None
    coder = read_encoder(beside) if has_encoder(beside) else None
    reader = reader_of(run, maker, judge, coder)
    sources = sources_for(reader, seed) if translates(reader) else None
    learned, notes = _images(reader, data, "train", data_dir)
    held_out, _ = _images(reader, data, "test", data_dir)
    if sources is not None and learned is None and held_out is None:
        raise UserError(f"{run} makes images of pictures, and has none to make them of: {notes[0]}")
    return Subject(run, reader, maker, judge, learned, held_out, n, seed, sources), notes


def _images(
    reader: Reader, data: str | None, split: str, data_dir: str | None
) -> tuple[Reals | None, tuple[str, ...]]:
    """Return images of a split and notes on them; None where there are none, with a note that says why."""
    opened = open_pairs if translates(reader) else open_data
    try:
        reals = opened(reader, data, split=split, data_dir=data_dir)
    except UserError as error:
        if data is not None and split == "train":
            raise
        return None, (f"there are no real images: {error}",)
    return reals, reals.notes


def _classes(reader: Reader, chosen: Any) -> list[int] | None:
    chosen = converted("class", chosen, str | None)
    if chosen is None:
        return None
    if reader.num_classes is None:
        raise UserError(f"`class` {chosen}: {reader.path} has learned no classes")
    return class_numbers("class", chosen, reader.num_classes, reader.description.get("class_names") or [])


def _named(reals: Reals | None) -> dict[str, Any] | None:
    """Return which images were looked at, as JSON can hold it."""
    return None if reals is None else {"data": reals.source, "split": reals.split, "n": len(reals.images)}


def _folder(run: Path, out: Any) -> Path:
    """Return the folder to write, which is new, empty, or holds what an earlier call wrote and nothing else.

    Raises:
        UserError: if it is another file or folder, or cannot be written.
    """
    folder = converted("out", out, Path | None) or (run if run.is_dir() else folder_of(run)) / "explain"
    if folder.exists() and not folder.is_dir():
        raise UserError(f"`out` is a folder, and {folder} is a file")
    if folder.is_dir() and (foreign := sorted({path.name for path in folder.iterdir()} - _earlier(folder))):
        raise UserError(
            f"`out` {folder} is to be a new folder or one of an earlier call, and {foreign[0]} is in it: "
            "name another one"
        )
    require_writable(folder.resolve().parent)
    return folder


def _earlier(folder: Path) -> set[str]:
    """Return the names of the files that an earlier call wrote into a folder."""
    try:
        pictures = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))["pictures"]
        return {NUMBERS, *map(str, pictures)}
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _write(folder: Path, *, found: Explanation) -> None:
    """Fill a folder with the pictures and the numbers."""
    pictures = {name: each for section in found.sections.values() for name, each in section.pictures.items()}
    for name, picture in pictures.items():
        Image.fromarray(picture).save(folder / name)
    content = {
        "protocol": found.protocol,
        **{name: section.numbers for name, section in found.sections.items()},
        "pictures": list(pictures),
        "notes": list(found.notes),
    }
    write_json(folder / NUMBERS, finite(content))
