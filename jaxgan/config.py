"""What can be set, what is allowed, and the command line. The only file that knows tyro."""

import dataclasses
import difflib
import importlib.util
import math
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import tyro

from jaxgan.system.errors import UserError


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of a run. The comment behind each field is its help text."""

    data: str = "digits"  # digits; a TFDS name (mnist, ...); a folder of pictures; an .npz file
    image_size: str | None = None  # pixels, H or HxW: pictures are cut around their centre and resized
    channels: int | None = None  # 1 grey, 3 colour; None: as the pictures are
    strict: bool = False  # refuse a folder with a file that cannot be read, instead of leaving it out
    data_dir: str | None = None  # where TFDS data sets are; None: $TFDS_DATA_DIR or ~/tensorflow_datasets
    device_data: float = 2.0  # GB: larger data sets are streamed to the device, batch by batch
    conditional: bool = False  # learn the classes too: both networks are given the labels
    network: str = "mlp"  # network family of both players
    width: int = 64  # channels next to the image (dcgan)
    discriminator_norm: str = "batch"  # normalisation in the discriminator: batch, spectral or none (dcgan)
    latent_dim: int = 100  # length of a latent vector
    loss: str = "non_saturating"  # adversarial loss
    penalty: str = "none"  # penalty on the discriminator
    penalty_weight: float = 1.0  # weight of the penalty (r1: gamma)
    augment: str = "none"  # of all that the discriminator sees: color,translation,cutout (any of them) or ada
    augment_p: float = 0.2  # probability of each of ada's transformations
    steps: int = 6000  # generator updates in all, those of earlier calls included
    batch_size: int = 128  # images per update, over all devices
    d_steps: int = 1  # discriminator updates per generator update, each on fresh images
    accumulate: int = 1  # parts of a batch whose gradients are computed one after the other, in less memory
    update: str = "alternating"  # order of the players' moves, or what they move by
    update_weight: float = 0.1  # of consensus and symplectic: their weight; of unrolled: its step size
    unrolled_steps: int = 5  # of the discriminator, which an unrolled generator sees ahead
    precision: str = "float32"  # of the networks' arithmetic in training: float32 or bfloat16
    optimizer: str = "adam"  # of both players
    generator_learning_rate: float = 2e-4  # step size
    discriminator_learning_rate: float = 2e-4  # step size
    beta1: float = 0.5  # decay of the gradient average (adam), momentum (sgd)
    beta2: float = 0.999  # decay of the squared-gradient average (adam, rmsprop)
    learning_rate_schedule: str = "constant"  # over generator updates
    decay_steps: int | None = None  # generator updates until a linear or cosine schedule reaches zero
    gradient_clip: float | None = None  # largest global norm of a gradient
    ema_decay: float = 0.999  # decay per step of the generator's average weights; short at the start
    evaluate_every: int | None = None  # steps between evaluations; None: the run is not evaluated
    metrics: str = "fid"  # what is measured at an evaluation, with commas between
    evaluate_n: int = 2000  # fakes of an evaluation, and reals at most
    extractor: str | None = None  # network that makes features; None: the one that goes with the data set
    inception_weights: str | None = None  # file of the 2015 Inception's weights, which makes features then
    efficientnet_weights: str | None = None  # the same of EfficientNet-Lite0, for colour photographs
    stop_at: str | None = None  # stop when an evaluation says so, such as fid=12
    patience: int | None = None  # stop after as many evaluations without a new best
    diagnose_every: int | None = 200  # steps between looks for trouble, such as mode collapse; None: none
    devices: str = "all"  # how many devices share each batch: all or a number
    parallel: str = "auto"  # how they share it: auto (the compiler spreads the batch) or pmap
    distributed: bool = False  # one of several processes that train together (SLURM, TPU, Open MPI, ...)
    coordinator: str | None = None  # host:port of process 0, where the cluster does not say who is who
    num_processes: int | None = None  # in all, with --coordinator
    process_id: int | None = None  # of this one, with --coordinator
    seed: int = 0  # of weights, latents and data order
    workdir: str = "runs/gan"  # run folder; the same command on the same folder goes on with the run
    log_every: int = 50  # steps
    sample_every: int = 500  # steps
    save_every: int = 1000  # steps
    keep: int = 3  # newest checkpoints to keep
    on_nan: str = "stop"  # where training meets NaN: stop, or rollback to the last checkpoint and draw anew
    rollbacks: int = 3  # how often, in the whole run
    progress: bool = True  # a bar on a terminal; plain lines without it
    quiet: bool = False  # print nothing but mistakes (log.txt has all)
    tensorboard: bool = False  # write for TensorBoard too (pip install tensorboardX)
    compilation_cache: bool = True  # keep compiled programs in the user's cache folder
    profile: bool = False  # write a jax.profiler trace of a few steps to the run folder
    dry_run: bool = False  # print settings, parameters, FLOPs and checkpoint size, and stop

    def check(self) -> None:
        """Refuse values out of range.

        Raises:
            UserError: naming the option, the range and the value.
        """
        for name in ("width", "latent_dim", "steps", "batch_size", "d_steps", "accumulate"):
            self._require(name, "at least 1", self._at_least(name, 1))
        for name in ("log_every", "sample_every", "save_every", "keep"):
            self._require(name, "at least 1", self._at_least(name, 1))
        for name in ("generator_learning_rate", "discriminator_learning_rate"):
            value = getattr(self, name)
            self._require(name, "a positive number", math.isfinite(value) and value > 0)
        for name in ("beta1", "beta2", "ema_decay"):
            self._require(name, "at least 0 and below 1", 0 <= getattr(self, name) < 1)
        self._require("devices", "all or a number", self.devices == "all" or self.devices.isdecimal())
        self._require("augment_p", "a probability, 0 to 1", 0 <= self.augment_p <= 1)
        for name in ("penalty_weight", "update_weight"):
            value = getattr(self, name)
            self._require(name, "0 or a positive number", math.isfinite(value) and value >= 0)
        clip = self.gradient_clip
        self._require(
            "gradient_clip", "a positive number", clip is None or (math.isfinite(clip) and clip > 0)
        )
        self._require("device_data", "0 or more", self.device_data >= 0)
        self._require("decay_steps", "at least 1", self.decay_steps is None or self.decay_steps >= 1)
        for name in ("rollbacks", "unrolled_steps"):
            self._require(name, "at least 0", self._at_least(name, 0))
        for name in ("evaluate_every", "diagnose_every"):
            every = getattr(self, name)
            self._require(name, "at least 1", every is None or every >= 1)
        self._require("evaluate_n", "at least 2", self.evaluate_n >= 2)
        self._require("seed", "at least 0 and below 2**32", 0 <= self.seed < 2**32)
        if self.learning_rate_schedule != "constant" and self.decay_steps is None:
            raise UserError(f"a {self.learning_rate_schedule} learning rate needs --decay-steps")
        who = (self.coordinator, self.num_processes, self.process_id)
        if any(value is not None for value in who) and (None in who or not self.distributed):
            raise UserError("--coordinator, --num-processes and --process-id go together, with --distributed")
        if self.distributed and (self.devices, self.parallel) != ("all", "auto"):
            raise UserError("--distributed takes --devices all and --parallel auto")
        if self.tensorboard and importlib.util.find_spec("tensorboardX") is None:
            raise UserError("--tensorboard needs tensorboardX: pip install tensorboardX")
        if (self.steps + 1) * self.batch_size * self.d_steps >= 2**32:
            raise UserError("steps x batch size x d_steps is limited to 2**32 images in all")

    def replace(self, **changes: Any) -> "Config":
        """Return a copy with other values."""
        return dataclasses.replace(self, **changes)

    def asked(self, source: str, shape: Sequence[int], own: dict[str, Any]) -> dict[str, Any]:
        """Return what a run's numbers depend on, as its config.json holds it.

        Args:
            source: name of the data set.
            shape: of its images.
            own: pieces in place of ours by name; None for ours.
        """
        used = [name for name, piece in own.items() if piece is not None]
        return dataclasses.asdict(self.replace(data=source)) | {"images": list(shape), "own": used}

    def _at_least(self, name: str, least: int) -> bool:
        return getattr(self, name) >= least

    def _require(self, name: str, what: str, holds: bool) -> None:
        if not holds:
            raise UserError(f"{option(name)} must be {what}, got {getattr(self, name)}")


Settings = TypeVar("Settings")

Positional, Appended, argument = tyro.conf.Positional, tyro.conf.UseAppendAction, tyro.conf.arg

PRACTICAL = {"steps", "workdir", "data_dir", "device_data", "log_every", "sample_every", "save_every", "keep"}
PRACTICAL |= {"evaluate_every", "diagnose_every", "stop_at", "patience", "on_nan", "rollbacks"}
PRACTICAL |= {"devices", "parallel", "distributed", "coordinator", "num_processes", "process_id"}
PRACTICAL |= {"compilation_cache", "progress", "quiet", "tensorboard", "profile", "dry_run"}
"""Fields that a run may change when it goes on: they have no part in what is computed at each step."""

DEFAULTS = dataclasses.asdict(Config())


def parse_size(size: str | None) -> tuple[int, int] | None:
    """Return height and width of "32" or "32x48", or None for None.

    Raises:
        UserError: for anything else.
    """
    if size is None:
        return None
    match = re.fullmatch(r"(\d+)(?:x(\d+))?", size)
    if match is None:
        raise UserError(f"--image-size is H or HxW in pixels, such as 32 or 32x48, got {size}")
    return int(match[1]), int(match[2] or match[1])


def option(field: str) -> str:
    """Return the command line's spelling of a field."""
    return "--" + field.replace("_", "-")


def choose(field: str, name: str, known: Iterable[str]) -> str:
    """Return the known name that `name` means (hyphens count as underscores).

    Raises:
        UserError: with the nearest name and the list, if there is none.
    """
    known = list(known)
    if (spelled := name.replace("-", "_")) in known:
        return spelled
    near = difflib.get_close_matches(spelled, known, 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise UserError(f"{option(field)} {name} is unknown: {hint}there are {', '.join(known)}")


def parse(default: Settings, *, description: str, args: Sequence[str] | None = None) -> Settings:
    """Read the command line of an experiment; unknown options end the program with exit code 2.

    Args:
        default: a frozen dataclass, `Config` or an experiment's own.
        description: the help's first lines.
        args: in the place of the command line's.
    """
    return tyro.cli(type(default), default=default, description=description, args=_expanded(args))


def call(
    commands: dict[str, Any], *, program: str, description: str, args: Sequence[str] | None = None
) -> Any:
    """Call the one of `commands` that the command line names, with its arguments."""
    return tyro.extras.subcommand_cli_from_dict(
        commands,
        prog=program,
        description=description,
        args=_expanded(args),
        config=(tyro.conf.PositionalRequiredArgs,),
    )


def _expanded(args: Sequence[str] | None) -> list[str]:
    """Return a command line with the ``~`` of ``--option=~/path`` replaced, which shells leave as it is."""
    parts = [argument.partition("=") for argument in (sys.argv[1:] if args is None else args)]
    return [name + equals + os.path.expanduser(value) for name, equals, value in parts]
