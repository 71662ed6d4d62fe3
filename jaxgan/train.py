"""The training run, from a config to a folder of results, readable from top to bottom."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import flax.linen as nn
import jax
import optax

from jaxgan import build, data, parallel
from jaxgan.build import Pieces
from jaxgan.config import PRACTICAL, Config, upgrade
from jaxgan.data.fingerprint import fingerprint
from jaxgan.data.sources import located, spelled
from jaxgan.data.stream import Feed, feed
from jaxgan.features import Extractor
from jaxgan.run import cost, evaluation_plan, nan, placement
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.diagnosis import Diagnosis
from jaxgan.run.evaluation import Evaluations
from jaxgan.run.evaluation_plan import EvaluationPlan
from jaxgan.run.keys import run_keys
from jaxgan.run.labels import labels_of
from jaxgan.run.nan import NotFiniteError
from jaxgan.run.recorder import Recorder, networks_of
from jaxgan.run.run import Run
from jaxgan.run.workdir import Workdir, code_hash, versions
from jaxgan.state import GANState
from jaxgan.system import compilation, output, processes, signals
from jaxgan.system.command_line import parse_all
from jaxgan.system.errors import PREEMPTED, UserError, exits, with_flags
from jaxgan.system.limits import require_devices
from jaxgan.system.pieces import kind_of
from jaxgan.system.random import pinned

THROUGH_AUGMENTATION = (
    "an older version took the penalty's gradient by the augmented images: from here on it is by the raw ones"
)
EXIT_CODES = {"done": 0, "preempted": PREEMPTED}
LOCAL = frozenset(
    {
        *("coordinator", "process_id", "data", "data_dir", "inception_weights", "efficientnet_weights"),
        *("workdir", "quiet", "progress", "diagnose_every"),
    }
)
"""Settings that may differ from process to process: what each calls the files, and what it shows."""


class Result(NamedTuple):
    """How a run ended.

    Attributes:
        status: "done" or "preempted".
        state: the last state.
        workdir: the folder that holds everything else.
    """

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
    penalty: Callable[..., jax.Array] | None = None,
    augment: Callable[..., jax.Array] | None = None,
    update: Callable[..., Any] | None = None,
    generator_optimizer: optax.GradientTransformation | None = None,
    discriminator_optimizer: optax.GradientTransformation | None = None,
    extractor: Extractor | None = None,
    labels: Mapping[str, str] | None = None,
) -> Result:
    """Train, or go on with the run that is in ``config.workdir``.

    Each piece of your own takes the place of the one that the config names. The run's config.json keeps a
    label of it, so that a run never silently goes on with another piece.

    Args:
        config: all settings.
        dataset: your own data set, in place of the one that ``config.data`` names.
        generator: your own module ``(latents, labels, *, train) -> images``.
        discriminator: your own module ``(images, labels, *, train) -> logits [B]``.
        loss: your own pair with fields ``discriminator`` and ``generator``.
        penalty: your own ``(critic, real, fake, *, keys, step) -> [B]``.
        augment: your own ``(images, *, keys, step) -> images``.
        update: your own update rule (`jaxgan.updates`).
        generator_optimizer: your own optimizer of the generator.
        discriminator_optimizer: your own optimizer of the discriminator.
        extractor: your own extractor of features, for evaluations.
        labels: labels of your own pieces by the argument's name. A piece without one is labelled by its
            type, its name and the numbers that it was made with (`jaxgan.run.labels`).

    Returns:
        The `Result`. Its status is "preempted" if a signal asked for an end; everything is saved then.

    Raises:
        UserError: if the settings, the pieces and the data do not fit each other or the run in the folder;
            nothing is written then.
    """
    if not isinstance(config, Config):
        raise UserError(f"`config` is a jaxgan.Config(...), got {kind_of(config)}")
    if extractor is not None and not isinstance(extractor, Extractor):
        kind = kind_of(extractor)
        raise UserError(f"`extractor` is one of jaxgan.features.get or from_function, got {kind}")
    join(config)
    pieces = Pieces(
        generator, discriminator, loss, penalty, augment, update, generator_optimizer, discriminator_optimizer
    )
    own = labels_of({**pieces._asdict(), "extractor": extractor}, labels or {})
    require_devices()
    with processes.fail_together(), pinned():
        return _run(config.check(), dataset, pieces, extractor, own)


def join(config: Config) -> None:
    """Connect this process to the others that the config speaks of; this comes before any use of a device."""
    if config.distributed and not config.dry_run:
        processes.join(config.coordinator, config.num_processes, config.process_id)


def _run(
    config: Config,
    dataset: data.Dataset | None,
    pieces: Pieces,
    extractor: Extractor | None,
    own: dict[str, str],
) -> Result:
    first = processes.is_first()
    if not first:  # the other processes leave diagnoses to process 0
        config = config.replace(diagnose_every=None)

    processes.require_same(
        {
            "code": code_hash() if config.distributed else None,
            **versions(),
            **config.settings(),
            "own pieces": own,
        },
        but=LOCAL,
        cure="start all of them with the same code and settings",
    )
    dataset, experiment, plan = _prepare(config, dataset, pieces, extractor)

    # The folder.
    own_data = dataset.name != spelled(config.data)
    settings = config.asked(
        dataset.name if own_data else located(config.data),
        fingerprint(dataset, conditional=config.conditional),
        own,
        own_data=own_data,
    )
    weights = None if plan is None else plan.protocol.get("extractor_hash")
    processes.require_same(settings["fingerprint"], cure="give all of them the same data")
    processes.require_same(
        {"weights of the extractor": weights}, cure="give all of them one cache folder (JAXGAN_CACHE)"
    )
    opened = Workdir(config.workdir, settings, practical=PRACTICAL, upgrade=upgrade, writes=first)
    processes.gather("open")
    folder = opened if first else opened.follow()
    processes.gather("every log is open")  # the checkpoints' own barrier would not hear of a failure
    with (
        folder,
        signals.listen() as stop,
        Checkpoints(folder.path / "checkpoints", keep=config.keep) as checkpoints,
    ):
        processes.log_to(folder.log)

        def train(rollbacks: int) -> tuple[str, GANState]:
            keys = run_keys(config.seed, rollbacks=rollbacks)
            run = Run(config, dataset, experiment, folder, checkpoints, stop, keys, plan)
            return _train(run, rollbacks)

        status, state = nan.guard(train, config, len(dataset.images), folder.path)
    return Result(status, state, folder.path)


def _prepare(
    config: Config,
    dataset: data.Dataset | None = None,
    pieces: Pieces = build.NONE,
    extractor: Extractor | None = None,
) -> tuple[data.Dataset, build.Experiment, EvaluationPlan | None]:
    """Return the data, the networks and the plan of their evaluations; what does not fit is refused here."""
    dataset = build.dataset(config, dataset)
    experiment = placement.place(build.experiment(config, dataset, pieces), config)
    with processes.first_goes_ahead():  # the others find in the cache what it has trained or extracted
        plan = evaluation_plan.plan(config, dataset, extractor)
    return dataset, experiment, plan


def _train(run: Run, rollbacks: int) -> tuple[str, GANState]:
    config, experiment, folder, checkpoints = run.config, run.experiment, run.folder, run.checkpoints

    # The state, new or from the newest checkpoint.
    saved = checkpoints.latest_step()
    if saved is None:
        folder.require_new()
    checkpoints.require_space(experiment.shapes, 1 + config.steps // config.save_every)
    state = experiment.init(run.keys.init) if saved is None else checkpoints.restore(experiment.shapes)
    step = int(state.step)
    folder.trim_metrics(step)
    folder.write_status("running", step)

    with _feed(run, step) as batches, Recorder(run, start=step) as recorder:
        evaluations = Evaluations(run, recorder, start=step)
        notes = (
            *run.dataset.notes,
            *folder.notes,
            *[THROUGH_AUGMENTATION] * (folder.is_older and bool(config.augment) and config.penalty != "none"),
            *experiment.notes,
            *checkpoints.notes,
            *placement.notes(config),
            *(run.plan.notes if run.plan else ()),
            *nan.notes(rollbacks),
        )
        diagnosis = Diagnosis(run, recorder, start=step)
        recorder.introduce(placement.describe(experiment.mesh), notes, step, new=saved is None)

        # The loop.
        if step < config.steps and not evaluations.stop_reason:
            state = _loop(run, state, batches, recorder, evaluations, diagnosis)
            step = int(state.step)

        # The end: whatever the intervals, the last step is evaluated, saved, exported and drawn.
        evaluations.measure(step, state, last=step >= config.steps)
        if jax.process_count() == 1:  # of several processes, all would have to read checkpoints
            evaluations.rebuild(step, state)
        checkpoints.save(step, state, best=processes.first(evaluations.best))
        checkpoints.wait()  # before anything else: a second signal may come at any time
        recorder.publish(step, networks_of(state))
        reason = evaluations.stop_reason or ""
        if not reason and step < config.steps:
            status = "preempted"
            recorder.say(f"stopped at step {step:,}; the same command goes on from there")
        else:
            status = "done"
            recorder.finish(step, recorder.draw(parallel.local(state.ema)))
            recorder.say(f"done at step {step:,}{reason and f', as {reason}'}: see {folder.path}")
    # Each process waits until all of them have written their records.
    signal_names = processes.gather(run.stop.signal and run.stop.signal.name)
    folder.write_status(status, step, next(filter(None, signal_names), reason))
    return status, state


def _feed(run: Run, start: int) -> contextlib.AbstractContextManager[Feed]:
    config = run.config
    return feed(
        run.dataset,
        seed=config.seed,
        batch_size=config.images_per_step,
        conditional=config.conditional,
        start=start,
        device_bytes=config.device_data * 1e9,
        mesh=run.experiment.mesh,
    )


class Call(NamedTuple):
    """One call of the compiled loop.

    Attributes:
        step: the step that it ends at.
        steps: number of its steps.
    """

    step: int
    steps: int

    def due(self, every: int) -> bool:
        """Return whether an event that happens every `every` steps is due at the end of this call."""
        return self.step % every == 0


def _loop(
    run: Run,
    state: GANState,
    feed: Feed,
    recorder: Recorder,
    evaluations: Evaluations,
    diagnosis: Diagnosis,
) -> GANState:
    """Train until `config.steps`, or until a signal or an evaluation asks for an end.

    The host's work on a call's results waits in `late`, and is done while the device runs the next call.
    """
    config, experiment, checkpoints = run.config, run.experiment, run.checkpoints
    key = parallel.replicate(run.keys.train, experiment.mesh)
    began = time.perf_counter()
    advance = parallel.compile_run(experiment.step, feed.batch_at, state, feed.shapes, key, experiment.mesh)
    recorder.say(f"compiled the step in {time.perf_counter() - began:.1f} s")

    def ends() -> bool:
        return bool(run.stop or evaluations.stop_reason)

    intervals = (config.log_every, config.sample_every, config.save_every)
    intervals += evaluations.intervals + diagnosis.intervals
    late: list[Callable[[], None]] = []
    recorder.start()
    for count, call in enumerate(_calls(int(state.step), config.steps, intervals, feed, recorder, ends)):
        profiled = config.profile and count == 2  # after two calls, everything is warmed up
        with recorder.profiling() if profiled else contextlib.nullcontext():
            state, metrics = advance(state, feed.take(call.steps), key, call.steps)
            if profiled:
                jax.block_until_ready(metrics)
        _do(late)
        images = recorder.draw(parallel.local(state.ema)) if call.due(config.sample_every) else None
        is_best = evaluations.measure(call.step, state)
        stops = bool(evaluations.stop_reason)
        late.append(partial(recorder.call_ended, call.step, call.steps, metrics, images, stops))
        late.extend(diagnosis.look(call.step, state))
        if is_best or (call.due(config.save_every) and call.step < config.steps):
            _do(late)  # the records up to a checkpoint are on disk before it
            checkpoints.save(call.step, state, best=processes.first(evaluations.best))
            late.append(partial(recorder.publish, call.step, networks_of(state)))
    _do(late)
    recorder.progress.close()
    return state


def _calls(
    step: int,
    last: int,
    intervals: tuple[int, ...],
    feed: Feed,
    recorder: Recorder,
    ends: Callable[[], bool],
) -> Iterator[Call]:
    """Yield the calls from a step to the last one; no call goes past a step at which something is due.

    The first of several processes decides the length of each call, and any of them may ask for the end.
    """
    while step < last:
        to_event = min(interval - step % interval for interval in intervals)
        steps = min(recorder.pace.steps_per_call, feed.most_steps, last - step, to_event)
        proposals = processes.gather((steps, ends()))
        if any(end for _, end in proposals):
            return
        steps = proposals[0][0]
        step += steps
        yield Call(step, steps)


def _do(late: list[Callable[[], None]]) -> None:
    while late:
        late.pop(0)()


def main(default: Config, description: str | None, args: list[str] | None = None) -> NoReturn:
    """Run the config of an experiment file, with changes from the command line, and end with an exit code.

    Exit codes: 0 done, 1 failed, 2 a mistake of the user's, 75 preempted but saved, 130 interrupted before
    the start. One sentence explains a mistake of the user's, a full disk and NaN.
    """
    config, game = parse_all([default, default.game], description=description or "", args=args)
    start(config.replace(game=game))


def start(config: Config, dataset: data.Dataset | None = None) -> NoReturn:
    """Run a config from the command line, or say what it would cost, and end with an exit code.

    Args:
        config: all settings.
        dataset: the data set that ``config.data`` names, if it has been loaded already.
    """
    with exits(OSError, NotFiniteError):
        if config.compilation_cache:
            compilation.keep_programs()
        if config.dry_run:
            require_devices()
            with pinned():
                config = config.check()
                dataset, experiment, _ = _prepare(config, dataset)
                output.write(cost.dry_run(config, experiment))
                for note in (*dataset.notes, *experiment.notes):
                    output.write(f"note: {with_flags(note)}")
            sys.exit(0)
        sys.exit(EXIT_CODES[run(config, dataset=dataset).status])
    raise AssertionError
