"""``jaxgan translate``: a trained translator on a folder of pictures, into another folder.

Each picture becomes a PNG of its name, upright and of its own size times the network's. What is there
already stays, so the same command goes on where it stopped. A note of the translator and of the folder of
pictures lies there, and others do not add to it.
"""

import json
import zlib
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan import export
from jaxgan.data import folder as listings
from jaxgan.data import pictures as files
from jaxgan.sampling import picture
from jaxgan.system.errors import UserError, choose
from jaxgan.system.files import expanded, require_writable, write_atomically, write_json
from jaxgan.system.limits import require_devices
from jaxgan.system.progress import counting
from jaxgan.system.random import pinned
from jaxgan.system.settings import converted

RECORD = "translation.json"


class Translation(NamedTuple):
    """What was translated.

    Attributes:
        out: the folder of the images.
        made: number of images that were made now.
        kept: number of images that were there already.
        notes: lines for the user.
    """

    out: Path
    made: int
    kept: int
    notes: tuple[str, ...]


@pinned()
def translate(
    run: Path,
    pictures: Path,
    *,
    out: Path = Path("translated"),
    direction: str = "forward",
    tile: int | None = None,
) -> Translation:
    """Make the images of a folder of pictures.

    Args:
        run: a run's folder, or an exported translator.
        pictures: the folder of pictures, searched at every depth.
        out: the folder of the images, outside of that of the pictures.
        direction: forward from sources to images; backward the other way, which the game cycle learns too.
        tile: height and width in pixels of the tiles in which large pictures are made; None for as many as
            make 512 pixels of the image, or 256 where tiles fade into each other, and for at least 64.

    Returns:
        The `Translation`.

    Raises:
        UserError: if the run does not translate, a picture's image would overwrite another file, or nothing
            can be read; nothing is written then.
    """
    run, pictures, out = (converted(name, path, Path) for name, path in _named(run, pictures, out))
    tile = converted("tile", tile, int | None)
    if tile is not None and tile < 1:
        raise UserError(f"`tile` must be at least 1, got {tile}")
    pictures, out = expanded(pictures), expanded(out)
    listing = listings.listing(pictures)
    if out.resolve().is_relative_to(listing.root):
        raise UserError(f"`out` {out} lies inside of {pictures}, whose pictures are translated")
    targets = _targets(listing)
    direction = choose("direction", direction, export.DIRECTIONS)
    record = _record(run, direction) | {"pictures": str(listing.root)}
    require_devices()
    translator = export.load_translator(run, direction=direction)
    _check_out(out, targets, record)
    require_writable(out)
    write_json(out / RECORD, record)
    todo = {name: target for name, target in targets.items() if not (out / target).exists()}
    notes, skipped = listing.notes(), dict[str, str]()
    channels = translator.source_shape[2]
    with counting("translating", len(todo), "pictures") as bar:
        for name, target in todo.items():
            source = listings.read_picture(listing.root, channels, name)
            if isinstance(source, str):
                skipped[name] = source
            else:
                image = translator.in_tiles(source, tile=tile)
                write_atomically(out / target, partial(picture(image).save, format="PNG"))
            bar.update(1)
    if skipped:
        faults = listings.in_line(f"{name} ({fault})" for name, fault in skipped.items())
        if len(skipped) == len(targets):
            raise UserError(f"none of the pictures in {pictures} can be read: {faults}")
        count = "1 file" if len(skipped) == 1 else f"{len(skipped):,} files"
        notes.append(f"{count} skipped: {faults}")
    return Translation(out, len(todo) - len(skipped), len(targets) - len(todo), tuple(notes))


def _named(run: Any, pictures: Any, out: Any) -> list[tuple[str, Any]]:
    return [("run", run), ("pictures", pictures), ("out", out)]


def _targets(listing: listings.Listing) -> dict[str, Path]:
    """Return the file of each picture's image, below the folder of images."""
    targets: dict[str, Path] = {}
    names: dict[Path, str] = {}
    for name, _, _ in listing.files:
        target = Path(name)
        target = (
            target.with_suffix(".png") if target.suffix.lower() in files.SUFFIXES else Path(f"{name}.png")
        )
        if target in names:
            raise UserError(
                f"{names[target]} and {name} in {listing.root} differ only in their suffix, and would both "
                f"become {target}"
            )
        targets[name], names[target] = target, name
    return targets


def _record(run: Path, direction: str) -> dict[str, Any]:
    """Return what tells a translator from others, as JSON can hold it."""
    role = export.DIRECTIONS[direction]
    description, weights = export.read_description(run, role), export.weights_of(run, role)
    try:
        checksum = f"{zlib.crc32(weights.read_bytes()):08x}"
    except OSError as error:
        raise UserError(f"{weights} cannot be read: {error.strerror}") from error
    return {"translator": checksum, "network": description["network"], "step": description["step"]}


def _check_out(out: Path, targets: dict[str, Path], record: dict[str, Any]) -> None:
    """Raise `UserError` if images would be added to those of another translator, or to other files."""
    if out.exists() and not out.is_dir():
        raise UserError(f"`out` {out} is no folder")
    try:
        before = json.loads((out / RECORD).read_text(encoding="utf-8"))
    except FileNotFoundError:
        there = [str(target) for target in targets.values() if (out / target).exists()]
        if there:
            raise UserError(
                f"`out` {out} holds files of these names that no translation wrote, and nothing is "
                f"overwritten: {listings.in_line(there)}"
            ) from None
        return
    except (OSError, ValueError) as error:
        file = out / RECORD
        raise UserError(f"{file} cannot be read, so it is open what made the images beside it") from error
    if isinstance(before, dict):
        of = before.setdefault("pictures", record["pictures"])  # which older versions did not keep
        if of != record["pictures"] and before | {"pictures": record["pictures"]} == record:
            raise UserError(
                f"`out` {out} holds images of the pictures in {of}, for which those of other pictures with "
                "the same names would pass: name another folder"
            )
    if before != record:
        step = before.get("step") if isinstance(before, dict) else None
        raise UserError(
            f"`out` {out} holds images of another translator (step {step}): name another folder, and nothing "
            "is overwritten"
        )
