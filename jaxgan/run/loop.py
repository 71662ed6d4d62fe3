"""The loop of a run: what happens between its first step and its last."""

import contextlib
import time
from collections.abc import Callable
from functools import partial

import jax

from jaxgan import data, parallel
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.run import evaluation
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.diagnosis import Monitor
from jaxgan.run.recorder import Recorder
from jaxgan.state import GANState
from jaxgan.system import processes, signals


def train_steps(
    config: Config,
    experiment: Experiment,
    feed: data.Feed,
    state: GANState,
    key: jax.Array,
    recorder: Recorder,
    watcher: evaluation.Watch,
    monitor: Monitor,
    checkpoints: Checkpoints,
    asked: signals.Preemption,
) -> GANState:
    """Train until `config.steps`, or until somebody asks for an end; results are fetched one call late.

    Of several processes, the first decides how long each call is, and anyone may ask for the end.
    """
    step, key = int(state.step), parallel.replicate(key, experiment.mesh)
    began = time.perf_counter()
    advance = parallel.compile_run(experiment.step, feed.batch_at, state, feed.shapes, key, experiment.mesh)
    recorder.say(f"compiled the step in {time.perf_counter() - began:.1f} s")

    own = config.log_every, config.sample_every, config.save_every
    intervals = own + watcher.intervals + monitor.intervals
    late: list[Callable[[], None]] = []  # the host's work, done while the device is at the next call
    calls = 0
    recorder.progress.start()
    while step < config.steps:
        to_event = min(interval - step % interval for interval in intervals)
        steps = min(recorder.progress.steps_per_call, feed.most_steps, config.steps - step, to_event)
        wishes = processes.gather((steps, bool(asked or watcher.why)))
        if any(ends for _, ends in wishes):
            break
        steps = wishes[0][0]
        profiled = config.profile and calls == 2  # the calls before have warmed up
        trace = jax.profiler.trace(recorder.path / "profile") if profiled else contextlib.nullcontext()
        with trace:
            state, metrics = advance(state, feed.take(steps), key, steps)
            if profiled:
                jax.block_until_ready(metrics)
        step, calls = step + steps, calls + 1
        _do(late)
        images = recorder.draw(parallel.local(state.ema)) if step % config.sample_every == 0 else None
        is_best = processes.first(watcher.measure(step, parallel.local(state.ema)))
        late.append(partial(recorder.call_ended, step, steps, metrics, images, bool(watcher.why)))
        late.extend(monitor.look(step, parallel.local(state)))
        if is_best or (step % config.save_every == 0 and step < config.steps):
            _do(late)  # what belongs to a checkpoint is on disk before it
            checkpoints.save(step, state, best=processes.first(watcher.best))
            late.append(partial(recorder.publish, step, jax.device_get(state.ema)))
    _do(late)
    recorder.progress.close()
    return state


def _do(late: list[Callable[[], None]]) -> None:
    while late:
        late.pop(0)()
