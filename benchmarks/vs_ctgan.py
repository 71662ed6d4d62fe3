"""The table game beside `ctgan` from PyPI, in equal time, on a table with known dependencies or on any other.

python benchmarks/vs_ctgan.py --ctgan-python PATH/TO/A/VENV/WITH/CTGAN/bin/python
python benchmarks/vs_ctgan.py --csv table.csv --target COLUMN --ctgan-python PATH

jaxgan trains by its own recipe, and CTGAN with its own settings for as many seconds, or for its own 300
epochs if these take less. The seconds begin when the table has been read. They hold all else: what is fitted
to the columns, the start of jaxgan's process, compiling and training. One row in five is held out, and is
what both are measured with. A Gaussian copula and independent columns stand beside them.

The table that is made without `--csv` has 20,000 rows and eleven columns, see `census`.
"""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.data.tables import Column, Table, read, write
from jaxgan.data.tables.files import is_table
from jaxgan.evaluate.tables import BASELINES, Rows, measure
from jaxgan.run.workdir import environment
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import write_json
from step_time import commit
from tables import Table as Printed
from vs_pytorch import has_modules

HERE = Path(__file__).parent
HELD_OUT = 0.2  # share of the rows
SHOWN = {  # columns of the printed table: a number of a metric
    "shapes": "quality_shapes",
    "trends": "quality_trends",
    "strong trends": "quality_strong_trends",
    "detection": "detection_auc",
    "copies": "closest_record_copies",
}


def census(rows: int, seed: int) -> Table:
    """Return a table of people that nobody is, with dependencies that are known.

    | column | kind | depends on |
    |---|---|---|
    | age | integer, two humps | nothing |
    | sex | category of 2 | nothing |
    | region | category of 12, from 30 % to 0.5 % of the rows | nothing |
    | education | category of 5 | age |
    | work | category of 6, 10 % missing | education |
    | hours | integer, with a peak at 40 | work |
    | married | category of 2 | age and sex |
    | income | skewed number with cents | education, hours, and the square of age |
    | gain | number, 90 % zeros | income |
    | health | number, 5 % missing | a sine of age, with the opposite sign for each sex |
    | buys | category of 2, the target | income, health and married |

    Args:
        rows: number of rows.
        seed: seed of the draws.
    """
    rng = np.random.default_rng(seed)

    def choose(scores: np.ndarray) -> np.ndarray:
        """Return a category for each row, with chances by a softmax of scores ``[N, K]``."""
        return (scores + rng.gumbel(size=scores.shape)).argmax(axis=1).astype(np.int32)

    young = rng.random(rows) < 0.6
    age = np.clip(np.round(np.where(young, rng.normal(30, 7, rows), rng.normal(58, 10, rows))), 17, 90)
    years = (age - 40) / 15
    sex = rng.integers(0, 2, rows).astype(np.int32)
    shares = 0.72 ** np.arange(12)
    region = rng.choice(12, rows, p=shares / shares.sum()).astype(np.int32)
    education = choose(np.stack([0.8 * years, 0.3 * years, 0 * years, -0.2 * years, -0.7 * years - 0.5], 1))
    work = choose(1.2 * rng.normal(size=(5, 6))[education])
    hours = np.where(rng.random(rows) < 0.5, 40, np.round(rng.normal(28 + 4 * work, 7)))
    hours = np.clip(hours, 5, 80)
    married = choose(np.stack([0 * years, 1.5 * years + 0.5 * (sex - 0.5) - 0.3 * years**2], 1))
    income = np.exp(9.6 + 0.25 * education + 0.015 * hours - 0.15 * years**2 + 0.35 * rng.normal(size=rows))
    gains = rng.random(rows) < np.clip(0.1 * income / income.mean(), 0, 0.6)
    gain = np.where(gains, np.round(income * rng.gamma(2, 0.1, rows), 2), 0)
    health = np.sin(2 * years) * (2 * sex - 1) + 0.3 * rng.normal(size=rows)
    wish = 1.5 * np.log(income / np.median(income)) + health + 0.7 * married - 0.4
    buys = choose(np.stack([0 * wish, 1.5 * wish], 1))
    work = np.where(rng.random(rows) < 0.1, 0, work + 1).astype(np.int32)
    health = np.where(rng.random(rows) < 0.05, np.nan, np.round(health, 3))

    def categories(name: str, *texts: str) -> Column:
        return Column(name, "categorical", texts)

    columns = {
        Column("age", "integer", decimals=0): age,
        categories("sex", "female", "male"): sex,
        categories("region", *(f"r{i:02}" for i in range(12))): region,
        categories("education", "none", "school", "trade", "college", "doctor"): education,
        categories("work", "", *(f"job {letter}" for letter in "abcdef")): work,
        Column("hours", "integer", decimals=0): hours,
        categories("married", "no", "yes"): married,
        Column("income", "numeric", decimals=2): np.round(income, 2),
        Column("gain", "numeric", decimals=2): gain,
        Column("health", "numeric", decimals=3): health,
        categories("buys", "no", "yes"): buys,
    }
    values = {column.name: array for column, array in columns.items()}
    return Table(tuple(columns), values, name="census")


def train_jaxgan(
    folder: Path, train: Path, target: str | None, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Train by the command line, write ``jaxgan.csv``, and return the times."""
    run = folder / "run"
    options = ["--workdir", str(run), "--seed", str(arguments.seed), "--quiet"]
    options += ["--target", target] if target else []
    options += ["--steps", str(arguments.steps)] if arguments.steps else []
    began = time.monotonic()
    command(sys.executable, "-m", "jaxgan.cli", "train", "--data", str(train), *options)
    seconds = time.monotonic() - began
    rows = str(len(read(train)))
    out = str(folder / "jaxgan.csv")
    command(sys.executable, "-m", "jaxgan.cli", "sample", str(run), "--n", rows, "--out", out)
    settings = json.loads((run / "config.json").read_text(encoding="utf-8"))
    epochs = settings["steps"] * settings["batch_size"] / int(rows)
    return {"seconds": seconds, "epochs": epochs, "epoch_seconds": seconds_of_steps(run) / epochs}


def seconds_of_steps(run: Path) -> float:
    """Return the seconds from the end of a run's compilation to its end, by its log."""
    lines = (run / "log.txt").read_text(encoding="utf-8").splitlines()
    times = [datetime.datetime.fromisoformat(line[:19]) for line in lines]
    compiled = next(i for i, line in enumerate(lines) if "compiled the step" in line)
    return (times[-1] - times[compiled]).total_seconds()


def train_ctgan(
    folder: Path, train: Path, table: Table, seconds: float, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Train CTGAN for so many seconds, write ``ctgan.csv``, and return the times."""
    names = [column.name for column in table.columns if column.is_categorical]
    values = [str(train), str(folder / "ctgan.csv"), str(len(table)), str(arguments.seed), str(seconds)]
    return json.loads(command(arguments.ctgan_python, str(HERE / "worker_ctgan.py"), *values, *names))


def command(*words: str) -> str:
    """Run a program and return its last line."""
    result = subprocess.run(words, capture_output=True, text=True, check=False, env=os.environ)
    if result.returncode:
        raise UserError(f"{' '.join(words[:4])} ended with code {result.returncode}: {result.stderr[-2000:]}")
    return (result.stdout.strip().splitlines() or [""])[-1]


def compare(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Train both sides and measure their rows, and those of the baselines."""
    whole = read(arguments.csv) if arguments.csv else census(arguments.rows, arguments.seed)
    target = arguments.target or (None if arguments.csv else "buys")
    if target is not None and target not in whole.names:
        raise UserError(f"--target {target} is none of the columns {', '.join(whole.names)}")
    shuffled = np.random.default_rng(arguments.seed).permutation(len(whole))
    count = round(HELD_OUT * len(whole))
    files = {"train": shuffled[count:], "test": shuffled[:count]}
    for name, rows in files.items():
        write(whole.take(rows), folder / f"{name}.csv")
    train = read(folder / "train.csv")
    times = {"jaxgan": train_jaxgan(folder, folder / "train.csv", target, arguments)}
    if arguments.ctgan_python:
        seconds = arguments.seconds or times["jaxgan"]["seconds"]
        times["ctgan"] = train_ctgan(folder, folder / "train.csv", train, seconds, arguments)
    sources = {
        name: read(folder / f"{name}.csv", columns=train.columns, new_categories=True) for name in times
    }
    for name in ("copula", "independent"):
        began = time.monotonic()
        sources[name] = BASELINES[name](train, len(train), seed=arguments.seed)
        times[name] = {"seconds": time.monotonic() - began}
    test = read(folder / "test.csv", columns=train.columns, new_categories=True)
    scores = {
        name: measure(rows, Rows(train, test, target), beside=(), seed=arguments.seed).scalars
        for name, rows in sources.items()
    }
    return {"rows": len(train), "columns": len(train.columns), "times": times, "scores": scores}


def lines(result: dict[str, Any]) -> list[list[str]]:
    """Return the cells of the printed table."""
    scores, times = result["scores"], result["times"]
    learned = next((name for name in ("auc", "r2") if f"trained_on_fakes_{name}" in scores["jaxgan"]), None)
    shown = dict(SHOWN)
    if learned:
        shown = {f"{learned.upper()}, trained on fakes": f"trained_on_fakes_{learned}", **shown}
    rows = [["", *shown, "seconds", "seconds an epoch"]]
    for name, of_source in scores.items():
        time_cells = [
            f"{times[name]['seconds']:.0f}",
            f"{times[name].get('epoch_seconds', float('nan')):.2f}",
        ]
        cells = [f"{of_source[number]:.3f}" for number in shown.values()]
        rows.append([name, *cells, *(cell.replace("nan", "") for cell in time_cells)])
    real = scores["jaxgan"]
    known = {
        name: real.get(f"real_{number}", real.get(f"{number}_of_reals")) for name, number in shown.items()
    }
    cells = ["" if value is None else f"{value:.3f}" for value in known.values()]
    return [*rows, ["real rows", *cells, "", ""]]


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--ctgan-python", metavar="PATH", help="a Python that has ctgan (it is left out without)")
    add("--csv", type=Path, metavar="FILE", help="a table; without it, one is made")
    add("--target", metavar="COLUMN", help="the column that models learn to predict")
    add("--rows", type=int, default=20_000, metavar="N", help="rows of the table that is made (%(default)s)")
    add("--steps", type=int, metavar="N", help="jaxgan's steps, in place of the recipe's")
    add("--seconds", type=float, metavar="S", help="seconds of CTGAN, in place of jaxgan's")
    add("--seed", type=int, default=0, metavar="N", help="seed of everything (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="write all numbers")
    arguments = parser.parse_args(args)
    if arguments.rows < 100:
        raise UserError(f"--rows must be at least 100, got {arguments.rows}")
    if arguments.csv is not None and not is_table(arguments.csv):
        raise UserError(f"--csv {arguments.csv} is no table")
    if arguments.steps is not None and arguments.steps < 1:
        raise UserError(f"--steps must be at least 1, got {arguments.steps}")
    if arguments.ctgan_python and not has_modules(arguments.ctgan_python, "ctgan"):
        raise UserError(f"--ctgan-python {arguments.ctgan_python} is no Python that has ctgan")
    return arguments


def main(args: Sequence[str] | None = None) -> None:
    """Run the comparison; a mistake of the user's is one sentence and exit code 2."""
    with exits(OSError):
        arguments = parse(args)
        if not arguments.ctgan_python:
            print("note: without --ctgan-python CTGAN is not measured", file=sys.stderr)
        with tempfile.TemporaryDirectory() as folder:
            result = compare(arguments, Path(folder))
        heading, *rows = lines(result)
        Printed(heading, rows)
        if arguments.json:
            write_json(arguments.json, {"environment": environment() | {"commit": commit()}, **result})


if __name__ == "__main__":
    main()
