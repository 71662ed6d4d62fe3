"""The ``jaxgan`` command: train by a recipe, draw, measure, check and sweep."""

import contextlib
import dataclasses
import functools
import itertools
import math
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan
from jaxgan import build, export, representation, sampling
from jaxgan import data as sources
from jaxgan import evaluate as evaluation
from jaxgan import explain as explanation
from jaxgan.config import Config, config_of
from jaxgan.data.classes import class_numbers
from jaxgan.data.tables import check_suffix
from jaxgan.data.tables import write as write_table
from jaxgan.data.tables.files import is_table
from jaxgan.export.importing import import_weights
from jaxgan.export_to import export_to
from jaxgan.prior import draw_rows
from jaxgan.recipes import RECIPES, Facts
from jaxgan.recipes import choose as choose_recipe
from jaxgan.representation.encode import codes_file
from jaxgan.rules import GAMES, Cycle, Rules, Tables
from jaxgan.run.workdir import read_settings
from jaxgan.sweep import sweep
from jaxgan.system import output, processes
from jaxgan.system.command_line import Appended, Positional, argument, call, parse_all, positional
from jaxgan.system.compilation import keep_programs
from jaxgan.system.errors import UserError, choose, exits, with_flags
from jaxgan.system.files import NoRoomError, write_atomically
from jaxgan.system.limits import require_devices, require_memory
from jaxgan.system.progress import write
from jaxgan.system.random import pinned, seed_key
from jaxgan.system.settings import setting
from jaxgan.train import join, start
from jaxgan.translate import translate as translate_pictures

IMAGES, TABLE = Path("samples.png"), Path("rows.csv")  # what is written where nothing is named


@dataclasses.dataclass(frozen=True)
class Start:
    """The options of `jaxgan train` that are not in `Config`."""

    recipe: str = setting(
        "auto",
        "recipe to begin with; jaxgan recipes lists them",
        group="recipe",
        metavar=f"{{{','.join(['auto', *RECIPES])}}}",
    )
    game: str = setting(
        Rules.NAME,
        "game that is played; its own options are listed with it: jaxgan train --game infogan --help",
        group="recipe",
        choices=GAMES,
    )
    unpaired: bool = setting(
        False, "data and source are two sets of pictures without pairs: the game cycle", group="recipe"
    )


TRAIN = """Train a GAN on any data by a recipe, into a run folder.

    jaxgan train --data PATH --image-size 64
    jaxgan train --data mnist --recipe wgan_gp --steps 1000 --workdir runs/mine
    jaxgan train --data PICTURES --image-size 64 --game paired --degrade coloring
    jaxgan train --data PICTURES --source OTHERS --unpaired --image-size 64
    jaxgan train table.csv --target COLUMN

The same command on the same folder goes on with the run. Any option below wins over the recipe."""


RESUME = """Go on with a run by the settings that its folder keeps.

    jaxgan resume runs/mine
    jaxgan resume runs/mine --steps 20000"""


def train(args: list[str]) -> None:
    """Train a GAN on any data by a recipe; jaxgan train --help lists its options.

    Args:
        args: options of `jaxgan.Config`.
    """
    if args and not args[0].startswith("-"):  # the data may come first
        args = ["--data", *args]
    program = {"description": TRAIN, "args": args, "program": "jaxgan train"}
    with exits():
        game = GAMES[_game_of(args)]()
    first, config, game = parse_all([Start(game=game.NAME), Config(), game], **program)
    config = config.replace(game=game)
    with exits(OSError), processes.fail_together():
        join(config)
        require_devices()
        dataset = build.load(config)
        facts = Facts(
            dataset.image_shape,
            len(dataset.images),
            dataset.num_classes,
            jax.default_backend(),
            config.game.NAME,
        )
        name = re.sub(r"\W+", "_", Path(config.data).stem) or "gan"
        default = Config(workdir=f"runs/{name}", game=GAMES[game.NAME]())
        recipe, line = choose_recipe(first.recipe, facts, default)
    _, config, game = parse_all([Start(game=game.NAME), recipe.replace(game=Rules()), recipe.game], **program)
    config = config.replace(game=game).without_dead(recipe)
    if not config.quiet and processes.is_first():
        write(line)
    start(config, dataset)


def _game_of(args: list[str]) -> str:
    """Return the name of the game that a command line asks for, whose options it may hold.

    A table, and two sets without pairs, have games of their own, which need not be named.
    """
    asked = {"--game": "", "--data": ""}
    for option, value in itertools.pairwise([*args, ""]):
        name, equals, text = option.partition("=")
        if name in asked:
            asked[name] = text if equals else value
    if "--unpaired" in args:
        game = choose("game", asked["--game"] or Cycle.NAME, GAMES)
        if game != Cycle.NAME:
            raise UserError(f"`unpaired` is the game {Cycle.NAME}, and `game` is {game}: leave one out")
        return game
    is_of_table = asked["--data"] and is_table(asked["--data"])
    return choose("game", asked["--game"] or (Tables.NAME if is_of_table else Rules.NAME), GAMES)


def resume(args: list[str]) -> None:
    """Go on with a run by the settings that its folder keeps; jaxgan resume RUN --help lists its options.

    Args:
        args: the run's folder, and options of `jaxgan.Config` that a run may change, such as --steps.
    """
    program = {"description": RESUME, "program": "jaxgan resume RUN"}
    if not args or args[0].startswith("-"):
        parse_all([Config()], args=args, **program)
        with exits():
            raise UserError("name the folder of the run first: jaxgan resume RUN")
    with exits(OSError):
        settings = read_settings(Path(args[0]))
        if settings.get("own") or settings.get("own_data"):
            own = ", ".join([*settings.get("own", ()), *["data"] * bool(settings.get("own_data"))])
            raise UserError(
                f"{args[0]} has pieces of its own ({own}): go on with it by the program that made it"
            )
        config = config_of(settings, workdir=args[0])
    config, game = parse_all([config, config.game], args=args[1:], **program)
    start(config.replace(game=game))


def recipes() -> None:
    """List the recipes of jaxgan train: what each is, its source and its cost."""
    output.write(
        "auto\n    one of those below, by image size, number of images and device; the run says which"
    )
    for name, recipe in RECIPES.items():
        output.write(f"{name}\n    {recipe.title}\n    {recipe.source}\n    {recipe.cost}")


@pinned()
def sample(
    run: Positional[Path],
    *,
    n: int = 64,
    seed: int = 0,
    class_: Annotated[str | None, argument(name="class", metavar="CLASS,...")] = None,
    truncation: float | None = None,
    standing_statistics: int | None = None,
    where: Appended[tuple[str, ...]] = (),
    out: Path = IMAGES,
) -> None:
    """Make images, or the rows of a table, with a run's exported generator.

    Args:
        run: a run's folder, or an exported generator.
        n: number of images or rows.
        seed: seed of the latents; image i is the same whatever n is.
        class_: classes to draw by name or number, with commas between; None for all of them in turn.
        truncation: 0 to 1, less is less variety and better images; stylegan2, biggan and biggan_deep have it.
        standing_statistics: number of fresh batches that batch statistics are averaged over, in place of the
            running averages of training; for a generator with batch normalization.
        where: what rows of a table are to be, such as sex=female or age>=40. The option may come several
            times, and all of them hold.
        out: of a table, a .csv, .npz or .parquet. Of images, a .png for a grid; a .npz with "images" uint8
            [n, H, W, C] (and "labels"); or a new folder for a .png of each image, in a folder of its class. A
            run of points gives a scatter plot, or "images" float32 [n, D].
    """
    _check_seed(seed)
    if n < 1:
        raise UserError(f"`n` must be at least 1, got {n}")
    if export.has_table(run):
        images_alone = {"class": class_, "truncation": truncation, "standing_statistics": standing_statistics}
        for name, value in images_alone.items():
            if value is not None:
                raise UserError(f"`{name}` {value} is of images, and {run} makes the rows of a table")
        out = TABLE if out == IMAGES else out
        evaluation.refuse_data(out, run)
        _sample_rows(run, n, seed, where, out)
        return
    if where:
        raise UserError(f"`where` {where[0]} is of a table's rows, and {run} makes images")
    kind = out.suffix.lower()
    if kind not in ("", ".png", ".npz") or (not kind and out.is_dir() and any(out.iterdir())):
        wants = "end in .png or .npz, or be a new folder"
        raise UserError(f"`out` must {wants}, got {out}{'' if kind else ', which holds files'}")
    description = export.read_description(run)
    evaluation.refuse_data(out, run)
    network = export.read_generator(run)
    if standing_statistics is not None:
        network = export.with_standing_statistics(network, standing_statistics)
    generate = functools.partial(export.generating(network), truncation=truncation)
    require_memory(n * _bytes_per_image(description), f"`n` {n:,}")
    classes = _classes(class_, description, run)
    labels = None if classes is None else jnp.resize(jnp.array(classes, jnp.int32), (n,))
    latents = draw_rows(export.prior_of(description), seed_key(seed), n)
    points = len(description["image_shape"]) == 1
    if points and not kind:
        raise UserError(f"{run} makes points: `out` must end in .png or .npz, got {out}")
    with _noted():
        images = (
            np.asarray(generate(latents, labels)) if points else sampling.sample(generate, latents, labels)
        )
    if kind == ".npz":
        named: dict[str, Any] = {"images": images}
        if labels is not None:
            named["labels"] = np.asarray(labels)
        _write(out, lambda file: np.savez_compressed(file, **named))
    elif points:
        _write(out, sampling.scatter(images).save)
    elif kind:
        columns = len(classes) if classes is not None and 1 < len(classes) <= 16 else round(n**0.5)
        _write(out, sampling.grid(images, columns=columns).save)
    else:
        names = description.get("class_names") or list(map(str, range(description["num_classes"] or 0)))
        for i, image in enumerate(images):
            folder = out if labels is None else out / _folder_name(names[int(labels[i])])
            _write(folder / f"{i:06d}.png", sampling.picture(image).save)
    output.write(f"{n} {'points' if points else 'images'} of step {description['step']:,} in {out}")


def _sample_rows(run: Path, n: int, seed: int, where: tuple[str, ...], out: Path) -> None:
    """Write rows of a table."""
    check_suffix(out)
    generator = export.load_table_generator(run)
    require_memory(16 * n * (len(generator.encoding.columns) + generator.encoding.width), f"`n` {n:,}")
    with _noted():
        table = generator.sample(n, where=where, seed=seed)
    write_table(table, out)
    output.write(f"{n:,} rows of step {generator.step:,} in {out}")


def _folder_name(name: str) -> str:
    """Return the name of a class as that of a folder: a description may come from a stranger."""
    plain = re.sub(r"[^\w .+-]", "_", name)
    return plain if plain.strip(". ") else f"_{plain}"


def _classes(chosen: str | None, description: dict[str, Any], run: Path) -> list[int] | None:
    """Return the numbers of the classes to draw; None for a generator without classes.

    Args:
        chosen: names or numbers with commas between; None for all classes.
        description: the generator's description.
        run: where the generator is.
    """
    count, names = description["num_classes"], description.get("class_names") or []
    if count is None:
        if chosen is not None:
            raise UserError(f"`class` {chosen}: {run} has learned no classes")
        return None
    if chosen is None:
        return list(range(count))
    return class_numbers("class", chosen, count, names)


@pinned()
def interpolate(
    run: Positional[Path],
    *,
    rows: int = 8,
    steps: int = 10,
    seed: int = 0,
    truncation: float | None = None,
    out: Path = Path("strip.png"),
    gif: bool = False,
    video: Path | None = None,
) -> None:
    """Walk from one latent to another along the sphere, a walk in each row.

    Args:
        run: a run's folder, or an exported generator.
        rows: number of walks; a conditional generator makes each in the next class.
        steps: number of images of a walk, both ends included.
        seed: seed of the latents.
        truncation: 0 to 1, less is less variety and better images; stylegan2, biggan and biggan_deep have it.
        out: a .png.
        gif: write an animation of the walks too, beside the picture.
        video: an .mp4 or a .gif of the walks, there and back in four seconds; an .mp4 needs jaxgan[video].
    """
    _check_seed(seed)
    if rows < 1 or steps < 2:
        raise UserError(f"`rows` must be at least 1 and `steps` at least 2, got {rows} and {steps}")
    if out.suffix.lower() != ".png":
        raise UserError(f"`out` must end in .png, got {out}")
    if video is not None:
        explanation.check_video(video)
    description = export.read_description(run)
    for file in (out, out.with_suffix(".gif") if gif else out, out if video is None else video):
        evaluation.refuse_data(file, run)
    generate = functools.partial(export.load_generator(run), truncation=truncation)
    if len(description["image_shape"]) == 1:
        raise UserError(f"{run} makes points, and interpolate draws images")
    longest = steps if video is None else max(steps, explanation.FRAMES)
    require_memory(rows * longest * _bytes_per_image(description), f"`rows` {rows:,} of `steps` {longest:,}")
    labels = sampling.column_labels(rows, description["num_classes"])
    prior = export.prior_of(description)
    ends = draw_rows(prior, seed_key(seed), 2 * rows)

    def walks(steps: int) -> list[np.ndarray]:
        return [
            sampling.sample(generate, prior.between(ends[:rows], ends[rows:], share), labels)
            for share in np.linspace(0, 1, steps).tolist()
        ]

    columns = walks(steps)
    strip = np.stack(columns, axis=1).reshape(-1, *columns[0].shape[1:])
    _write(out, sampling.grid(strip, columns=steps).save)
    if gif:
        frames = _there_and_back(columns)
        _write(out.with_suffix(".gif"), lambda file: sampling.animate(frames, file))
    if video is not None:
        shown = _there_and_back(walks(explanation.FRAMES))
        _write(video, lambda file: explanation.write_video(shown, file))
    output.write(f"{rows} walks of step {description['step']:,} in {out}{f' and {video}' if video else ''}")


def _there_and_back(columns: list[np.ndarray]) -> list[Any]:
    """Return grids of the walks at each step, and the same backwards."""
    frames = [sampling.grid(column, columns=round(len(column) ** 0.5)) for column in columns]
    return [*frames, *frames[-2:0:-1]]


@pinned()
def edit(
    run: Positional[Path],
    *,
    direction: int = 1,
    amount: str = "-3:3",
    method: str = "jacobian",
    n: int = 8,
    steps: int = 7,
    class_: Annotated[str | None, argument(name="class", metavar="CLASS,...")] = None,
    seed: int = 0,
    out: Path = Path("edit.png"),
) -> None:
    """Move images along a direction of the latents that changes them most, an image in each row.

    Args:
        run: a run's folder, or an exported generator.
        direction: number of the direction, from 1 for the strongest.
        amount: first and last step, in standard deviations of the latents.
        method: jacobian: what the images change by; ganspace: what a layer varies in; sefa: what the first
            layer stretches.
        n: number of images that are moved.
        steps: number of images of a row, both ends included.
        class_: classes to draw by name or number, with commas between; None for all of them in turn.
        seed: seed of the latents.
        out: a .png.
    """
    if out.suffix.lower() != ".png":
        raise UserError(f"`out` must end in .png, got {out}")
    classes = _classes(class_, export.read_description(run), run)
    evaluation.refuse_data(out, run)
    edited = explanation.edit(
        run, direction=direction, amount=amount, method=method, n=n, steps=steps, seed=seed,
        classes=None if class_ is None else classes,
    )  # fmt: skip
    _write(out, edited.picture.save)
    output.write(
        f"direction {direction} of {edited.space} by {method} in {out}: a step of 1 changes a pixel by "
        f"{edited.moved:.3f} (RMS), a random one by {edited.random:.3f}"
    )


def invert(
    run: Positional[Path],
    pictures: Positional[str | None] = None,
    *,
    n: int = 64,
    steps: int = 400,
    restarts: int = 4,
    split: str | None = None,
    seed: int = 0,
    data_dir: str | None = None,
    out: Path | None = None,
) -> None:
    """Look for the latents of which a run's generator makes given pictures, and say how near it comes.

    Args:
        run: a run's folder, or an exported generator.
        pictures: "digits", the name of a TFDS data set, a folder or an .npz; None for what the run was
            trained on.
        n: the largest number of pictures.
        steps: steps of Adam from each beginning.
        restarts: beginnings of each picture, of which the best end is kept.
        split: the split of a TFDS data set or of an .npz with splits; None for "test".
        seed: seed of the beginnings.
        data_dir: the folder of TFDS data sets; None for the run's own.
        out: an .npz with the latents and the PSNR of each picture, beside which a .png shows the pictures and
            what the generator makes of them, and a .json has the numbers; None for inversion.npz in the run.
    """
    lines = explanation.invert_to_files(
        run, pictures, n=n, steps=steps, restarts=restarts, split=split, seed=seed, data_dir=data_dir, out=out
    )
    for line in lines:
        output.write(with_flags(line))


@functools.wraps(evaluation.evaluate)
def evaluate(*args: Any, **options: Any) -> None:  # noqa: D103 -- its docstring is that of the library's function
    output.write(evaluation.table(evaluation.evaluate(*args, **options)))


@functools.wraps(explanation.explain)
def explain(*args: Any, **options: Any) -> None:  # noqa: D103 -- its docstring is that of the library's function
    keep_programs()
    output.write(with_flags(explanation.table(explanation.explain(*args, **options))))


def _compared(function: Callable[..., Any]) -> Callable[..., None]:
    """Return the command of a function that compares methods; it prints their table."""

    @functools.wraps(function)
    def command(*args: Any, **options: Any) -> None:
        found = function(*args, **options)
        output.write(with_flags(representation.table(found.comparison), positional(function)))

    return command


def encode(
    run: Positional[Path],
    data: Positional[str | None] = None,
    *,
    out: Path | None = None,
    train: bool = False,
    steps: int | None = None,
    split: str | None = None,
    n: int | None = None,
    seed: int = 0,
    data_dir: str | None = None,
) -> None:
    """Write what a run's networks read from images, or train an encoder for its generator.

    Args:
        run: a run's folder, or an exported generator.
        data: the images: "digits", the name of a TFDS data set, a folder or an .npz; None for those that the
            run was trained on.
        out: an .npz with an array for each name, or a .csv with a line for each image; None for codes.npz,
            and with --train for no such file.
        train: train an encoder for the finished generator first, beside which it is written.
        steps: number of training steps; None for 2,000.
        split: the split of a TFDS data set or of an .npz with splits; None for "test".
        n: the largest number of images to write codes of.
        seed: seed of the training.
        data_dir: the folder of TFDS data sets; None for the run's own.
    """
    if not train:
        for name, value, default in (("steps", steps, None), ("seed", seed, 0)):
            if value != default:
                raise UserError(f"`{name}` {value} has no effect without `train`")
    elif out is None and (split is not None or n is not None):
        raise UserError("`split` and `n` choose the images of `out`, which is not given")
    file, notes = codes_file(out or "codes.npz"), tuple[str, ...]()
    if train:
        count = 2000 if steps is None else steps
        fitted = representation.train_encoder(run, data, steps=count, seed=seed, data_dir=data_dir)
        output.write(
            f"reconstruction ratio {fitted.ratio:.4f} on {fitted.n_held_out:,} held-out images "
            f"(1: no better than another image); the encoder is {fitted.file}"
        )
        notes = fitted.notes
    if out is not None or not train:
        codes = representation.encode(run, data, out=file, split=split, n=n, data_dir=data_dir)
        shapes = ", ".join(f"{name} {list(values.shape)}" for name, values in codes.columns.items())
        output.write(f"{shapes} in {codes.file}")
        notes += codes.notes
    for note in dict.fromkeys(notes):
        output.write(f"note: {with_flags(note, positional(encode))}")


@functools.wraps(export_to)
def export_(*args: Any, **options: Any) -> None:  # noqa: D103 -- its docstring is that of the library's function
    folder = export_to(*args, **options)
    output.write(f"{', '.join(sorted(file.name for file in folder.iterdir()))} in {folder}")


@functools.wraps(import_weights)
def import_(*args: Any, **options: Any) -> None:  # noqa: D103 -- its docstring is that of the library's function
    for line in import_weights(*args, **options).lines:
        output.write(line)


def translate(
    run: Positional[Path],
    pictures: Positional[Path],
    *,
    out: Path = Path("translated"),
    direction: str = "forward",
    tile: int | None = None,
) -> None:
    """Make images of a folder of pictures with a run of the game paired or cycle.

    Args:
        run: a run's folder, or an exported translator.
        pictures: the folder of pictures, searched at every depth.
        out: the folder of the images, each a .png of its picture's name. What is there already is kept, so
            the same command goes on where it stopped.
        direction: forward from sources to images; backward the other way, which the game cycle learns too.
        tile: height and width in pixels of the tiles in which large pictures are made; None for as many as
            make 512 pixels of the image, or 256 where tiles fade into each other, and for at least 64.
    """
    translation = translate_pictures(run, pictures, out=out, direction=direction, tile=tile)
    kept = f", {translation.kept} were there already" if translation.kept else ""
    output.write(f"{translation.made} images in {translation.out}{kept}")
    for note in translation.notes:
        output.write(f"note: {with_flags(note)}")


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
    output.write(sources.prepare(name, from_folder=from_, data_dir=data_dir, unverified=unverified))


def check(run: Positional[Path]) -> None:
    """Read every checkpoint of a run and say which are sound; exit code 1 if one is not.

    Args:
        run: a run's folder; nothing in it is changed, and it may be in use.
    """
    from jaxgan.run import checkpoint  # Orbax takes a second to import

    require_devices()
    steps = checkpoint.steps_in(run / "checkpoints")
    if not steps:
        raise UserError(f"there is no checkpoint in {run / 'checkpoints'}")
    unsound = 0
    for step in sorted(steps):
        try:
            arrays = checkpoint.read(run / "checkpoints" / str(step))
            output.write(f"{step:>10,}  sound, {len(arrays)} arrays")
        except (checkpoint.DamagedError, UserError) as error:
            if step not in checkpoint.steps_in(run / "checkpoints"):
                output.write(f"{step:>10,}  was removed by the run in the meantime")
                continue
            output.write(f"{step:>10,}  NOT SOUND: {error}")
            unsound += 1
    for path in sorted((run / "checkpoints").glob("corrupt-*")):
        output.write(f"{path.name:>10}  was set aside")
    if unsound:
        sys.exit(1)


@contextlib.contextmanager
def _noted() -> Iterator[None]:
    """Print warnings of the library as notes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    for note in dict.fromkeys(str(warning.message) for warning in caught):
        output.write(f"note: {with_flags(note)}")


def _bytes_per_image(description: dict[str, Any]) -> int:
    return 4 * description["latent_dim"] + math.prod(description["image_shape"])


def _check_seed(seed: int) -> None:
    if not 0 <= seed < 2**32:
        raise UserError(f"`seed` must be at least 0 and below 2**32, got {seed}")


def _write(out: Path, write: Callable[[Path], Any]) -> None:
    try:
        write_atomically(out, write)
    except NoRoomError:
        raise
    except OSError as error:
        raise UserError(f"cannot write `out` {out}: {error.strerror or error}") from error


def main(args: list[str] | None = None) -> None:
    """Run the command line; exit code 2 and one sentence for a mistake of the user's."""
    args = sys.argv[1:] if args is None else args
    if args == ["--version"]:
        output.write(f"jaxgan {jaxgan.__version__}")
        return
    if args[:1] in (["train"], ["resume"]):
        with exits():
            {"train": train, "resume": resume}[args[0]](args[1:])
    commands = {
        "train": train,  # these two for the list of commands alone
        "resume": resume,
        "recipes": recipes,
        "sample": sample,
        "interpolate": interpolate,
        "edit": edit,
        "invert": invert,
        "evaluate": evaluate,
        "encode": encode,
        "translate": translate,
        "cluster": _compared(representation.cluster),
        "probe": _compared(representation.probe),
        "anomalies": _compared(representation.anomalies),
        "reduce": _compared(representation.reduce),
        "export": export_,
        "import": import_,
        "explain": explain,
        "check": check,
        "data": data,
        "sweep": sweep,
    }
    named = commands.get(args[0] if args else "", main)
    with exits(OSError, positional=positional(named)):
        call(commands, program="jaxgan", description=__doc__ or "", args=args)


if __name__ == "__main__":
    main()
