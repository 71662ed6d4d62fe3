"""Two GANs and a VAE on MNIST under one protocol, three seeds each: a table and a picture.

    python experiments/mnist_baselines.py --out FOLDER
    python experiments/mnist_baselines.py --seeds 1 --steps-scale 0.01 --n 1000 --out trial    # a trial

Every generator's 10,000 fakes (its average weights) are compared with the 10,000 test images by features of
`mnist-cnn`. The floor is what as many training images get: a generator that drew from the data would have it.
What is in FOLDER/baselines.json with as many steps and images is not trained or measured again; figures of
another machine (docs/ has some) are not added to, as its classifier is another one.
"""

import dataclasses
import platform
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image
from results import parsed

import mnist_dcgan
import mnist_mlp
import mnist_vae
from jaxgan import config, data, evaluate, export, features, sampling, train
from jaxgan.system import compilation
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import write_json

METRICS = ("fid", "kid", "prdc")
COLUMNS = {
    "fid": "FID-{}",
    "prdc_precision": "precision",
    "prdc_recall": "recall",
    "prdc_density": "density",
    "prdc_coverage": "coverage",
}
GANS = {"mnist_mlp": mnist_mlp.CONFIG, "mnist_dcgan": mnist_dcgan.CONFIG}
VAE = "mnist_vae"
SHOWN = ["mnist_dcgan", VAE]  # in the picture


@dataclasses.dataclass(frozen=True)
class BaselinesConfig:
    """Settings of the comparison."""

    seeds: int = 3  # runs of each network
    steps_scale: float = 1.0  # share of each experiment's own steps
    n: int = 10_000  # fakes of each run, and reals at most
    data: str = "mnist"  # mnist, or digits for a trial
    data_dir: str | None = None  # where TFDS data sets are; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    workdir: str = "runs/baselines"  # gets the runs
    out: str = str(Path(__file__).parent.parent / "docs")  # gets baselines.json and images/baselines.png


def steps_of(settings: BaselinesConfig, name: str) -> int:
    """Return how long one network is trained."""
    whole = mnist_vae.VAEConfig.steps if name == VAE else GANS[name].steps
    return max(1, round(whole * settings.steps_scale))


def folder_of(settings: BaselinesConfig, name: str, seed: int) -> Path:
    """Return where a run is; a trial of fewer steps is somewhere else than the whole."""
    return Path(settings.workdir) / f"{name}-{seed}-{steps_of(settings, name)}"


def trained(settings: BaselinesConfig, name: str, seed: int) -> Path:
    """Train one network, unless its folder says that it is; return the folder."""
    folder, steps = folder_of(settings, name, seed), steps_of(settings, name)
    given: dict[str, Any] = {"data": settings.data, "data_dir": settings.data_dir}
    given |= {"steps": steps, "seed": seed, "workdir": str(folder)}
    if name != VAE:
        result = train.run(GANS[name].replace(**given))  # goes on where it was, if it was
        if result.status != "done":
            raise KeyboardInterrupt
    elif not _whole(folder, steps):
        mnist_vae.train(dataclasses.replace(mnist_vae.VAEConfig(), **given), folder)
    return folder


def _whole(folder: Path, steps: int) -> bool:
    """Tell whether a VAE was trained and exported to its end."""
    try:
        return export.read_description(folder)["step"] == steps
    except UserError:
        return False


def measure(settings: BaselinesConfig, name: str, seed: int) -> dict[str, float]:
    """Train one network and return what it scores."""
    began = time.monotonic()
    folder = trained(settings, name, seed)
    seconds = time.monotonic() - began
    report = evaluate.evaluate(
        folder, against=settings.data, metrics=",".join(METRICS), n=settings.n, data_dir=settings.data_dir
    )
    return {**report.scalars, "seconds": round(seconds, 1), "steps": steps_of(settings, name)}


def floor(settings: BaselinesConfig, draw: int) -> dict[str, float]:
    """Return what the `draw`-th n training images score, in a fixed random order, as if they were fakes."""
    whole = data.load(settings.data, data_dir=settings.data_dir)
    order = np.random.default_rng(0).permutation(len(whole.images))
    images = whole.images[np.resize(np.roll(order, -draw * settings.n), min(settings.n, len(order)))]
    fakes = evaluate.from_dataset(data.from_arrays(images), settings.n)
    reals = evaluate.load(
        settings.data, images.shape[1:], split="test", n=settings.n, data_dir=settings.data_dir
    )
    extractor = features.get(source=settings.data, data_dir=settings.data_dir)
    return {**evaluate.measure(fakes, reals, extractor, METRICS).scalars, "steps": 0}


def table(results: dict[str, dict[str, float]], names: list[str], extractor: str) -> str:
    """Lay means and spreads over the seeds (standard deviation, N - 1) out in Markdown."""
    heads = [head.format(extractor) for head in COLUMNS.values()]
    lines = ["| | steps | runs | " + " | ".join(heads) + " |", "|---" * (len(heads) + 3) + "|"]
    for name in names:
        rows = [row for key, row in results.items() if key.split("/")[0] == name]
        cells = []
        for column in COLUMNS:
            values = [row[column] for row in rows]
            spread = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3g}{spread}")
        lines.append(f"| {name} | {rows[0]['steps']:,} | {len(rows)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def picture(settings: BaselinesConfig, names: list[str]) -> Image.Image:
    """Put the first fakes of each network's first run and some reals side by side."""
    reals = evaluate.load(settings.data, _shape(settings, names[0]), split="test", data_dir=settings.data_dir)
    heaps = []
    for name in names:
        folder = folder_of(settings, name, 0)
        latents = sampling.draw_latents(jax.random.key(0), 64, export.read_description(folder)["latent_dim"])
        heaps.append(sampling.sample(export.load_generator(folder), latents))
    grids = [sampling.grid(images, columns=8, size=240) for images in (*heaps, reals.images[:64])]
    gap = 8
    strip = Image.new("L", (sum(each.width + gap for each in grids) - gap, grids[0].height), 255)
    for i, each in enumerate(grids):
        strip.paste(each, (i * (each.width + gap), 0))
    return strip


def _shape(settings: BaselinesConfig, name: str) -> tuple[int, ...]:
    return tuple(export.read_description(folder_of(settings, name, 0))["image_shape"])


def run(settings: BaselinesConfig) -> None:
    """Measure what is missing, and write the figures, the table and the picture."""
    file = Path(settings.out) / "baselines.json"
    kept = parsed(file)
    known = kept.get("results", {})
    about = {
        "device": jax.devices()[0].device_kind,
        "jax": jax.__version__,
        "python": platform.python_version(),
    }
    if kept and kept.get("about") != about:
        raise UserError(
            f"{file} is of {kept.get('about')}, whose numbers go with no others: give --out FOLDER"
        )
    networks = [*GANS, VAE]
    results = {}
    for seed in range(settings.seeds):
        for name in (*networks, "real"):
            key = f"{name}/{seed}"
            like = {"n": settings.n, "data": settings.data}
            like["steps"] = 0 if name == "real" else steps_of(settings, name)
            row = known.get(key, {})
            if {field: row.get(field) for field in like} != like:
                row = floor(settings, seed) if name == "real" else measure(settings, name, seed)
                row |= like
            results[key] = row
            print(f"{key}: FID {row['fid']:.3f}", flush=True)
            write_json(file, {"about": about, "results": known | results})
    extractor = features.get(source=settings.data, data_dir=settings.data_dir)
    print(f"\n{table(results, [*networks, 'real'], extractor.name)}\n")
    image = file.parent / "images/baselines.png"
    image.parent.mkdir(parents=True, exist_ok=True)
    picture(settings, SHOWN).save(image)
    print(f"figures: {file}\npicture, {', '.join(SHOWN)}, real: {image}")


def main() -> None:
    """Run the comparison as a command."""
    with exits(OSError):
        settings = config.parse(BaselinesConfig(), description=__doc__ or "")
        if settings.seeds < 1 or settings.n < 2 or not settings.steps_scale > 0:
            raise UserError("--seeds must be at least 1, --n at least 2 and --steps-scale positive")
        compilation.keep_programs()
        run(settings)


if __name__ == "__main__":
    main()
