"""Saving and restoring a state. The only file that knows Orbax.

Saves are asynchronous: `Checkpoints.save` returns when the arrays are copied, and writing goes on while
training does. A save is durable only after it has been waited for, so a `Checkpoints` is always closed: use
``with``.

A checkpoint is a folder ``<step>/``: ``state/`` holds the arrays, ``meta/`` the shape, dtype and fingerprint
of each (`jaxgan.run.checksums`). A checkpoint whose arrays differ from these is renamed ``corrupt-<step>``,
and the one before it is used.
"""

import contextlib
import itertools
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, LatestN

from jaxgan.run.checksums import DamagedError, describe, differences, not_finite, seal, unseal
from jaxgan.run.nan import NotFiniteError
from jaxgan.run.orbax_noise import hushed, mute, settle
from jaxgan.state import named_leaves, with_leaves
from jaxgan.system import processes
from jaxgan.system.errors import UserError
from jaxgan.system.files import as_text, free_space
from jaxgan.system.limits import nbytes, require_space

FORMAT_VERSION = 2
State = TypeVar("State")  # a GANState, or any other pytree of arrays


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: folder with one folder per step, made if missing. Other files in it are left alone.
        keep: number of newest checkpoints to keep, >= 1; the best one is kept besides.

    Attributes:
        notes: lines for the user about damaged checkpoints.
    """

    def __init__(self, folder: Path, *, keep: int = 3):
        mute()
        self.notes: list[str] = []
        self._folder, self._keep = folder.resolve(), keep
        self._best = _Best()
        self._text = contextlib.ExitStack()
        with self._writing():
            self._folder.mkdir(parents=True, exist_ok=True)
            self._manager = ocp.CheckpointManager(
                self._text.enter_context(as_text(self._folder)),
                item_handlers={"state": ocp.StandardCheckpointHandler(), "meta": ocp.JsonCheckpointHandler()},
                options=ocp.CheckpointManagerOptions(
                    preservation_policy=AnyPreservationPolicy([LatestN(keep), self._best]),
                    cleanup_tmp_directories=True,
                    step_name_format=_OnlyCheckpoints(),
                ),
            )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and jax.process_count() > 1:  # the processes that a save waits for may be gone
            return processes.within_deadline(self._manager.close)
        with self._text, self._writing():
            self._manager.close()

    def latest_step(self) -> int | None:
        """Return the step of the newest checkpoint, or None; waits for a save that is under way."""
        self.wait()
        return processes.first(max(steps_in(self._folder), default=None))

    def require_space(self, state: Any, saves: int) -> None:
        """Raise `UserError` if the disk has no room for the checkpoints of a run.

        Args:
            state: a state, or its shapes.
            saves: largest number of checkpoints that the run makes, those on disk included.
        """
        # Besides the newest, the best is kept, and a new one is written before an old one is deleted.
        most = min(self._keep + 2, saves)
        new = max(1, most - len(steps_in(self._folder)))
        require_space(self._folder, new * nbytes(state), f"room for {new} checkpoints")

    def save(self, step: int, state: Any, *, best: int | None = None) -> None:
        """Start to save the state; it may be donated as soon as this returns. A saved step is left alone.

        Args:
            step: the state's step.
            state: the state.
            best: step of the best checkpoint so far, which is kept besides the newest ones.

        Raises:
            NotFiniteError: if the state holds NaN or infinity; nothing is saved then.
            OSError: if this save, or the one before, cannot be written.
            OtherProcessError: if another process ended while it was written.
        """
        self.wait()
        self._best.step = best
        if processes.first(step in steps_in(self._folder)):
            return
        leaves = named_leaves(state)
        if names := not_finite(leaves):
            raise NotFiniteError(names, step)
        if processes.first((self._folder / str(step)).exists()):
            self._set_aside(step)
        meta = seal({"format_version": FORMAT_VERSION, "step": step, "leaves": describe(leaves)})
        state_and_meta = {"state": ocp.args.StandardSave(leaves), "meta": ocp.args.JsonSave(meta)}
        with self._writing(), processes.waiting(f"waits for all processes to save step {step:,}"):
            self._manager.save(
                step,
                args=ocp.args.Composite(**state_and_meta),
                force=True,
            )

    def wait(self) -> None:
        """Return when every save is on disk."""
        with self._writing(), processes.waiting("waits for all processes to end a save"):
            self._manager.wait_until_finished()
        processes.gather("saved")

    def restore(self, like: State) -> State:
        """Return the state of the newest sound checkpoint; damaged newer ones are renamed and noted.

        Args:
            like: a state of the same structure, or its shapes (`jax.eval_shape`); the arrays are placed as
                its leaves are.

        Raises:
            UserError: if there is no checkpoint, if none is sound (all are left as they are then), or if the
                newest has other leaves, shapes or dtypes. The message names the differences; nothing is cast.
        """
        self.wait()  # the newest may still be under way
        damaged: dict[int, str] = {}
        for step in sorted(steps_in(self._folder), reverse=True):
            try:
                leaves = read(self._folder / str(step), named_leaves(like))
            except DamagedError as error:
                damaged[step] = str(error)
                continue
            for damaged_step, reason in damaged.items():
                name = self._set_aside(damaged_step).name
                self.notes.append(
                    f"checkpoint {damaged_step:,} is damaged ({reason}): kept as {name}, not used"
                )
            return with_leaves(like, leaves)
        if not damaged:
            raise UserError(f"there is no checkpoint in {self._folder}")
        reasons = "; ".join(f"{step}: {reason}" for step, reason in damaged.items())
        raise UserError(
            f"no checkpoint in {self._folder} is sound ({reasons}): move the run away to start over"
        )

    def _set_aside(self, step: int) -> Path:
        names = (f"corrupt-{step}" + f"-{i}" * (i > 1) for i in itertools.count(1))
        free = next(path for name in names if not (path := self._folder / name).exists())
        if processes.is_first():
            (self._folder / str(step)).rename(free)
        free = self._folder / processes.first(free.name)
        self._manager.reload()
        return free

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        reason = gone = None
        try:
            yield
        except Exception as error:  # Orbax reports a failed write by any of a dozen types
            reason = str(error).strip().split("\n")[0]
            gone = processes.lost(error, " while a checkpoint was written")
        if gone is not None:
            raise gone
        if reason is not None:
            settle()
            raise OSError(
                f"cannot write a checkpoint to {self._folder}, {free_space(self._folder)}: {reason}"
            )


class _Best:
    """A preservation policy that keeps the best checkpoint; Orbax's own forgets it when it is closed."""

    step: int | None = None

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> list[bool]:
        del context
        return [checkpoint.step == self.step for checkpoint in checkpoints]


class _OnlyCheckpoints(ocp.path.step.NameFormat):
    """Orbax's names of steps, without folders that hold no checkpoint: retention would delete those."""

    def __init__(self):
        self._standard = ocp.path.step.standard_name_format()

    def build_name(self, step: int) -> str:
        return self._standard.build_name(step)

    def find_all(self, base_path: Any) -> Iterator[Any]:
        steps = steps_in(Path(base_path))
        return (metadata for metadata in self._standard.find_all(base_path) if metadata.step in steps)

    def find_step(self, base_path: Any, step: int) -> Any:
        return self._standard.find_step(base_path, step)


def steps_in(folder: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder, sound or damaged, in no order."""
    if not folder.is_dir():
        return []
    return [
        int(path.name)
        for path in folder.iterdir()
        if path.name.isdecimal() and any((path / item).exists() for item in ("state", "meta"))
    ]


def read(folder: Path, expected: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the arrays of one checkpoint by name, all of them as they were saved.

    Args:
        folder: the checkpoint's folder; its name is the step.
        expected: arrays by name, or their shapes and dtypes (and shardings), that the checkpoint should hold;
            None accepts any.

    Raises:
        DamagedError: if the checkpoint is not as it was saved.
        UserError: if its format is another, or if it does not hold the expected arrays.
    """
    try:
        meta = unseal(json.loads((folder / "meta/metadata").read_bytes()))
        version, saved = meta["format_version"], dict(meta.get("leaves", {}))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        _require_readable(folder)
        raise DamagedError(f"its description cannot be read: {type(error).__name__}") from error
    if version != FORMAT_VERSION:
        raise UserError(f"checkpoint {folder} has format {version}; this version reads {FORMAT_VERSION}")
    if str(meta["step"]) != folder.name:
        raise DamagedError(f"its description is of step {meta['step']}")
    if differing := [] if expected is None else differences(saved, expected):
        more = f", and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise UserError(f"{folder} is a checkpoint of another model: {'; '.join(differing[:3])}{more}")
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    shapes = {name: jax.ShapeDtypeStruct(shape, dtype) for name, (dtype, shape, _) in saved.items()}
    targets = {
        name: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=getattr(x, "sharding", None) or device)
        for name, x in (expected or shapes).items()
    }
    leaves, reason = {}, None
    mute()
    with hushed():
        try:
            with (
                ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer,
                as_text(folder.resolve()) as named,
            ):
                arguments = ocp.args.StandardRestore(targets)
                leaves = checkpointer.restore(named / "state", args=arguments)
        except (MemoryError, jax.errors.JaxRuntimeError):  # the device has no room: no damage
            raise
        except Exception as error:  # every layer below has its own exceptions for every kind of damage
            reason = type(error).__name__
    if reason is not None:
        settle()
        _require_readable(folder)
        raise DamagedError(f"its arrays cannot be read: {reason}")
    descriptions = describe(leaves)
    if changed := [name for name in saved if descriptions.get(name) != saved[name]]:
        raise DamagedError(f"{changed[0]} has changed on disk")
    return leaves


def _require_readable(folder: Path) -> None:
    """Raise `UserError` if this user may not read a file of a checkpoint, which is no damage."""
    for path in (folder, *folder.rglob("*")):
        if path.exists() and not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
            raise UserError(f"{path} may not be read by this user")
