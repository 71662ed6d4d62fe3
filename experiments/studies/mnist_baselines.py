"""Two GANs and a VAE on MNIST under one protocol, three seeds each: a table and a picture.

    python experiments/studies/mnist_baselines.py    # 12 min on a GPU, an hour and a half on two CPU cores
    python experiments/studies/mnist_baselines.py --seeds 1 --steps-scale 0.01 --n 1000    # a trial

The 10,000 fakes of each generator (its average weights) are compared with the 10,000 test images by features
of mnist-cnn. The rows "real" hold what as many training images get: a generator that drew from the data would
reach that. The same command goes on with runs that were stopped. docs/guides/evaluate.md has the results.
"""

import dataclasses
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import study
from jaxgan import data, evaluate, export, features, sampling, train
from jaxgan.sweep.settings import read_config
from jaxgan.system.command_line import parse
from jaxgan.system.errors import UserError, exits
from jaxgan.system.progress import write
from jaxgan.system.random import seed_key
from study import Row, levels, select

sys.path.append(str(study.EXPERIMENTS))
import mnist_vae

NAME = "baselines"
METRICS = ("fid", "kid", "prdc")
COLUMNS = ("fid", "prdc_precision", "prdc_recall", "prdc_density", "prdc_coverage")
NETWORKS = ("mnist_mlp", "mnist_dcgan", "mnist_vae")
SHOWN = ("mnist_dcgan", "mnist_vae")  # in the picture


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(study.Options):
    """Settings of the comparison."""

    seeds: int = 3  # runs of each network
    steps_scale: float = 1.0  # share of each experiment's own steps
    n: int = 10_000  # fakes of each run, and real images at most
    data: str = "mnist"  # mnist, or digits for a trial
    data_dir: str | None = None  # folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets


def measure(settings: Settings) -> list[Row]:
    """Train and measure every network with every seed."""
    rows = []
    for name in NETWORKS:
        for seed in range(settings.seeds):
            rows.append({"network": name, "seed": seed, **measured(settings, name, seed)})
            write(f"{name}, seed {seed}: FID {rows[-1]['fid']:.3f}")
    floors = [{"network": "real", "seed": seed, **floor(settings, seed)} for seed in range(settings.seeds)]
    return rows + floors


def config_of(settings: Settings, name: str, seed: int) -> Any:
    """Return the settings of one run; a trial of fewer steps has a folder of its own."""
    default = mnist_vae.Settings() if name == "mnist_vae" else read_config(study.EXPERIMENTS / f"{name}.py")
    steps = max(1, round(default.steps * settings.steps_scale))
    return dataclasses.replace(
        default,
        data=settings.data,
        data_dir=settings.data_dir,
        steps=steps,
        seed=seed,
        workdir=str(Path(settings.workdir) / NAME / f"{name}-{seed}-{steps}"),
    )


def measured(settings: Settings, name: str, seed: int) -> Row:
    """Train one network, unless its run is done, and return its scores."""
    config, began = config_of(settings, name, seed), time.monotonic()
    run = Path(config.workdir)
    if isinstance(config, mnist_vae.Settings):
        if not done(run, config.steps):
            mnist_vae.train(config, run)
    elif (status := train.run(config).status) != "done":
        sys.exit(train.EXIT_CODES[status])
    seconds = round(time.monotonic() - began, 1)  # of this call
    report = evaluate.evaluate(
        run, against=settings.data, metrics=",".join(METRICS), n=settings.n, data_dir=settings.data_dir
    )
    return {**report.scalars, "seconds": seconds, "steps": config.steps}


def done(run: Path, steps: int) -> bool:
    """Return whether a VAE was trained and exported to its end."""
    return (run / "samples.png").exists() and export.read_description(run)["step"] == steps


def floor(settings: Settings, draw: int) -> Row:
    """Return the scores of n training images, other ones for each draw, in the place of fakes."""
    dataset = data.load(settings.data, data_dir=settings.data_dir)
    order = np.random.default_rng(0).permutation(len(dataset.images))
    images = dataset.images[np.resize(np.roll(order, -draw * settings.n), min(settings.n, len(order)))]
    fakes = evaluate.from_dataset(data.from_arrays(images), settings.n)
    reals = evaluate.load(
        settings.data, images.shape[1:], split="test", n=settings.n, data_dir=settings.data_dir
    )
    extractor = features.get(source=settings.data, data_dir=settings.data_dir)
    return {**evaluate.measure(fakes, reals, extractor, METRICS).scalars, "steps": 0}


def summary(rows: list[Row]) -> str:
    """Return means and standard deviations over the seeds (N - 1), in Markdown."""
    lines = []
    for name in levels(rows, "network"):
        runs, cells = select(rows, network=name), []
        for column in COLUMNS:
            scores = study.values(runs, column)
            spread = f" ± {np.std(scores, ddof=1):.2g}" if len(scores) > 1 else ""
            cells.append(f"{np.mean(scores):.3g}{spread}")
        lines.append([name, f"{runs[0]['steps']:,}", str(len(runs)), *cells])
    return study.markdown(["", "steps", "runs", *(name.removeprefix("prdc_") for name in COLUMNS)], lines)


def draw(settings: Settings, figure: Figure) -> None:
    """Draw the first fakes of two networks' first runs beside real images."""
    images = {}
    for name in SHOWN:
        run = config_of(settings, name, 0).workdir
        latents = sampling.draw_latents(seed_key(0), 64, export.read_description(run)["latent_dim"])
        images[name] = sampling.sample(export.load_generator(run), latents)
    images["real"] = data.load(settings.data, data_dir=settings.data_dir).images[:64]
    for axes, (name, each) in zip(figure.subplots(1, len(images)), images.items(), strict=True):
        axes.imshow(sampling.grid(each, columns=8, size=240), cmap="gray")
        axes.set(title=name)
        axes.axis("off")


def main(args: Sequence[str] | None = None) -> None:
    """Run the comparison as a command."""
    with exits(OSError):
        settings = parse(Settings(), description=__doc__ or "", args=args)
        if settings.seeds < 1 or settings.n < 2 or not settings.steps_scale > 0:
            raise UserError("`seeds` must be at least 1, `n` at least 2 and `steps_scale` positive")
        question = study.Study(
            NAME,
            "mnist_baselines.py",
            lambda folder: measure(settings),
            summary,
            lambda rows, figure: draw(settings, figure),
            (9, 3.2),
        )
        study.run(question, settings)


if __name__ == "__main__":
    main()
