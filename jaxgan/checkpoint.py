"""Saving and restoring a `GANState`. The only file that knows Orbax.

Saves are asynchronous: `Checkpoints.save` returns when the arrays are copied, and writing goes on while
training does. A save is durable only once it is waited for, so a `Checkpoints` is always closed: use
``with``.
"""

import math
from pathlib import Path
from typing import Any

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, BestN, LatestN

from jaxgan.errors import UserError
from jaxgan.state import GANState, named_leaves, with_leaves

FORMAT_VERSION = 1


class Checkpoints:
    """The checkpoints of one run.

    Args:
        folder: holds one folder per step; made if missing.
        keep: how many of the newest to keep, >= 1; the best one is kept besides.
    """

    def __init__(self, folder: Path, *, keep: int = 3):
        best = BestN(
            n=1,
            get_metric_fn=lambda metrics: metrics["score"],
            reverse=True,  # less is better
            keep_checkpoints_without_metrics=False,
        )
        self._manager = ocp.CheckpointManager(
            folder.resolve(),
            item_handlers={"state": ocp.StandardCheckpointHandler(), "meta": ocp.JsonCheckpointHandler()},
            options=ocp.CheckpointManagerOptions(
                preservation_policy=AnyPreservationPolicy([LatestN(keep), best]),
                cleanup_tmp_directories=True,
            ),
        )

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        self._manager.close()

    def latest_step(self) -> int | None:
        """Return the step of the newest checkpoint, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: GANState, score: float | None = None) -> None:
        """Start to save the state; it may be donated as soon as this returns. A saved step is left alone.

        Args:
            step: of the state.
            state: to save.
            score: by which the best is found, less is better; None or not finite is never the best.
        """
        if step in self._manager.all_steps():
            return
        self._manager.save(
            step,
            args=ocp.args.Composite(
                state=ocp.args.StandardSave(named_leaves(state)),
                meta=ocp.args.JsonSave({"format_version": FORMAT_VERSION}),
            ),
            metrics={"score": score} if score is not None and math.isfinite(score) else None,
            force=True,
        )

    def wait(self) -> None:
        """Return when every save is on disk."""
        self._manager.wait_until_finished()

    def restore(self, like: GANState) -> GANState:
        """Return the newest checkpoint's state.

        Args:
            like: a state, or its shapes (`jax.eval_shape`), of the structure that was saved.

        Raises:
            UserError: if there is no checkpoint, or one of other leaves, shapes or dtypes: the differences
                are named, and nothing is cast.
        """
        self.wait()  # the newest may still be on its way
        step = self.latest_step()
        if step is None:
            raise UserError(f"there is no checkpoint in {self._manager.directory}")
        wanted = named_leaves(like)
        self._check_leaves(step, wanted)
        device = jax.sharding.SingleDeviceSharding(jax.devices()[0])
        targets = {
            name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device)
            for name, leaf in wanted.items()
        }
        restored = self._manager.restore(
            step, args=ocp.args.Composite(state=ocp.args.StandardRestore(targets))
        )
        return with_leaves(like, restored["state"])

    def _check_leaves(self, step: int, wanted: dict[str, Any]) -> None:
        saved = dict(self._manager.item_metadata(step)["state"].tree)
        differences = []
        for name in sorted(wanted.keys() | saved.keys(), key=lambda name: ("/params/" not in name, name)):
            old, new = saved.get(name), wanted.get(name)
            if old is None:
                differences.append(f"{name} is missing")
            elif new is None:
                differences.append(f"{name} is not in this model")
            elif (tuple(old.shape), old.dtype) != (new.shape, new.dtype):
                differences.append(
                    f"{name} is {old.dtype}{list(old.shape)}, not {new.dtype}{list(new.shape)}"
                )
        if differences:
            more = f", and {len(differences) - 3} more" if len(differences) > 3 else ""
            raise UserError(f"checkpoint {step} is of another model: {'; '.join(differences[:3])}{more}")
