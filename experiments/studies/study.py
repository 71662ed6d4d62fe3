"""What the studies share: sweeps of many settings, a JSON of their results, and a figure.

A study asks one question of many runs. `jaxgan.sweep` trains these runs, resumes them after a stop and writes
their tables. This file turns a sweep's table into rows that name what was varied, and writes NAME.json and
NAME.png: below ``--workdir``, or with ``--publish`` into docs/results/.
"""

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from matplotlib.figure import Figure

import jaxgan
from jaxgan.config import Config, as_json, option
from jaxgan.data import Dataset, load
from jaxgan.data.mixtures import MIXTURES
from jaxgan.data.sources import has_splits
from jaxgan.sweep import schedule
from jaxgan.sweep.settings import varied
from jaxgan.system import compilation, output
from jaxgan.system.errors import UserError
from jaxgan.system.files import write_atomically, write_text
from jaxgan.system.limits import require_devices
from jaxgan.train import EXIT_CODES

EXPERIMENTS = Path(__file__).parents[1]
PUBLISHED = EXPERIMENTS.parent / "docs/results"

Row = dict[str, Any]
Cell = tuple[Row, Config]  # what a row says about a run, and the run's settings

RING = Config(
    data="ring",
    network="mlp",
    hidden=(64,) * 3,
    latent_dim=2,
    batch_size=128,
    steps=3000,
    generator_learning_rate=1e-3,
    discriminator_learning_rate=1e-3,
    metrics=("modes", "sliced_wasserstein"),
    evaluate_n=1000,
    log_every=100,
)
DIGITS = Config(
    data="digits",
    network="mlp",
    hidden=(128,) * 2,
    latent_dim=32,
    batch_size=64,
    steps=3000,
    generator_learning_rate=1e-3,
    discriminator_learning_rate=1e-3,
    metrics=("fid",),
    evaluate_n=1797,  # all digits, and as many fakes
    log_every=100,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Options that every study has."""

    workdir: str = "runs/studies"  # folder of the runs and, without --publish, of NAME.json and NAME.png
    publish: bool = False  # write NAME.json and NAME.png into docs/results/ instead
    redraw: bool = False  # draw and count again from a JSON, without training
    source: str | None = None  # the JSON that --redraw reads; None: docs/results/NAME.json


class Study(NamedTuple):
    """One question, and how it is answered.

    Attributes:
        name: name of the JSON and of the figure.
        script: file in this folder, with its positional argument if it has one.
        measure: ``folder -> rows``: trains in the folder, or goes on there.
        summary: ``rows -> text``, which is printed.
        draw: ``(rows, figure)``; None for a study without a figure.
        size: width and height of the figure in inches.
        sweeps: whether it trains by sweeps alone, whose members the cores of a CPU share.
    """

    name: str
    script: str
    measure: Callable[[Path], list[Row]]
    summary: Callable[[list[Row]], str]
    draw: Callable[[list[Row], Figure], None] | None = None
    size: tuple[float, float] = (8, 5)
    sweeps: bool = False


def run(study: Study, options: Options) -> None:
    """Measure, or read what was measured; then write the JSON and the figure, and print the summary.

    Raises:
        UserError: if the JSON that is to be drawn again is not there or holds something else.
    """
    folder = PUBLISHED if options.publish else Path(options.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    if options.redraw:
        rows = read(Path(options.source) if options.source else PUBLISHED / f"{study.name}.json")["rows"]
    else:
        require_devices(each_core=study.sweeps)
        compilation.keep_programs()
        began = time.monotonic()
        rows = study.measure(Path(options.workdir) / study.name)
        seconds = round(time.monotonic() - began, 1)  # of this call: what was there already cost none
        write(folder / f"{study.name}.json", {**head(study, options), "seconds": seconds}, rows)
        output.write(str(folder / f"{study.name}.json"))
    output.write(study.summary(rows))
    if study.draw is not None:
        figure = Figure(figsize=study.size, layout="constrained")
        study.draw(rows, figure)
        picture = folder / f"{study.name}.png"
        write_atomically(picture, lambda temporary: figure.savefig(temporary, dpi=90))
        output.write(str(picture))


def head(study: Study, options: Options) -> Row:
    """Return what the rows depend on: the study's own options, the command, the device and the versions."""
    shared = {field.name for field in dataclasses.fields(Options)} | {"study", "data_dir"}
    own = [field for field in dataclasses.fields(options) if field.name not in shared]
    settings = {field.name: getattr(options, field.name) for field in own}
    changed = [name for name, value in settings.items() if value != getattr(type(options), name)]
    flags = [f"{option(name)} {_written(settings[name])}" for name in changed]
    return {
        "study": study.name,
        **settings,
        "command": " ".join([f"python experiments/studies/{study.script}", *flags]),
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "jaxgan": jaxgan.__version__,
    }


def sweep(folder: Path, cells: Sequence[Cell]) -> list[Row]:
    """Train the runs of all cells side by side; return what the cells say, with the runs' scores.

    Args:
        folder: folder of the sweep; what is there already is not trained again.
        cells: cells with the same data.
    """
    members = [config.check() for _, config in cells]
    each = [member.settings() for member in members]
    values = {name: sorted({str(settings[name]) for settings in each}) for name in varied(members)}
    settings = as_json(members[0].settings() | {"members": len(members), "varied": values})
    if not schedule.run(folder, members, settings, devices=jax.devices()):
        sys.exit(EXIT_CODES["preempted"])
    table = {row["member"]: row for row in json.loads((folder / "table.json").read_text(encoding="utf-8"))}
    return [{**label, **scores(config.data, table[i])} for i, (label, config) in enumerate(cells)]


def labelled_images(source: str, data_dir: str | None = None) -> tuple[Dataset, Dataset]:
    """Return training and test images: of a set without splits, every fifth image is a test image.

    Args:
        source: name of the data set.
        data_dir: folder of TFDS data sets.

    Raises:
        UserError: if these are no images with labels.
    """
    whole = load(source, data_dir=data_dir)
    if whole.labels is None or whole.images.ndim != 4:
        raise UserError(f"`data` takes images with labels, and {source} has none")
    if has_splits(source):
        return whole, load(source, split="test", data_dir=data_dir)
    held_out = np.arange(len(whole.images)) % 5 == 0
    return rows_of(whole, ~held_out), rows_of(whole, held_out)


def rows_of(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Return some images of a data set with their labels."""
    labels = None if dataset.labels is None else dataset.labels[rows]
    return dataset._replace(images=dataset.images[rows], labels=labels, content=None)


def scores(data: str, row: Row) -> Row:
    """Return a run's scores: of a mixture its modes and the share of good points, of images the FID.

    Args:
        data: name of the data set.
        row: the run's row in the sweep's table; one that diverged has no scores.
    """
    if data not in MIXTURES:
        return {"fid": row.get("fid")}  # JSON has no infinity
    modes, share = row.get("modes_modes") or 0, row.get("modes_high_quality") or 0
    return {
        "covered": share * modes / len(MIXTURES[data].centers),
        "high_quality": share,
        "modes": int(modes),
    }


def read(file: Path) -> Row:
    """Return what a study's JSON holds.

    Raises:
        UserError: if the file is not there or is not a study's.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{file} is not there: run without `redraw` first") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is not JSON ({error})") from error
    rows = content.get("rows") if isinstance(content, dict) else None
    if not (isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)):
        raise UserError(f"{file} does not hold the results of a study")
    return content


def write(file: Path, head: Row, rows: list[Row]) -> None:
    """Write a study's JSON, with a line for each row."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    text = json.dumps(head)[:-1] + ',\n"rows": [\n' + lines + "\n]}\n"
    write_atomically(file, partial(write_text, text=text))


def markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [heads, ["---"] * len(heads), *lines])


def select(rows: list[Row], **values: Any) -> list[Row]:
    """Return the rows that have these values."""
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def levels(rows: list[Row], name: str) -> list[Any]:
    """Return the different values of a column in the order in which they come."""
    return list(dict.fromkeys(row[name] for row in rows))


def values(rows: list[Row], name: str) -> np.ndarray:
    """Return the scores in a column; NaN for runs that diverged."""
    return np.array([np.nan if row[name] is None else row[name] for row in rows], float)


def _written(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
