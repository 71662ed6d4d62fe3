"""The files of a run beside its checkpoints: log, metrics, pictures, curves and the exported generator.

Every process has a recorder, and all of them check the metrics, so that all meet a NaN at the same step. Only
process 0 writes files; the others write a log.
"""

import contextlib
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from PIL import Image

from jaxgan import data, sampling
from jaxgan.export import BACKWARD, save_discriminator, save_encoder, save_generator, save_table
from jaxgan.images import to_uint8
from jaxgan.run import cost, figures, nan, tables
from jaxgan.run.pace import Pace
from jaxgan.run.run import Run
from jaxgan.run.trackers import Tracker
from jaxgan.state import GANState, Variables
from jaxgan.system import processes
from jaxgan.system.errors import with_flags
from jaxgan.system.files import write_atomically, writing
from jaxgan.system.progress import Progress

ROWS, COLUMNS = 8, 10
MOST_CLASS_COLUMNS = 16
TENSORBOARD = "TensorBoard"
POINTS = 2500  # generated points in a scatter plot


class Networks(NamedTuple):
    """What is exported of a state, as arrays on the host.

    Attributes:
        ema: the average variables of the generator's player.
        discriminator: the discriminator's variables as they stand.
    """

    ema: Variables
    discriminator: Variables


def networks_of(state: GANState) -> Networks:
    """Return copies on the host of what is exported of a state."""
    return jax.device_get(Networks(state.ema, state.discriminator.variables))


class Recorder:
    """Records one run. Use it with ``with``: it owns the progress bar.

    Args:
        run: the run.
        start: the step that the run starts or goes on from.

    Attributes:
        path: the run's folder.
        pace: the run's speed.
        marks: steps to mark on the curves, by name.
    """

    def __init__(self, run: Run, *, start: int):
        config = run.config
        self._run, self._writes = run, processes.is_first()
        self.path, self.pace = run.folder.path, Pace()
        self.progress = Progress(
            start,
            config.steps,
            config.images_per_step,
            metrics=run.experiment.step.game.LINE,
            kind=run.dataset.kind,
            bar=config.progress and not config.quiet and self._writes,
            quiet=config.quiet or not self._writes,
        )
        self.marks: dict[str, int] = {}
        self._failed: set[str] = set()
        boards: dict[str, Callable[[], Any]] = {
            name: partial(Tracker, name, self.path, run.folder.settings) for name in config.track
        }
        if config.tensorboard:
            boards[TENSORBOARD] = partial(_Board, self.path / "tb", start)
        self._boards: dict[str, Any] = {}
        opened = {name: self.attempt(name, make) for name, make in boards.items()}
        self._boards = {name: board for name, board in opened.items() if board is not None}
        self._points, self._rows = run.dataset.kind == "points", run.dataset.rows
        classes = run.experiment.num_classes
        in_columns = classes if classes is not None else run.experiment.step.game.columns
        fits = in_columns is not None and in_columns <= MOST_CLASS_COLUMNS
        self._columns = in_columns if in_columns is not None and fits else COLUMNS
        game, latent_dim = run.experiment.step.game, run.experiment.shapes.latent_dim
        count = ROWS // game.PANES * self._columns
        if run.dataset.kind != "images":
            count = POINTS if self._points else tables.SAMPLES
        self._labels = sampling.column_labels(count, classes)
        self._reals = data.first_images(run.dataset, count, by_class=config.conditional)
        shown = np.resize(self._reals, (count, *self._reals.shape[1:]))  # there may be fewer
        examples = {"image": shown}
        if game.SOURCES:
            examples = data.first_examples(run.dataset, count)
            examples = {name: np.resize(x, (count, *x.shape[1:])) for name, x in examples.items()}
        if self._rows is not None:
            examples = tables.conditions(self._rows, count)
        inputs = game.inputs_of(examples, run.keys.grid, count, latent_dim)
        in_grid = run.dataset.kind == "images"
        self._inputs = game.lay_out(inputs, self._columns) if in_grid else inputs
        self._grid = (
            (lambda variables, samples: samples)
            if not in_grid
            else game.grid(shown, self._labels, self._columns, self._inputs)
        )
        self.attempt("a picture", lambda: self._write_picture("reals.png", self._reals))

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.close()
        self._to_boards(lambda board: board.close())

    def attempt(self, what: str, work: Callable[[], Any]) -> Any:
        """Do work that a run can do without; only process 0 does it.

        The first failure of each kind is reported, and training goes on.
        """
        if not self._writes:
            return None
        try:
            return work()
        except Exception as error:
            if what not in self._failed:
                self._failed.add(what)
                self.say(f"warning: {what} failed, training goes on ({type(error).__name__}: {error})")
            return None

    def _to_boards(self, work: Callable[[Any], Any], *, only: Iterable[str] | None = None) -> None:
        """Do work with TensorBoard's events and each tracker; one that fails is left alone from then on."""
        for name in [name for name in self._boards if only is None or name in only]:
            board = self._boards[name]
            self.attempt(name, partial(work, board))
            if name in self._failed:
                del self._boards[name]
                with contextlib.suppress(Exception):
                    board.close()

    @contextlib.contextmanager
    def profiling(self) -> Iterator[None]:
        """Write a profile of the body into ``profile/``; nothing stays of one that does not fit."""
        folder = self.path / "profile"
        before = set(folder.glob("plugins/profile/*"))

        def write() -> None:
            try:
                with writing(folder):
                    jax.profiler.stop_trace()
            except BaseException:
                for part in set(folder.glob("plugins/profile/*")) - before:
                    shutil.rmtree(part, ignore_errors=True)
                raise

        self.attempt("the profile", lambda: jax.profiler.start_trace(folder))
        yield
        self.attempt("the profile", write)

    def say(self, line: str) -> None:
        """Print a line and log it."""
        self.progress.write(line)
        self._run.folder.log(line)

    def start(self) -> None:
        """Start the clock, and on a terminal show the bar."""
        self.pace.start()
        self.progress.start()

    def introduce(self, where: str, notes: Iterable[str], step: int, *, new: bool) -> None:
        """Say what is trained and where, the notes, and the step at which the run starts or goes on."""
        run = self._run
        self.say(cost.header(run.config, run.dataset, run.experiment, where))
        for note in notes:
            self.say(f"note: {with_flags(note)}")
        self.say(f"{self.path}: {'starts' if new else 'goes on'} at step {step:,}")

    def draw(self, ema: Variables) -> jax.Array | None:
        """Start to compute the sample grid's images with the EMA generator; nothing waits for them."""
        if not self._writes:
            return None
        return self._grid(ema, self._run.experiment.generate(ema, self._inputs, self._labels))

    def call_ended(
        self, step: int, steps: int, metrics: dict[str, jax.Array], images: Any, last: bool = False
    ) -> None:
        """Wait for the results of a call, and record them.

        Args:
            step: the step that the call ended at.
            steps: number of steps of the call.
            metrics: the metrics of its last step.
            images: the sample grid's images, or None.
            last: whether the run ends here.

        Raises:
            NotFiniteError: if a metric is NaN or infinite.
        """
        values = {name: float(value) for name, value in jax.device_get(metrics).items()}
        nan.check(step, steps, values)
        self.pace.advance(steps)
        line = self.progress.advance(steps, values, rate=self.pace.rate, average=self.pace.average)
        config, folder = self._run.config, self._run.folder
        if last or step % config.log_every == 0 or step == config.steps:
            folder.append_metrics(step, values)
            self._to_boards(lambda board: board.add_scalars(values, step))
            folder.log(line)
            self.progress.write_unless_bar(line)
        if images is not None:
            self.write_samples(step, images)

    def write_samples(self, step: int, images: Any) -> None:
        """Write the sample grid of one step."""
        name = f"samples/step_{step:08d}.png"
        picture = self.attempt("a picture", lambda: self._write_picture(name, images))
        if TENSORBOARD in self._boards and picture is not None:
            pixels = np.asarray(picture.convert("RGB"))
            self._to_boards(lambda board: board.add_image("samples", pixels, step), only=[TENSORBOARD])

    def finish(self, step: int, images: Any) -> None:
        """Write the last sample grid, and an animation of all grids."""
        self.write_samples(step, images)
        grids = sorted((self.path / "samples").glob("step_*.png"))
        self.attempt("the animation", partial(sampling.animate, grids, self.path / "samples.gif"))

    def publish(self, step: int, networks: Networks) -> None:
        """Write the curves, and export the networks."""
        rows = self._run.folder.some_metrics(figures.MOST_POINTS)
        if rows:
            self.attempt("the plot", lambda: self._plot_curves(rows))
        self.export(step, networks)

    def export(self, step: int, networks: Networks, name: str = "export") -> None:
        """Export generator, discriminator and, if there is one, encoder into a subfolder by its name."""
        if not self._writes:
            return
        experiment, folder = self._run.experiment, self.path / name
        game, num_classes = experiment.step.game, experiment.num_classes
        common: dict[str, Any] = {
            "image_shape": self._run.dataset.image_shape,
            "latent_dim": experiment.shapes.latent_dim,
            "step": step,
        }
        source_shape = tuple(self._inputs.shape[1:]) if game.SOURCES else None
        generator, variables = game.generator_of(experiment.generator, networks.ema)
        save_generator(
            folder,
            generator,
            variables,
            **common,
            num_classes=num_classes,
            prior=game.prior,
            source_shape=source_shape,
            condition=None if self._rows is None else self._inputs.shape[1] - common["latent_dim"],
            class_names=None if num_classes is None else self._run.dataset.class_names,
            data=self._run.folder.settings.get("fingerprint"),
        )
        backward = game.backward_of(experiment.generator, networks.ema)
        if backward is not None and source_shape is not None:
            save_generator(
                folder,
                *backward,
                **common | {"image_shape": source_shape},
                num_classes=None,
                source_shape=common["image_shape"],
                role=BACKWARD,
            )
        if self._rows is not None:
            save_table(folder, self._rows.encoding)
            width = self._rows.encoding.width + self._inputs.shape[1] - common["latent_dim"]
            common["image_shape"] = (getattr(game, "pack", 1) * width,)  # what the discriminator judges
        save_discriminator(
            folder,
            *game.discriminator_of(experiment.discriminator, networks.discriminator),
            **common,
            num_classes=num_classes if game.GIVES_LABELS else None,
            heads=game.heads(num_classes),
            pairs=game.PAIRS,
            source_shape=source_shape if game.judges_sources else None,
        )
        encoder = game.encoder_of(experiment.generator, networks.ema)
        if encoder is not None:
            save_encoder(folder, *encoder, **common, num_classes=num_classes)

    def _plot_curves(self, rows: list[dict[str, Any]]) -> None:
        panels = self._run.experiment.step.game.panels
        figures.plot_curves(rows, self.path / "plots/curves.png", panels=panels, marks=self.marks)

    def _write_picture(self, name: str, images: Any) -> Image.Image:
        if self._rows is not None:
            made = None if images is self._reals else images
            tables.write_samples(self._rows, made, self.path / name)
            with Image.open(self.path / name) as picture:
                return picture.copy()
        images = np.asarray(images)
        if self._points:
            picture = sampling.scatter(images, real=self._reals)
        else:
            if images.dtype != np.uint8:
                images = np.asarray(jax.jit(to_uint8)(images))
            picture = sampling.grid(images, columns=self._columns)
        write_atomically(self.path / name, partial(picture.save, format="PNG"))
        return picture


def _later(folder: Path) -> int:
    """Return the time for the name of a file of events, in seconds: TensorBoard reads them in this order.

    A run may go on at a host whose clock is behind that of the one before.
    """
    numbers = [path.name.split(".")[3] for path in folder.glob("events.out.tfevents.*")]
    return max([round(time.time()), *(int(number) + 1 for number in numbers if number.isdecimal())])


class _Board:
    """TensorBoard's events, written by whoever has them.

    tensorboardX hands them to a thread of its own. A full disk ends that thread, and the run would wait for
    it for ever.

    Args:
        folder: folder of the events.
        start: the step that the run starts or goes on from; TensorBoard drops what was logged of later ones.
    """

    def __init__(self, folder: Path, start: int):
        from tensorboardX import summary  # an optional dependency
        from tensorboardX.proto import event_pb2
        from tensorboardX.record_writer import RecordWriter

        protocol: Any = event_pb2
        self._file = folder / f"events.out.tfevents.{_later(folder)}.{socket.gethostname()}"
        self._summary, self._event = summary, protocol.Event
        folder.mkdir(parents=True, exist_ok=True)
        with writing(self._file):
            self._records: Any = RecordWriter(str(self._file))
        self._add(0, file_version="brain.Event:2")
        self._add(start + 1, session_log=protocol.SessionLog(status=protocol.SessionLog.START))

    def _add(self, step: int, **content: Any) -> None:
        with writing(self._file):
            event = self._event(step=step, wall_time=time.time(), **content)
            self._records.write(event.SerializeToString())

    def add_scalars(self, values: dict[str, float], step: int) -> None:
        """Add numbers by their names."""
        for name, value in values.items():
            self._add(step, summary=self._summary.scalar(name, value))

    def add_image(self, name: str, pixels: np.ndarray, step: int) -> None:
        """Add an image, uint8 ``[H, W, 3]``, and bring everything so far to the disk."""
        self._add(step, summary=self._summary.image(name, pixels, dataformats="HWC"))
        with writing(self._file):
            self._records.flush()

    def close(self) -> None:
        """Bring everything to the disk."""
        with writing(self._file):
            self._records.close()
