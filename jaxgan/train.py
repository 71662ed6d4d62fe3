"""The training run, from a config to a folder of results, readable from top to bottom."""

import sys
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import flax.linen as nn
import jax

from jaxgan import build, data, parallel
from jaxgan.build import Experiment
from jaxgan.config import DEFAULTS, PRACTICAL, Config, parse
from jaxgan.data import stream
from jaxgan.features import Extractor
from jaxgan.names import HELP
from jaxgan.run import evaluation, evaluation_plan, figures, loop, nan, placement
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.checksums import NotFiniteError
from jaxgan.run.diagnosis import Monitor
from jaxgan.run.follower import FollowerRecorder, following, open_folder
from jaxgan.run.recorder import Recorder
from jaxgan.run.workdir import Workdir
from jaxgan.state import GANState
from jaxgan.system import compilation, processes, signals
from jaxgan.system.errors import exits

EXIT_CODES = {"done": 0, "preempted": 75}


class Result(NamedTuple):
    """How a run ended: "done" or "preempted", the last state, and the folder that holds all the rest."""

    status: str
    state: GANState
    workdir: Path


def run(
    config: Config,
    *,
    dataset: data.Dataset | None = None,
    generator: nn.Module | None = None,
    discriminator: nn.Module | None = None,
    loss: Any = None,
    penalty: Any = None,
    extractor: Extractor | None = None,
) -> Result:
    """Train, or go on with the run that is in ``config.workdir``.

    Args:
        config: all settings.
        dataset: your own images, in place of those that ``config.data`` names.
        generator: your own module ``(latents, labels, *, train) -> images``.
        discriminator: your own module ``(images, labels, *, train) -> logits [B]``.
        loss: your own pair with fields ``discriminator`` and ``generator``.
        penalty: your own ``(critic, real, fake, *, keys, step) -> [B]``.
        extractor: your own images to features, for evaluations.

    Returns:
        The `Result`. Its status is "preempted" if a signal asked for an end; all is saved then.

    Raises:
        UserError: if what was asked for cannot be done; nothing is written then.
    """
    if config.distributed:
        processes.join(config.coordinator, config.num_processes, config.process_id)
    own = {"generator": generator, "discriminator": discriminator, "loss": loss, "penalty": penalty}
    with processes.fail_together():
        config = build.check(config)
        return _run(config if processes.is_first() else following(config), dataset, own, extractor)


def _run(
    config: Config, dataset: data.Dataset | None, own: dict[str, Any], extractor: Extractor | None
) -> Result:
    dataset = build.dataset(config) if dataset is None else dataset
    experiment = placement.place(build.experiment(config, dataset, **own), config)
    settings = config.asked(dataset.name, dataset.images.shape, own)
    judge = evaluation_plan.judge(config, dataset, extractor)
    with (
        open_folder(config.workdir, settings, practical=PRACTICAL, defaults=DEFAULTS) as folder,
        signals.listen() as asked,
        Checkpoints(folder.path / "checkpoints", keep=config.keep) as checkpoints,
    ):
        train = partial(_train, config, dataset, experiment, judge, folder, checkpoints, asked)
        status, state = nan.guard(train, config, len(dataset.images), folder.path)
    return Result(status, state, folder.path)


def _train(
    config: Config,
    dataset: data.Dataset,
    experiment: Experiment,
    judge: evaluation_plan.Judge | None,
    folder: Workdir,
    checkpoints: Checkpoints,
    asked: signals.Preemption,
    rollbacks: int,
) -> tuple[str, GANState]:
    init_key, train_key, grid_key = nan.keys(config.seed, rollbacks)
    found = checkpoints.latest_step()
    if found is None:
        folder.require_new()
    checkpoints.require_space(experiment.shapes, 1 + config.steps // config.save_every)
    state = experiment.init(init_key) if found is None else checkpoints.restore(experiment.shapes)
    step = int(state.step)
    folder.trim_metrics(step)
    folder.write_status("running", step)
    open_feed = stream.feed(
        dataset,
        seed=config.seed,
        batch_size=config.batch_size * config.d_steps,
        conditional=config.conditional,
        start=step,
        device_bytes=config.device_data * 1e9,
        mesh=experiment.mesh,
    )
    recorder_of = Recorder if processes.is_first() else FollowerRecorder
    open_recorder = recorder_of(folder, config, dataset, experiment, key=grid_key, start=step)
    with open_feed as feed, open_recorder as recorder:
        watcher = evaluation.Watch(
            judge, recorder, experiment, key=jax.random.fold_in(grid_key, 1), start=step
        )
        monitor = Monitor(config, dataset, experiment, folder, recorder, key=grid_key, start=step)
        notes = *dataset.notes, *checkpoints.notes, *placement.notes(config), *nan.notes(rollbacks)
        recorder.introduce(dataset, placement.describe(experiment.mesh), notes, step, new=found is None)
        if step < config.steps and not processes.first(watcher.why):
            seers = recorder, watcher, monitor
            state = loop.train_steps(config, experiment, feed, state, train_key, *seers, checkpoints, asked)
            step = int(state.step)
        ema = parallel.local(state.ema)
        watcher.measure(step, ema, last=step >= config.steps)
        if jax.process_count() == 1:  # all of several would have to read
            watcher.rebuild(step, ema)
        checkpoints.save(step, state, best=processes.first(watcher.best))
        checkpoints.wait()  # first of all: a second signal may come at any time
        recorder.publish(step, jax.device_get(state.ema))
        why = processes.first(watcher.why or "")
        if not why and step < config.steps:
            status = "preempted"
            recorder.say(f"stopped at step {step:,}; the same command goes on from there")
        else:
            status = "done"
            recorder.finish(step, recorder.draw(ema))
            recorder.say(f"done at step {step:,}{why and f', as {why}'}: see {folder.path}")
    signals = processes.gather(asked.signal and asked.signal.name)  # also: all have recorded what they had to
    folder.write_status(status, step, next(filter(None, signals), why))
    return status, state


def main(default: Config, description: str, args: list[str] | None = None) -> NoReturn:
    """Run an experiment file: its config, what the command line changes of it, and an exit code.

    Exit codes: 0 done, 2 a mistake of the user's, 75 preempted but saved, 130 interrupted before the start,
    1 anything else: a full disk and NaN in one sentence too.
    """
    config = parse(default, description=f"{description}\n\n{HELP}", args=args)
    with exits(OSError, NotFiniteError):
        if config.compilation_cache:
            compilation.keep_programs()
        if config.dry_run:
            config = build.check(config)
            evaluation_plan.check(config, config.data)
            print(figures.dry_run(config, build.experiment(config, build.dataset(config))))
            sys.exit(0)
        sys.exit(EXIT_CODES[run(config).status])
    raise AssertionError
