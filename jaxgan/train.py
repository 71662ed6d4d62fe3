"""The training run, from a config to a folder of results, readable from top to bottom."""

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import flax.linen as nn
import jax

from jaxgan import build, compilation, data, devices, health, parallel, preemption, report, watch
from jaxgan.build import Experiment
from jaxgan.checkpoint import Checkpoints
from jaxgan.config import DEFAULTS, PRACTICAL, Config, parse
from jaxgan.data import cache
from jaxgan.errors import exits
from jaxgan.features import Extractor
from jaxgan.integrity import NotFiniteError
from jaxgan.recorder import Recorder
from jaxgan.state import GANState
from jaxgan.workdir import Workdir

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
        The `Result`. Its status is "preempted" if Ctrl-C or SIGTERM asked for an end; all is saved then.

    Raises:
        UserError: if what was asked for cannot be done; nothing is written then.
    """
    own = {"generator": generator, "discriminator": discriminator, "loss": loss, "penalty": penalty}
    config = build.check(config)
    dataset = build.dataset(config) if dataset is None else dataset
    experiment = devices.place(build.experiment(config, dataset, **own), config)
    settings = dataclasses.asdict(config.replace(data=dataset.name))
    judge = watch.judge(config, dataset, extractor)
    used = [name for name, piece in own.items() if piece is not None]
    settings |= {"images": list(dataset.images.shape), "own": used}
    with (
        Workdir(config.workdir, settings, practical=PRACTICAL, defaults=DEFAULTS) as folder,
        preemption.listen() as asked,
        Checkpoints(folder.path / "checkpoints", keep=config.keep) as checkpoints,
    ):
        train = partial(_train, config, dataset, experiment, judge, folder, checkpoints, asked)
        status, state = health.guard(train, config, len(dataset.images), folder.path)
    return Result(status, state, folder.path)


def _train(
    config: Config,
    dataset: data.Dataset,
    experiment: Experiment,
    judge: watch.Judge | None,
    folder: Workdir,
    checkpoints: Checkpoints,
    asked: preemption.Preemption,
    rollbacks: int,
) -> tuple[str, GANState]:
    init_key, train_key, grid_key = health.keys(config.seed, rollbacks)
    found = checkpoints.latest_step()
    checkpoints.require_space(experiment.shapes, 1 + config.steps // config.save_every)
    state = experiment.init(init_key) if found is None else checkpoints.restore(experiment.shapes)
    step = int(state.step)
    folder.trim_metrics(step)
    folder.write_status("running", step)

    open_feed = data.feed(
        dataset,
        seed=config.seed,
        batch_size=config.batch_size * config.d_steps,
        conditional=config.conditional,
        start=step,
        device_bytes=config.device_data * 1e9,
        mesh=experiment.mesh,
    )
    open_recorder = Recorder(folder, config, dataset, experiment, key=grid_key, start=step)
    with open_feed as feed, open_recorder as recorder:
        watcher = watch.Watch(judge, recorder, experiment, key=jax.random.fold_in(grid_key, 1), start=step)
        recorder.say(report.header(config, dataset, experiment, devices.describe(experiment.mesh)))
        for note in (*dataset.notes, *checkpoints.notes, *devices.notes(config), *health.notes(rollbacks)):
            recorder.say(f"note: {note}")
        recorder.say(f"{folder.path}: {'starts' if found is None else 'goes on'} at step {step:,}")
        if step < config.steps and not watcher.why:
            state = _loop(config, experiment, feed, state, train_key, recorder, watcher, checkpoints, asked)
            step = int(state.step)
        watcher.measure(step, parallel.local(state.ema), last=step >= config.steps)
        checkpoints.save(step, state, watcher.score(step))
        checkpoints.wait()  # first of all: a second signal may come at any time
        recorder.publish(step, jax.device_get(state.ema))
        if not (why := watcher.why or "") and step < config.steps:
            status = "preempted"
            recorder.say(f"stopped at step {step:,}; the same command goes on from there")
        else:
            status = "done"
            recorder.finish(step, recorder.draw(parallel.local(state.ema)))
            recorder.say(f"done at step {step:,}{why and f', as {why}'}: see {folder.path}")
    folder.write_status(status, step, asked.signal.name if asked.signal else why)
    return status, state


def _loop(
    config: Config,
    experiment: Experiment,
    feed: data.Feed,
    state: GANState,
    key: jax.Array,
    recorder: Recorder,
    watcher: watch.Watch,
    checkpoints: Checkpoints,
    asked: preemption.Preemption,
) -> GANState:
    """Train until `config.steps`, or until somebody asks for an end; results are fetched one call late."""
    step, key = int(state.step), parallel.replicate(key, experiment.mesh)
    began = time.perf_counter()
    advance = parallel.compile_run(experiment.step, feed.batch_at, state, feed.shapes, key, experiment.mesh)
    recorder.say(f"compiled the step in {time.perf_counter() - began:.1f} s")

    intervals = config.log_every, config.sample_every, config.save_every, *watcher.intervals
    late: list[Callable[[], None]] = []  # the host's work, done while the device is at the next call
    calls = 0
    recorder.progress.start()
    while step < config.steps and not asked and not watcher.why:
        to_event = min(interval - step % interval for interval in intervals)
        steps = min(recorder.progress.steps_per_call, feed.most_steps, config.steps - step, to_event)
        profiled = config.profile and calls == 2  # the calls before have warmed up
        trace = jax.profiler.trace(recorder.path / "profile") if profiled else contextlib.nullcontext()
        with trace:
            state, metrics = advance(state, feed.take(steps), key, steps)
            if profiled:
                jax.block_until_ready(metrics)
        step, calls = step + steps, calls + 1
        _do(late)
        images = recorder.draw(parallel.local(state.ema)) if step % config.sample_every == 0 else None
        is_best = watcher.measure(step, parallel.local(state.ema))
        late.append(partial(recorder.call_ended, step, steps, metrics, images, bool(watcher.why)))
        if is_best or (step % config.save_every == 0 and step < config.steps):
            _do(late)  # what belongs to a checkpoint is on disk before it
            checkpoints.save(step, state, watcher.score(step))
            late.append(partial(recorder.publish, step, jax.device_get(state.ema)))
    _do(late)
    recorder.progress.close()
    return state


def _do(late: list[Callable[[], None]]) -> None:
    while late:
        late.pop(0)()


def main(default: Config, description: str, args: list[str] | None = None) -> NoReturn:
    """Run an experiment file: its config, what the command line changes of it, and an exit code.

    Exit codes: 0 done, 2 a mistake of the user's, 75 preempted but saved, 130 interrupted before the start,
    1 anything else: a full disk and NaN in one sentence too.
    """
    config = parse(default, description=f"{description}\n\n{build.HELP}", args=args)
    with exits(OSError, NotFiniteError):
        if config.compilation_cache:
            compilation.keep_in(cache.folder() / "compiled")
        if config.dry_run:
            config = build.check(config)
            print(report.dry_run(config, build.experiment(config, build.dataset(config))))
            sys.exit(0)
        sys.exit(EXIT_CODES[run(config).status])
    raise AssertionError
