"""Several processes, usually one on each host, that train one GAN together.

Their devices keep step by themselves: XLA's collectives average what has to be averaged. What else the
processes must agree on (how many steps the next call takes, whether to stop, which step is the best) goes
through JAX's coordination service, where waiting costs the devices nothing. Process 0 decides, and writes.

A process that fails has to end at once: the others wait in a collective for it, and notice when its
connections close. An orderly exit would wait for them in turn, for minutes.

References:
    JAX, https://docs.jax.dev/en/latest/multi_process.html
"""

import contextlib
import itertools
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import jax
from jax._src import distributed  # its key-value store is what Orbax uses too; there is no public name

from jaxgan.system.errors import FAILED, INTERRUPTED, USER_ERROR, UserError

HEARTBEAT_SECONDS = 20  # after which a process that says nothing is taken for dead
DEADLINE_SECONDS = 20  # for what a failing process still has to save
_POLL_SECONDS = 2
_FAILED = "jaxgan/failed"
_counter = itertools.count()


_logs: list[Callable[[str], None]] = []


class OtherProcessError(RuntimeError):
    """Another process has failed; the message is its."""


def join(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Connect to the other processes; a second call does nothing.

    Args:
        coordinator: ``host:port`` of process 0; None: JAX asks the cluster (SLURM, TPU, Open MPI, ...).
        num_processes: in all.
        process_id: of this one.

    Raises:
        UserError: if it is not known who the others are.
    """
    if jax.distributed.is_initialized():
        return
    loopback = coordinator is not None and coordinator.rsplit(":", 1)[0] in ("127.0.0.1", "localhost")
    try:
        jax.distributed.initialize(
            coordinator,
            num_processes,
            process_id,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            coordinator_bind_address=coordinator if loopback else None,  # or it listens everywhere
        )
    except (ValueError, TypeError, RuntimeError) as error:
        advice = "give --coordinator, --num-processes and --process-id"
        raise UserError(f"--distributed: {str(error).splitlines()[0]} ({advice})") from error


def is_first() -> bool:
    """Return whether this is process 0, the one that writes and decides."""
    return jax.process_index() == 0


def gather(value: Any) -> list[Any]:
    """Return what every process gave, in their order; all of them have to call this.

    Args:
        value: plain JSON.
    """
    if jax.process_count() == 1:
        return [value]
    client: Any = distributed.global_state.client
    count, me = next(_counter), jax.process_index()
    client.key_value_set(f"jaxgan/{count}/{me}", json.dumps(value))
    keys = [f"jaxgan/{count}/{i}" for i in range(jax.process_count())]
    values = [json.loads(_wait(client, key, i)) for i, key in enumerate(keys)]
    if count > 0:
        client.key_value_delete(f"jaxgan/{count - 1}/{me}")  # who has come this far has read it
    return values


def first(value: Any) -> Any:
    """Return what process 0 gave; all of them have to call this."""
    return gather(value)[0]


def _wait(client: Any, key: str, process: int) -> str:
    """Return what a process gives under a key: it may evaluate for long, but not fail."""
    for waited in itertools.count(_POLL_SECONDS, _POLL_SECONDS):
        with contextlib.suppress(jax.errors.JaxRuntimeError):  # not yet there
            return client.blocking_key_value_get(key, 1000 * _POLL_SECONDS)
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            raise OtherProcessError(client.key_value_try_get(_FAILED))
        if waited == 10:
            tell(f"waits for process {process}, which is busy or gone")
    raise AssertionError


def tell(line: str) -> None:
    """Write a line where `log_to` says."""
    for log in _logs:
        log(line)


def log_to(log: Callable[[str], None]) -> None:
    """Choose where what happens between processes is logged."""
    _logs[:] = [log]


@contextlib.contextmanager
def fail_together() -> Iterator[None]:
    """End this process, if it is one of several, at once if what is inside raises: then the others end too.

    With one process nothing is changed.
    """
    try:
        yield
    except BaseException as error:
        if jax.process_count() == 1:
            raise
        if isinstance(error, (UserError, OSError, ArithmeticError)):  # a full disk and NaN among them
            print(f"error: {error}", file=sys.stderr)
        else:
            traceback.print_exc()
        codes = {UserError: USER_ERROR, KeyboardInterrupt: INTERRUPTED}
        sys.stdout.flush()
        sys.stderr.flush()
        within_deadline(lambda: _leave_word(error))
        os._exit(next((code for kind, code in codes.items() if isinstance(error, kind)), FAILED))


def _leave_word(error: BaseException) -> None:
    """Tell the others why; who has the service that carries the word stays until they have polled it."""
    if isinstance(error, OtherProcessError):
        return
    client: Any = distributed.global_state.client
    text = f"process {jax.process_index()} failed: {type(error).__name__}: {error}"
    client.key_value_set(_FAILED, text)
    if is_first():
        time.sleep(2 * _POLL_SECONDS)


def within_deadline(work: Callable[[], Any]) -> None:
    """Do what may wait for a process that is gone, but not for longer than `DEADLINE_SECONDS`."""

    def attempt() -> None:
        with contextlib.suppress(Exception):  # another failure is being told already
            work()

    worker = threading.Thread(target=attempt, daemon=True)
    worker.start()
    worker.join(DEADLINE_SECONDS)
