"""Several processes, usually one on each host, that train one GAN together.

XLA's collectives keep the devices in step: they average gradients and statistics. The processes must agree on
other things too: how many steps the next call takes, whether to stop, which step is the best. Such facts go
through JAX's coordination service, where waiting costs the devices nothing. Process 0 decides, and it alone
writes files.

A process that fails ends at once. The others wait for it in a collective, and notice when its connections
close. An orderly exit would in turn wait for them, for minutes.
"""

import contextlib
import itertools
import json
import os
import re
import socket
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import jax
from jax._src import distributed  # Orbax uses its key-value store too; it has no public name
from jax.experimental import multihost_utils

from jaxgan.system import output
from jaxgan.system.errors import FAILED, INTERRUPTED, USER_ERROR, UserError, with_flags

JOIN_SECONDS = 300  # the longest time that a process waits for the others at the start
HEARTBEAT_SECONDS = 20  # a process that is silent for longer counts as dead
DEADLINE_SECONDS = 20  # the longest time that a failing process may spend on saving
PATIENCE_SECONDS = 10  # a wait for the others that takes longer is a line of the log
_POLL_SECONDS = 2
_FAILED = "jaxgan/failed"
_LOST = re.compile(
    r"Gloo|heartbeat|unhealthy|UNAVAILABLE|Barrier |[Cc]onnection (closed|reset)|Socket closed"
)
_counter = itertools.count()
_logs: list[Callable[[str], None]] = []


class OtherProcessError(RuntimeError):
    """Another process has failed, with a message of its error, or it is gone."""


def join(coordinator: str | None, num_processes: int | None, process_id: int | None) -> None:
    """Connect to the other processes; a second call does nothing.

    Args:
        coordinator: ``host:port`` of process 0; with None, JAX asks the cluster (SLURM, TPU, Open MPI, ...).
        num_processes: the number of processes in all.
        process_id: the number of this process, from 0.

    This process ends with one sentence if the others do not come within `JOIN_SECONDS`.

    Raises:
        UserError: if neither the arguments nor the cluster say where the other processes are, or if another
            program has taken the port.
    """
    if jax.distributed.is_initialized():
        return
    loopback = coordinator is not None and coordinator.rsplit(":", 1)[0] in ("127.0.0.1", "localhost")
    if coordinator is not None:
        _, colon, port = coordinator.rpartition(":")
        if not colon or not port.isdecimal() or not 0 < int(port) < 2**16:
            raise UserError(f"`coordinator` is host:port, got {coordinator}")
        if process_id == 0:
            _require_port(int(port), "127.0.0.1" if loopback else "")
    # Past its own limit, JAX ends the process with a trace of C++.
    patience = threading.Timer(JOIN_SECONDS, _give_up, [coordinator, num_processes])
    patience.daemon = True
    patience.start()
    try:
        jax.distributed.initialize(
            coordinator,
            num_processes,
            process_id,
            initialization_timeout=2 * JOIN_SECONDS,
            heartbeat_timeout_seconds=HEARTBEAT_SECONDS,
            coordinator_bind_address=coordinator if loopback else None,  # None listens on every interface
        )
    except (ValueError, TypeError, RuntimeError) as error:
        advice = "give `coordinator`, `num_processes` and `process_id`"
        raise UserError(f"`distributed`: {str(error).splitlines()[0]} ({advice})") from error
    finally:
        patience.cancel()


def _require_port(port: int, host: str) -> None:
    """Raise `UserError` if a port cannot be listened at; the coordination service would end with a crash."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as after a run that has just ended
        try:
            listener.bind((host, port))
            listener.listen()
        except OSError as error:
            raise UserError(
                f"`coordinator`: port {port} cannot be used ({error.strerror}): give another one to all"
            ) from error


def _give_up(coordinator: str | None, number: int | None) -> None:
    """End this process, which waits for others inside the runtime."""
    who = "the processes" if number is None else f"the {number} processes"
    where = "one another" if coordinator is None else coordinator
    line = f"error: `distributed`: {who} have not all found {where} within {JOIN_SECONDS} s"
    advice = "start each of them once, with a number of its own, and look at their logs"
    output.write(with_flags(f"{line}: {advice}"), error=True)
    output.flush()
    os._exit(FAILED)


def is_first() -> bool:
    """Return whether this is process 0, the one that writes and decides."""
    return jax.process_index() == 0


def gather(value: Any) -> list[Any]:
    """Return the values of all processes in their order; every process has to call this.

    Args:
        value: this process's value, which JSON can hold.
    """
    if jax.process_count() == 1:
        return [value]
    client: Any = distributed.global_state.client
    count, me = next(_counter), jax.process_index()
    client.key_value_set(f"jaxgan/{count}/{me}", json.dumps(value))
    keys = [f"jaxgan/{count}/{i}" for i in range(jax.process_count())]
    values = [json.loads(_wait(client, key, i)) for i, key in enumerate(keys)]
    if count > 0:
        client.key_value_delete(f"jaxgan/{count - 1}/{me}")  # by now every process has read it
    return values


def first(value: Any) -> Any:
    """Return the value of process 0; every process has to call this."""
    return gather(value)[0]


def require_same(facts: Mapping[str, Any], *, cure: str, but: Collection[str] = ()) -> None:
    """Refuse to go on where the processes differ; every process has to call this.

    Args:
        facts: what has to be the same everywhere, as JSON can hold it, by names for the message.
        cure: what to do about a difference.
        but: names in `facts` that may differ.

    Raises:
        UserError: on all processes, with the first difference.
    """
    everywhere = gather({name: value for name, value in facts.items() if name not in but})
    for i, other in enumerate(everywhere):
        for name in dict.fromkeys([*everywhere[0], *other]):
            own, others = everywhere[0].get(name), other.get(name)
            if own != others:
                raise UserError(f"process {i} has another {name} than process 0 ({others}, {own}): {cure}")


def joined(arrays: Any) -> Any:
    """Return the arrays of all processes in their order, one after the other; every process has to call this.

    Args:
        arrays: this process's arrays ``[rows, ...]``, a tree of the same shapes on each; they travel from
            device to device.
    """
    return multihost_utils.process_allgather(arrays, tiled=True)


@contextlib.contextmanager
def first_goes_ahead() -> Iterator[None]:
    """Let process 0 do the body before the others, which then find in the cache what it has made."""
    if not is_first():
        gather("after process 0")
    yield
    if is_first():
        gather("after process 0")


def _wait(client: Any, key: str, process: int) -> str:
    """Return the value that a process gives under a key.

    Waits without limit, but raises if that process has reported a failure.
    """
    for waited in itertools.count(_POLL_SECONDS, _POLL_SECONDS):
        with contextlib.suppress(jax.errors.JaxRuntimeError):  # no value yet
            return client.blocking_key_value_get(key, 1000 * _POLL_SECONDS)
        with contextlib.suppress(jax.errors.JaxRuntimeError):
            raise OtherProcessError(client.key_value_try_get(_FAILED))
        if waited == PATIENCE_SECONDS:
            _log(f"waits for process {process}, which is busy or gone")
    raise AssertionError


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Log what the body waits for, if that takes long; JAX may end this process before the body is done.

    Args:
        what: the wait in words, such as "waits for all processes to save".
    """
    if jax.process_count() == 1:
        yield
        return
    patience = threading.Timer(PATIENCE_SECONDS, _log, [f"{what}: one of them is busy or gone"])
    patience.daemon = True
    patience.start()
    try:
        yield
    finally:
        patience.cancel()


def lost(error: BaseException, doing: str = "") -> OtherProcessError | None:
    """Return what to raise in place of an error that comes of another process's end; None for other errors.

    Args:
        error: an error of JAX or of Orbax, which say so in their texts alone.
        doing: what the processes were doing, such as " while a checkpoint was written".
    """
    if jax.process_count() == 1 or not _LOST.search(str(error)):
        return None
    reason = str(error).strip().split("\n")[0]
    return OtherProcessError(
        f"another process ended or cannot be reached{doing}: its log may say why, and the same command goes "
        f"on from the last whole checkpoint ({reason})"
    )


def _log(line: str) -> None:
    for log in _logs:
        log(line)


def log_to(log: Callable[[str], None]) -> None:
    """Choose the function that logs what happens between processes."""
    _logs[:] = [log]


@contextlib.contextmanager
def fail_together() -> Iterator[None]:
    """End this process at once where the body raises, so that the other processes end too.

    A single process raises as usual.
    """
    try:
        yield
    except BaseException as error:
        if not jax.distributed.is_initialized() or jax.process_count() == 1:
            raise
        if isinstance(error, jax.errors.JaxRuntimeError):
            error = lost(error) or error
        expected = UserError, OSError, ArithmeticError, OtherProcessError  # such as a full disk, or NaN
        if isinstance(error, expected):
            output.write(f"error: {with_flags(str(error))}", error=True)
        else:
            output.write(traceback.format_exc().rstrip(), error=True)
        codes = {UserError: USER_ERROR, KeyboardInterrupt: INTERRUPTED}
        output.flush()
        within_deadline(lambda: _report(error))
        os._exit(next((code for kind, code in codes.items() if isinstance(error, kind)), FAILED))


def _report(error: BaseException) -> None:
    """Report this process's failure; process 0 runs the service, so it waits until the others have polled."""
    if isinstance(error, OtherProcessError):
        return
    client: Any = distributed.global_state.client
    text = f"process {jax.process_index()} failed: {type(error).__name__}: {error}"
    client.key_value_set(_FAILED, text)
    if is_first():
        time.sleep(2 * _POLL_SECONDS)


def within_deadline(work: Callable[[], Any]) -> None:
    """Call a function that may wait for a dead process, for `DEADLINE_SECONDS` at most."""

    def attempt() -> None:
        with contextlib.suppress(Exception):  # the first failure is reported, not this one
            work()

    worker = threading.Thread(target=attempt, daemon=True)
    worker.start()
    worker.join(DEADLINE_SECONDS)
