"""The ``jaxgan`` command: train by a recipe, draw, measure, check and sweep."""

import dataclasses
import functools
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import numpy as np

import jaxgan
from jaxgan import build, export, sampling
from jaxgan import evaluate as evaluation
from jaxgan.config import Config
from jaxgan.recipes import RECIPES, Facts
from jaxgan.recipes import choose as choose_recipe
from jaxgan.sweep import sweep
from jaxgan.system.command_line import Positional, argument, call, parse_all
from jaxgan.system.errors import UserError, exits
from jaxgan.system.files import write_atomically
from jaxgan.system.limits import require_memory
from jaxgan.system.settings import setting
from jaxgan.train import start


@dataclasses.dataclass(frozen=True)
class Start:
    """The options of `jaxgan train` that are not in `Config`."""

    recipe: str = setting(
        "auto",
        "recipe to begin with; jaxgan recipes lists them",
        group="recipe",
        metavar=f"{{{','.join(['auto', *RECIPES])}}}",
    )


TRAIN = """Train a GAN on any data by a recipe, into a run folder.

    jaxgan train --data PATH --image-size 64
    jaxgan train --data mnist --recipe wgan_gp --steps 1000 --workdir runs/mine

The same command on the same folder goes on with the run. Any option below wins over the recipe."""


def train(args: list[str]) -> None:
    """Train a GAN on any data by a recipe; jaxgan train --help lists its options.

    Args:
        args: options of `jaxgan.Config`.
    """
    program = {"description": TRAIN, "args": args, "program": "jaxgan train"}
    first, config = parse_all([Start(), Config()], **program)
    with exits(OSError):
        dataset = build.dataset(config)
        facts = Facts(
            dataset.images.shape[1:], len(dataset.images), dataset.num_classes, jax.default_backend()
        )
        name = re.sub(r"\W+", "_", Path(config.data).stem) or "gan"
        recipe, line = choose_recipe(first.recipe, facts, Config(workdir=f"runs/{name}"))
    config = parse_all([Start(), recipe], **program)[1]
    if not config.quiet:
        print(line)
    start(config, dataset)


def recipes() -> None:
    """List the recipes of jaxgan train: what each is, its source and its cost."""
    print("auto\n    one of those below, by image size, number of images and device; the run says which")
    for name, recipe in RECIPES.items():
        print(f"{name}\n    {recipe.title}\n    {recipe.source}\n    {recipe.cost}")


def sample(
    run: Positional[Path],
    *,
    n: int = 64,
    seed: int = 0,
    out: Path = Path("samples.png"),
) -> None:
    """Make images with a run's exported generator.

    Args:
        run: a run's folder, or an exported generator.
        n: number of images.
        seed: seed of the latents; image i is the same whatever n is.
        out: a .png for a grid, or a .npz with "images" uint8 [n, H, W, C] (and "labels"). A run of points
            gives a scatter plot, or "images" float32 [n, D].
    """
    _check_seed(seed)
    if n < 1:
        raise UserError(f"`n` must be at least 1, got {n}")
    if out.suffix.lower() != ".png" and out.suffix != ".npz":
        raise UserError(f"`out` must end in .png or .npz, got {out}")
    description = export.read_description(run)
    generate = export.load_generator(run)
    require_memory(n * _bytes_per_image(description), f"`n` {n:,}")
    classes = description["num_classes"]
    labels = sampling.column_labels(n, classes)
    latents = sampling.draw_latents(jax.random.key(seed), n, description["latent_dim"])
    points = len(description["image_shape"]) == 1
    images = np.asarray(generate(latents, labels)) if points else sampling.sample(generate, latents, labels)
    if out.suffix == ".npz":
        named: dict[str, Any] = {"images": images}
        if labels is not None:
            named["labels"] = np.asarray(labels)
        _write(out, lambda file: np.savez_compressed(file, **named))
    elif points:
        _write(out, sampling.scatter(images).save)
    else:
        columns = classes if classes is not None and classes <= 16 else round(n**0.5)
        _write(out, sampling.grid(images, columns=columns).save)
    print(f"{n} {'points' if points else 'images'} of step {description['step']:,} in {out}")


def interpolate(
    run: Positional[Path],
    *,
    rows: int = 8,
    steps: int = 10,
    seed: int = 0,
    out: Path = Path("strip.png"),
    gif: bool = False,
) -> None:
    """Walk from one latent to another along the sphere, a walk in each row.

    Args:
        run: a run's folder, or an exported generator.
        rows: number of walks; a conditional generator makes each in the next class.
        steps: number of images of a walk, both ends included.
        seed: seed of the latents.
        out: a .png.
        gif: write an animation of the walks too, beside the picture.
    """
    _check_seed(seed)
    if rows < 1 or steps < 2:
        raise UserError(f"`rows` must be at least 1 and `steps` at least 2, got {rows} and {steps}")
    if out.suffix.lower() != ".png":
        raise UserError(f"`out` must end in .png, got {out}")
    description = export.read_description(run)
    generate = export.load_generator(run)
    if len(description["image_shape"]) == 1:
        raise UserError(f"{run} makes points, and interpolate draws images")
    require_memory(rows * steps * _bytes_per_image(description), f"`rows` {rows:,} of `steps` {steps:,}")
    labels = sampling.column_labels(rows, description["num_classes"])
    ends = sampling.draw_latents(jax.random.key(seed), 2 * rows, description["latent_dim"])
    columns = [
        sampling.sample(generate, sampling.slerp(ends[:rows], ends[rows:], share), labels)
        for share in np.linspace(0, 1, steps).tolist()
    ]
    strip = np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:])
    _write(out, sampling.grid(strip, columns=steps).save)
    if gif:
        frames = [sampling.grid(column, columns=round(rows**0.5)) for column in columns]
        _write(out.with_suffix(".gif"), lambda file: sampling.animate([*frames, *frames[-2:0:-1]], file))
    print(f"{rows} walks of step {description['step']:,} in {out}")


@functools.wraps(evaluation.evaluate)
def evaluate(*args: Any, **options: Any) -> None:  # noqa: D103 -- its docstring is that of the library's function
    print(evaluation.table(evaluation.evaluate(*args, **options)))


def data(
    action: Positional[Literal["prepare"]],
    name: Positional[str],
    *,
    from_: Annotated[Path | None, argument(name="from")] = None,
    data_dir: Path | None = None,
    unverified: bool = False,
) -> None:
    """Prepare a data set for TFDS, without TensorFlow.

    Args:
        action: prepare, the only action.
        name: mnist, fashion_mnist or cifar10.
        from_: folder with the official files; None downloads them.
        data_dir: folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets.
        unverified: take other files than the official ones from the folder, if their shapes are right.
    """
    del action  # only one exists
    from jaxgan.data.tfds.prepare import prepare  # TFDS takes half a second to import

    folders = {"from_folder": from_, "data_dir": data_dir}
    texts = {option: None if folder is None else str(folder) for option, folder in folders.items()}
    print(prepare(name, **texts, unverified=unverified))


def check(run: Positional[Path]) -> None:
    """Read every checkpoint of a run and say which are sound; exit code 1 if one is not.

    Args:
        run: a run's folder; nothing in it is changed, and it may be in use.
    """
    from jaxgan.run import checkpoint  # Orbax takes a second to import

    steps = checkpoint.steps_in(run / "checkpoints")
    if not steps:
        raise UserError(f"there is no checkpoint in {run / 'checkpoints'}")
    unsound = 0
    for step in sorted(steps):
        try:
            arrays = checkpoint.read(run / "checkpoints" / str(step))
            print(f"{step:>10,}  sound, {len(arrays)} arrays")
        except (checkpoint.DamagedError, UserError) as error:
            if step not in checkpoint.steps_in(run / "checkpoints"):
                print(f"{step:>10,}  was removed by the run in the meantime")
                continue
            print(f"{step:>10,}  NOT SOUND: {error}")
            unsound += 1
    for path in sorted((run / "checkpoints").glob("corrupt-*")):
        print(f"{path.name:>10}  was set aside")
    if unsound:
        sys.exit(1)


def _bytes_per_image(description: dict[str, Any]) -> int:
    return 4 * description["latent_dim"] + math.prod(description["image_shape"])


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise UserError(f"`seed` must be at least 0 and below 2**32, got {seed}")


def _write(out: Path, write: Callable[[Path], Any]) -> None:
    try:
        write_atomically(out, write)
    except OSError as error:
        raise UserError(f"cannot write `out` {out}: {error.strerror or error}") from error


def main(args: list[str] | None = None) -> None:
    """Run the command line; exit code 2 and one sentence for a mistake of the user's."""
    args = sys.argv[1:] if args is None else args
    if args == ["--version"]:
        print(f"jaxgan {jaxgan.__version__}")
        return
    if args[:1] == ["train"]:
        train(args[1:])
    commands = {
        "train": train,  # for the list of commands alone
        "recipes": recipes,
        "sample": sample,
        "interpolate": interpolate,
        "evaluate": evaluate,
        "check": check,
        "data": data,
        "sweep": sweep,
    }
    with exits(OSError):
        call(commands, program="jaxgan", description=__doc__ or "", args=args)


if __name__ == "__main__":
    main()
