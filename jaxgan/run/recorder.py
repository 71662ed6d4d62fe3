"""What a run leaves in its folder beside the checkpoints: lines, metrics, pictures, curves, the export."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from jaxgan import data, export, sampling
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.images import to_uint8
from jaxgan.run import figures, nan
from jaxgan.run.workdir import Workdir
from jaxgan.state import Variables
from jaxgan.system.files import write_atomically
from jaxgan.system.progress import Progress

ROWS, COLUMNS = 8, 10
MOST_CLASS_COLUMNS = 16


class Recorder:
    """Records one run. Use it with ``with``: it owns the progress bar.

    Args:
        folder: where.
        config: checked.
        dataset: for the picture of real images.
        experiment: networks and shapes.
        key: of the fixed latents of the sample grids.
        start: the step that the run starts or goes on from.
    """

    def __init__(
        self,
        folder: Workdir,
        config: Config,
        dataset: data.Dataset,
        experiment: Experiment,
        *,
        key: jax.Array,
        start: int,
    ):
        self.progress = Progress(
            start,
            config.steps,
            config.batch_size * config.d_steps,
            bar=config.progress and not config.quiet,
            quiet=config.quiet,
        )
        self.path = folder.path
        self._folder, self._config, self._experiment = folder, config, experiment
        self._failed: set[str] = set()
        self.marks: dict[str, int] = {}  # steps to mark on the curves, by name
        make_board = partial(_board, folder.path, start)
        self._board = self.attempt("TensorBoard", make_board) if config.tensorboard else None
        classes = experiment.num_classes
        self._columns = classes if classes is not None and classes <= MOST_CLASS_COLUMNS else COLUMNS
        count = ROWS * self._columns
        latents = sampling.draw_latents(key, count, config.latent_dim)
        labels = sampling.column_labels(count, classes)
        generator = experiment.generator
        self._generate = jax.jit(
            lambda variables: to_uint8(jnp.asarray(generator.apply(variables, latents, labels, train=False)))
        )
        reals = data.first_images(dataset, count, by_class=config.conditional)
        if reals.dtype != np.uint8:
            reals = np.asarray(to_uint8(jnp.asarray(reals)))
        self.attempt("a picture", partial(self._write_grid, "reals.png", reals))

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.close()
        if self._board is not None:
            self.attempt("TensorBoard", self._board.close)

    def attempt(self, what: str, work: Callable[[], Any]) -> Any:
        """Do what a run can do without: the first failure of each kind is told, and training goes on."""
        try:
            return work()
        except Exception as error:
            if what not in self._failed:
                self._failed.add(what)
                self.say(f"warning: {what} failed, training goes on ({type(error).__name__}: {error})")
            return None

    def say(self, line: str) -> None:
        """Print a line and log it."""
        self.progress.write(line)
        self._folder.log(line)

    def introduce(
        self, dataset: data.Dataset, where: str, notes: Iterable[str], step: int, *, new: bool
    ) -> None:
        """Say what is trained, where, what is to be noted, and at which step the run starts or goes on."""
        self.say(figures.header(self._config, dataset, self._experiment, where))
        for note in notes:
            self.say(f"note: {note}")
        self.say(f"{self.path}: {'starts' if new else 'goes on'} at step {step:,}")

    def draw(self, ema: Variables) -> jax.Array | None:
        """Start to make the sample grid's images with the EMA generator; nothing waits for them."""
        return self._generate(ema)

    def _arrived(self, step: int, steps: int, metrics: dict[str, jax.Array]) -> tuple[dict[str, float], str]:
        """Wait for a call's metrics and check them; return them, and a line that tells them."""
        values = {name: float(value) for name, value in jax.device_get(metrics).items()}
        nan.check(step, steps, values)
        return values, self.progress.advance(steps, values)

    def _logs(self, step: int) -> bool:
        return step % self._config.log_every == 0 or step == self._config.steps

    def call_ended(
        self, step: int, steps: int, metrics: dict[str, jax.Array], images: Any, last: bool = False
    ) -> None:
        """Record what a call of `steps` steps, up to `step`, has given; waits for it."""
        values, line = self._arrived(step, steps, metrics)
        if last or self._logs(step):
            self._folder.append_metrics(step, values)
            if self._board is not None:
                self.attempt("TensorBoard", partial(_add_scalars, self._board, values, step))
            self._folder.log(line)
            self.progress.write_unless_bar(line)
        if images is not None:
            self.write_samples(step, images)

    def write_samples(self, step: int, images: Any) -> None:
        """Write the sample grid of one step."""
        name = f"samples/step_{step:08d}.png"
        picture = self.attempt("a picture", partial(self._write_grid, name, np.asarray(images)))
        if self._board is not None and picture is not None:
            pixels = np.asarray(picture.convert("RGB"))
            add = partial(self._board.add_image, "samples", pixels, step, dataformats="HWC")
            self.attempt("TensorBoard", add)

    def finish(self, step: int, images: Any) -> None:
        """Write the last sample grid, and all of them as an animation."""
        self.write_samples(step, images)
        grids = sorted((self.path / "samples").glob("step_*.png"))
        self.attempt("the animation", partial(sampling.animate, grids, self.path / "samples.gif"))

    def publish(self, step: int, ema: Variables) -> None:
        """Write the curves, and export the EMA generator (given as arrays on the host)."""
        rows = self._folder.some_metrics(figures.MOST_POINTS)
        if rows:
            draw = partial(figures.plot_curves, rows, self.path / "plots/curves.png", self.marks)
            self.attempt("the plot", draw)
        self.export(step, ema)

    def export(self, step: int, ema: Variables, name: str = "export") -> None:
        """Export the EMA generator, given as arrays on the host, into the folder of a name."""
        export.save_generator(
            self.path / name,
            self._experiment.generator,
            ema,
            image_shape=self._experiment.arrays["image"].shape[1:],
            latent_dim=self._config.latent_dim,
            num_classes=self._experiment.num_classes,
            step=step,
        )

    def _write_grid(self, name: str, images: np.ndarray) -> Image.Image:
        picture = sampling.grid(images, columns=self._columns)
        write_atomically(self.path / name, partial(picture.save, format="PNG"))
        return picture


def _board(folder: Path, start: int) -> Any:
    from tensorboardX import SummaryWriter  # an extra

    return SummaryWriter(str(folder / "tb"), purge_step=start + 1)


def _add_scalars(board: Any, values: dict[str, float], step: int) -> None:
    for name, value in values.items():
        board.add_scalar(name, value, step)
