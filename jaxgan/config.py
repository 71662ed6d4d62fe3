"""All settings of a run, each with its help text, its choices and its range in one place."""

import dataclasses
import importlib.util
import json
import math
from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

from jaxgan import names
from jaxgan.rules import Rules
from jaxgan.system.errors import UserError, choose, plain
from jaxgan.system.settings import GIVEN, Info, Size, converted, info_of, parse_size, setting, types_of


def _devices(text: str) -> int | str:
    return int(text) if text.isdecimal() else text


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in _listed(text))
    except ValueError:
        raise UserError(f"`hidden` is a list of widths, such as 128,128, got {text}") from None


POSITIVE: dict[str, Any] = {"within": (0, None), "open_ends": (True, False)}
SCHEDULED: dict[str, Any] = {"learning_rate_schedule": ("constant",)}  # where a final value is idle
ADAMS = {"optimizer": ("adam", "optimistic_adam")}
COUNT: dict[str, Any] = {"within": (1, None)}
NOT_NEGATIVE: dict[str, Any] = {"within": (0, None)}
DECAY: dict[str, Any] = {"within": (0, 1), "open_ends": (False, True)}

_data = partial(setting, group="data")
_networks = partial(setting, group="networks")
_game = partial(setting, group="game")
_training = partial(setting, group="training")
_optimizer = partial(setting, group="optimizer")
_evaluation = partial(setting, group="evaluation")
_folder = partial(setting, group="run folder")
_machine = partial(setting, group="machine")


def _term(default: float, help: str, *, of: str, limits: Mapping[str, Any] = NOT_NEGATIVE) -> Any:
    """Make the setting of a number of a term, which members of a sweep may differ in."""
    return _game(default, help, sweep="together", only={"terms": (of,)}, **limits)


@dataclasses.dataclass(frozen=True)
class Config:
    """All settings of a run.

    Values have Python's types: ``Config(image_size=(32, 48), devices=1, metrics=("fid", "kid"))``. Texts
    as on the command line, such as "32x48" and "fid,kid", are understood too.
    """

    data: str = _data(
        "digits",
        "digits, ring or grid; a TFDS name (mnist, ...); a folder of pictures; an .npz or .npy file; a table",
        practical=True,
        sweep="same",
    )
    image_size: Size | None = _data(
        None,
        "pixels: pictures are cut around their center and resized",
        metavar="H|HxW",
        practical=True,
        sweep="same",
        read=parse_size,
    )
    channels: int | None = _data(
        None, "1 for gray, 3 for color; None: as the pictures are", practical=True, sweep="same"
    )
    conditional: bool = _data(False, "learn the classes too: both networks are given the labels")
    mirror: bool = _data(False, "flip each training image left to right with probability 1/2, at each use")
    strict: bool = _data(
        False,
        "refuse a folder with a file that cannot be read, instead of leaving the file out",
        practical=True,
        sweep="same",
    )
    held_out: float = _data(
        0.0,
        "share of the images that is not trained on, for metrics that need unseen ones (memorisation)",
        within=(0, 1),
        open_ends=(False, True),
    )
    data_dir: str | None = _data(
        None,
        "folder of TFDS data sets; None: $TFDS_DATA_DIR or ~/tensorflow_datasets",
        practical=True,
        sweep="same",
    )
    device_data: float = _data(
        2.0,
        "gigabytes: larger data sets are streamed to the device, batch by batch",
        practical=True,
        sweep="same",
        **NOT_NEGATIVE,
    )

    network: str = _networks("mlp", "network family of both players", choices=names.FAMILIES)
    width: int = _networks(
        64,
        "channels next to the image (r3gan: a multiple of 8; biggan, biggan_deep: a quarter or half; "
        "fastgan: at 128x128)",
        only={"network": tuple(name for name in names.FAMILIES if name != "mlp")},
        **COUNT,
    )
    hidden: tuple[int, ...] | None = _networks(
        None,
        "widths of the dense hidden layers of both networks, such as 128,128; None: the family's own",
        metavar="INT,...",
        only={"network": ("mlp", "dcgan")},
        read=_numbers,
    )
    discriminator_norm: str = _networks(
        "batch",
        "normalization in the discriminator (fastgan: beside its spectral normalization)",
        choices=("batch", "spectral", "none"),
        only={"network": ("dcgan", "fastgan")},
    )
    latent_dim: int = _networks(100, "length of a latent vector", **COUNT)
    precision: str = _networks("float32", "the networks' arithmetic in training", choices=names.PRECISIONS)

    loss: str = _game("non_saturating", "adversarial loss", choices=names.LOSSES)
    penalty: str = _game("none", "penalty on the discriminator", choices=names.PENALTIES)
    penalty_weight: float = _game(
        1.0,
        "weight of the penalty (r1: gamma)",
        sweep="together",
        idle={"penalty": ("none",)},
        **NOT_NEGATIVE,
    )
    final_penalty_weight: float | None = _game(
        None,
        "the penalty's weight at the end of the schedule; None: it stays",
        idle={"penalty": ("none",)} | SCHEDULED,
        **NOT_NEGATIVE,
    )
    penalty_every: int = _game(
        1,
        "steps between penalties, each that many times as heavy (StyleGAN2: 16)",
        idle={"penalty": ("none",)},
        **COUNT,
    )
    augment: tuple[str, ...] = _game(
        (),
        "augmentations of what the discriminator sees, with commas between; none for none",
        choices=names.AUGMENTATIONS,
        multiple=True,
        read=_listed,
    )
    augment_p: float = _game(
        0.2,
        "probability of each of bgc's transformations",
        only={"augment": ("bgc",)},
        idle={"augment_target": (GIVEN,)},
        within=(0, 1),
    )
    final_augment_p: float | None = _game(
        None,
        "bgc's probability at the end of the schedule; None: it stays",
        only={"augment": ("bgc",)},
        idle=SCHEDULED | {"augment_target": (GIVEN,)},
        within=(0, 1),
    )
    augment_target: float | None = _game(
        None,
        "mean sign of the real logits to which bgc's probability adapts, from 0 on (StyleGAN2-ADA: 0.6)",
        sweep="together",
        only={"augment": ("bgc",)},
        within=(-1, 1),
    )
    augment_speed: float = _game(
        500.0,
        "thousands of images in which the adaptive probability can go from 0 to 1",
        sweep="together",
        only={"augment_target": (GIVEN,)},
        **POSITIVE,
    )
    terms: tuple[str, ...] = _game(
        (),
        "further losses of either player, with commas between (icr: bcr,zcr); none for none",
        choices=names.TERMS,
        multiple=True,
        read=_listed,
    )
    path_length_weight: float = _term(2.0, "weight of path_length", of="path_length")
    lecam_weight: float = _term(0.3, "weight of lecam", of="lecam")
    lecam_decay: float = _term(0.99, "decay per step of lecam's running means", of="lecam", limits=DECAY)
    lecam_start: int = _game(1000, "step from which lecam counts", only={"terms": ("lecam",)}, **NOT_NEGATIVE)
    bcr_weight: float = _term(10.0, "weight of bcr, of real images and of fakes", of="bcr")
    zcr_weight: float = _term(20.0, "weight of zcr's part of the discriminator", of="zcr")
    zcr_generator_weight: float = _term(0.5, "weight of zcr's part of the generator", of="zcr")
    zcr_noise: float = _term(0.05, "standard deviation of zcr's change of a latent", of="zcr")
    top_k_decay: float = _term(
        0.99, "share of top_k's fakes that is left after an epoch", of="top_k", limits={"within": (0, 1)}
    )
    top_k_least: float = _term(
        0.5, "smallest share of a batch's fakes in top_k", of="top_k", limits={"within": (0, 1)}
    )
    centering_weight: float = _term(0.01, "weight of centering", of="centering")
    decoders_weight: float = _term(1.0, "weight of decoders (fastgan)", of="decoders")
    gradient_normalization_decay: float = _term(
        0.9, "decay per step of gradient_normalization's mean", of="gradient_normalization", limits=DECAY
    )
    orthogonal_weight: float = _term(1e-4, "weight of orthogonal (its beta)", of="orthogonal")
    d_steps: int = _game(1, "discriminator updates per generator update, each on fresh images", **COUNT)
    update: str = _game(
        "alternating",
        "update rule: how the players' gradients become updates",
        choices=names.UPDATES,
    )
    consensus_weight: float = _game(
        0.1, "weight of consensus (its gamma)", only={"update": ("consensus",)}, **NOT_NEGATIVE
    )
    symplectic_weight: float = _game(
        1.0, "weight of symplectic (its lambda)", only={"update": ("symplectic",)}, **NOT_NEGATIVE
    )
    unrolled_steps: int = _game(
        5,
        "discriminator steps that the generator looks ahead in unrolled",
        only={"update": ("unrolled",)},
        **NOT_NEGATIVE,
    )
    unrolled_learning_rate: float = _game(
        0.1,
        "step size of the discriminator steps in unrolled",
        only={"update": ("unrolled",)},
        **NOT_NEGATIVE,
    )

    steps: int = _training(
        6000, "generator updates in all, those of earlier calls included", practical=True, **COUNT
    )
    batch_size: int = _training(128, "images per update, over all devices", **COUNT)
    accumulate: int = _training(
        1, "parts of a batch whose gradients are computed one after the other, in less memory", **COUNT
    )
    fresh_reals: bool = _training(
        False, "the generator's update takes real images, and labels, of its own (R3GAN)"
    )
    generator_batch: int = _training(
        1, "batches of fakes that the generator's update takes (SNGAN: 2)", **COUNT
    )
    ema_decay: float = _training(
        0.999,
        "decay per step of the generator's average weights; short at the start",
        sweep="together",
        idle={"ema_half_life": (GIVEN,)},
        **DECAY,
    )
    ema_half_life: float | None = _training(
        None,
        "images in which old weights lose half of their share of the average, instead of ema_decay",
        sweep="together",
        **NOT_NEGATIVE,
    )
    final_ema_half_life: float | None = _training(
        None,
        "the half-life at the end of the schedule; None: it stays",
        only={"ema_half_life": (GIVEN,)},
        idle=SCHEDULED,
        **NOT_NEGATIVE,
    )
    ema_ramp: float | None = _training(
        0.05,
        "largest half-life as a share of the images so far (StyleGAN2: 0.05); None: no such limit",
        only={"ema_half_life": (GIVEN,)},
        **POSITIVE,
    )
    seed: int = _training(
        0, "seed of weights, latents and data order", sweep="together", within=(0, 2**32 - 1)
    )

    optimizer: str = _optimizer("adam", "optimizer of both players", choices=names.OPTIMIZERS)
    generator_learning_rate: float = _optimizer(
        2e-4, "the generator's step size", sweep="together", **POSITIVE
    )
    discriminator_learning_rate: float = _optimizer(
        2e-4, "the discriminator's step size", sweep="together", **POSITIVE
    )
    learning_rate_schedule: str = _optimizer(
        "constant",
        "schedule over generator updates of both learning rates, and of what has a final value",
        choices=names.SCHEDULES,
    )
    decay_steps: int | None = _optimizer(
        None,
        "generator updates until the schedule reaches the final values",
        idle=SCHEDULED,
        **COUNT,
    )
    final_learning_rate_share: float = _optimizer(
        0.0,
        "share of both learning rates at the end of the schedule; 1: they stay",
        sweep="together",
        idle=SCHEDULED,
        **NOT_NEGATIVE,
    )
    gradient_clip: float | None = _optimizer(None, "largest global norm of a gradient", **POSITIVE)
    beta1: float = _optimizer(
        0.5, "adam: decay of the gradient average", sweep="together", only=ADAMS, **DECAY
    )
    beta2: float = _optimizer(
        0.999,
        "adam: decay of the squared-gradient average",
        sweep="together",
        only=ADAMS,
        **DECAY,
    )
    final_beta2: float | None = _optimizer(
        None, "beta2 at the end of the schedule; None: it stays", only=ADAMS, idle=SCHEDULED, **DECAY
    )
    momentum: float = _optimizer(
        0.0, "sgd and rmsprop: momentum", only={"optimizer": ("sgd", "rmsprop")}, **DECAY
    )
    rmsprop_decay: float = _optimizer(
        0.99,
        "rmsprop: decay of the squared-gradient average",
        sweep="together",
        only={"optimizer": ("rmsprop",)},
        **DECAY,
    )

    evaluate_every: int | None = _evaluation(
        None,
        "steps between evaluations; None: the run is not evaluated",
        practical=True,
        sweep="never",
        **COUNT,
    )
    metrics: tuple[str, ...] = _evaluation(
        ("fid",),
        "metrics of an evaluation, with commas between",
        metavar="NAME,...",
        sweep="same",
        multiple=True,
        read=_listed,
    )
    evaluate_n: int = _evaluation(
        2000, "fakes of an evaluation, and real images at most", sweep="same", within=(2, None)
    )
    extractor: str | None = _evaluation(
        None, "network that computes features; None: the one that goes with the data set", sweep="same"
    )
    inception_weights: str | None = _evaluation(
        None, "file of the 2015 Inception's weights, to compute features with it", sweep="same"
    )
    efficientnet_weights: str | None = _evaluation(
        None, "file of EfficientNet-Lite0's weights, for features of color photographs", sweep="same"
    )
    stop_at: str | None = _evaluation(
        None, "stop when a metric is at most a number, such as fid=12", practical=True, sweep="never"
    )
    patience: int | None = _evaluation(
        None,
        "stop after this number of evaluations without a new best",
        practical=True,
        sweep="never",
        **COUNT,
    )
    diagnose_every: int | None = _evaluation(
        200,
        "steps between looks for trouble, such as mode collapse; None: none",
        practical=True,
        sweep="same",
        **COUNT,
    )

    workdir: str = _folder(
        "runs/gan",
        "run folder; the same command on the same folder goes on with the run",
        practical=True,
        sweep="never",
    )
    log_every: int = _folder(50, "steps between rows of metrics.jsonl", practical=True, sweep="same", **COUNT)
    sample_every: int = _folder(500, "steps between sample grids", practical=True, sweep="same", **COUNT)
    save_every: int = _folder(1000, "steps between checkpoints", practical=True, sweep="same", **COUNT)
    keep: int = _folder(3, "newest checkpoints to keep", practical=True, sweep="same", **COUNT)
    on_nan: str = _folder(
        "stop",
        "at NaN: stop, or go back to the last checkpoint and go on with other random numbers",
        choices=("stop", "rollback"),
        practical=True,
        sweep="never",
    )
    rollbacks: int = _folder(
        3,
        "largest number of rollbacks in the whole run",
        practical=True,
        sweep="never",
        only={"on_nan": ("rollback",)},
        **NOT_NEGATIVE,
    )
    tensorboard: bool = _folder(
        False, "write for TensorBoard too (pip install tensorboardX)", practical=True, sweep="never"
    )
    track: tuple[str, ...] = _folder(
        (),
        "trackers that get the metrics as well, with commas between (pip install them); none for none",
        choices=names.TRACKERS,
        multiple=True,
        read=_listed,
        practical=True,
        sweep="never",
    )
    profile: bool = _folder(
        False, "write a jax.profiler trace of a few steps to the run folder", practical=True, sweep="never"
    )
    progress: bool = _folder(
        True, "show a bar on a terminal, instead of plain lines", practical=True, sweep="same"
    )
    quiet: bool = _folder(
        False, "print nothing but errors (log.txt has everything)", practical=True, sweep="same"
    )

    devices: int | Literal["all"] = _machine(
        "all",
        "how many devices share each batch",
        metavar="all|INT",
        practical=True,
        sweep="never",
        read=_devices,
    )
    parallel: str = _machine(
        "auto",
        "how devices share a batch: the compiler spreads it, or pmap does",
        choices=("auto", "pmap"),
        practical=True,
        sweep="never",
    )
    shard_states: bool = _machine(
        False,
        "each device keeps a share of the optimizers' statistics and of the average weights",
        practical=True,
        sweep="never",
        only={"parallel": ("auto",)},
    )
    distributed: bool = _machine(
        False,
        "this is one of several processes that train together (SLURM, TPU, Open MPI, ...)",
        practical=True,
        sweep="never",
    )
    coordinator: str | None = _machine(
        None,
        "host:port of process 0, where the cluster does not say who is who",
        practical=True,
        sweep="never",
    )
    num_processes: int | None = _machine(
        None, "number of processes, with --coordinator", practical=True, sweep="never"
    )
    process_id: int | None = _machine(
        None, "number of this process, with --coordinator", practical=True, sweep="never"
    )
    compilation_cache: bool = _machine(
        True, "keep compiled programs in the user's cache folder", practical=True, sweep="never"
    )
    dry_run: bool = _machine(
        False,
        "print settings, parameters, FLOPs and checkpoint size, and stop",
        practical=True,
        sweep="never",
    )

    game: Rules = Rules()
    """The game that is played, with its own options; its fields are settings too."""

    def __post_init__(self):
        if not isinstance(self.game, Rules):
            raise UserError(f"`game` is one of jaxgan.rules, such as InfoGAN(), got {self.game!r:.60}")
        for name, info in INFO.items():
            value = converted(name, getattr(self, name), TYPES[name], info)
            object.__setattr__(self, name, value)
        if isinstance(self.image_size, int):
            object.__setattr__(self, "image_size", (self.image_size, self.image_size))
        for name in ("augment", "terms", "track"):
            if [plain(each) for each in getattr(self, name)] == ["none"]:
                object.__setattr__(self, name, ())
        names_of = {"icr": ("bcr", "zcr")}
        listed = [each for name in self.terms for each in names_of.get(plain(name), (name,))]
        object.__setattr__(self, "terms", tuple(dict.fromkeys(listed)))
        # The older name of bgc, which does not adapt.
        renamed = tuple("bgc" if plain(name) == "ada" else name for name in self.augment)
        object.__setattr__(self, "augment", renamed)

    @property
    def images_per_step(self) -> int:
        """The number of real images that one step takes, over all devices."""
        return self.batch_size * (self.d_steps + self.fresh_reals * self.generator_batch)

    def check(self) -> "Config":
        """Return the config with its names spelled as in `jaxgan.names`.

        Raises:
            UserError: for an unknown name, a value out of range, or a setting without effect.
        """
        spelled: dict[str, Any] = {}
        for name, info in INFO.items():
            value = getattr(self, name)
            if info.choices is not None:
                if info.multiple:
                    spelled[name] = tuple(choose(name, each, info.choices) for each in value)
                else:
                    spelled[name] = choose(name, value, info.choices)
            _check_range(name, value, info)
        for name, info in info_of(type(self.game)).items():
            _check_range(name, getattr(self.game, name), info)
        config = self.replace(**spelled)
        config._check_together()
        config.game.check(config)
        for name in config.without_effect():
            other, needed = config._without(name)[0]
            value, has = _text(getattr(config, name)), _text(config.settings()[other])
            needs = f": it needs {' or '.join(map(str, needed))}" if needed else ""
            raise UserError(f"`{name}` {value} has no effect with `{other}` {has}{needs}")
        return config

    def _check_together(self) -> None:
        if self.devices != "all" and not (isinstance(self.devices, int) and self.devices >= 1):
            raise UserError(f"`devices` must be all or at least 1, got {self.devices}")
        if self.hidden is not None and (not self.hidden or min(self.hidden) < 1):
            raise UserError(f"`hidden` takes widths of at least 1, got {_text(self.hidden)}")
        if self.learning_rate_schedule != "constant" and self.decay_steps is None:
            raise UserError(f"a {self.learning_rate_schedule} learning rate needs `decay_steps`")
        cluster = (self.coordinator, self.num_processes, self.process_id)
        if any(value is not None for value in cluster) and (None in cluster or not self.distributed):
            raise UserError("`coordinator`, `num_processes` and `process_id` go together, with `distributed`")
        if self.distributed and (self.devices, self.parallel) != ("all", "auto"):
            raise UserError("`distributed` takes `devices` all and `parallel` auto")
        if self.distributed and self.shard_states:
            raise UserError("`shard_states` takes the devices of one process: leave out `distributed`")
        if self.tensorboard and importlib.util.find_spec("tensorboardX") is None:
            raise UserError("`tensorboard` needs tensorboardX: pip install tensorboardX")
        for tracker in self.track:
            if importlib.util.find_spec(tracker) is None:
                raise UserError(f"`track` {tracker} needs the package {tracker}: pip install {tracker}")
        if (self.steps + 1) * self.images_per_step >= 2**32:
            raise UserError("`steps` times the real images of a step is limited to 2**32 images in all")

    def without_effect(self) -> list[str]:
        """Return the names of the settings that differ from their default, but have no effect."""
        names = [name for name, info in INFO.items() if getattr(self, name) != DEFAULTS[name]]
        return [name for name in names if self._without(name)]

    def _without(self, name: str) -> list[tuple[str, tuple[Any, ...]]]:
        """Return the settings that leave a setting without effect, each with the values that it needs."""

        def chosen(other: str) -> set[Any]:
            value = getattr(self, other)
            values = set(value) if isinstance(value, tuple) else {value}
            return values if value is None else values | {GIVEN}

        info = INFO[name]
        lacking: list[tuple[str, tuple[Any, ...]]] = [("game", ())] * (name in self.game.IDLE)
        lacking += [(other, of) for other, of in info.only.items() if not set(of) & chosen(other)]
        return lacking + [(other, ()) for other, of in info.idle.items() if set(of) & chosen(other)]

    def without_dead(self, default: "Config") -> "Config":
        """Return the config with each setting of `default` that has no effect at its own default.

        An experiment's ``penalty_weight=0.002`` is no mistake of a user who runs it with ``--penalty none``.
        """
        dead = [name for name in self.without_effect() if getattr(self, name) == getattr(default, name)]
        return self.replace(**{name: DEFAULTS[name] for name in dead})

    def replace(self, **changes: Any) -> "Config":
        """Return a copy with other values; the game's own options are named like any other setting."""
        own = {name: changes.pop(name) for name in info_of(type(self.game)) if name in changes}
        if own:
            changes["game"] = dataclasses.replace(changes.get("game", self.game), **own)
        return dataclasses.replace(self, **changes)

    @property
    def infos(self) -> dict[str, Info]:
        """What each setting says of itself, the game's own options among them."""
        return INFO | info_of(type(self.game))

    @property
    def types(self) -> dict[str, Any]:
        """The type of each setting, the game's own options among them."""
        return TYPES | types_of(type(self.game))

    def settings(self) -> dict[str, Any]:
        """Return all settings by name, the game's own among them, with the game's name as ``"game"``."""
        values = {name: getattr(self, name) for name in INFO}
        return values | {"game": self.game.NAME} | dataclasses.asdict(self.game)

    def asked(
        self, source: str, fingerprint: Mapping[str, Any], own: Mapping[str, str], *, own_data: bool = False
    ) -> dict[str, Any]:
        """Return the content of a run's config.json: everything that the run's numbers depend on.

        Args:
            source: where the data are: an absolute path, or the name of a data set.
            fingerprint: what tells the data from others (`jaxgan.data.Dataset.fingerprint`).
            own: labels of the user's own pieces.
            own_data: whether the user gave the data set in Python, where no other program finds it.
        """
        content = self.replace(data=source).settings() | {"own_data": own_data}
        return content | {"fingerprint": dict(fingerprint), "own": dict(own)}


INFO: dict[str, Info] = info_of(Config)
TYPES: dict[str, Any] = types_of(Config)
DEFAULTS: dict[str, Any] = {
    field.name: field.default for field in dataclasses.fields(Config) if field.name in INFO
}
PRACTICAL = frozenset(name for name, info in INFO.items() if info.practical) | {"own_data"}
"""Settings that a run may change when it goes on: no step's numbers depend on them. Where the data come from
is one of them, since their content is compared."""


def upgrade(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a run's config.json as this version would have written it.

    Settings that the run's version did not have yet get the value that the run was made with.

    Raises:
        UserError: if the content is not a run's settings.
    """
    saved = dict(saved)
    if "images" in saved:  # all that older versions kept of the data
        saved["fingerprint"] = {"images": saved.pop("images")}
    if "update_weight" in saved:  # one setting of three rules, and momentum was Adam's beta1
        weight, update = saved.pop("update_weight"), saved.get("update")
        renamed = {
            "consensus": "consensus_weight",
            "symplectic": "symplectic_weight",
            "unrolled": "unrolled_learning_rate",
        }
        if isinstance(update, str) and update in renamed:
            saved[renamed[update]] = weight
        if saved.get("optimizer") == "sgd":
            saved["momentum"] = saved.get("beta1", 0.5)
        if saved.get("optimizer") == "rmsprop":
            saved["rmsprop_decay"] = saved.get("beta2", 0.999)
    try:
        config = _read(saved)
        rest = {name: value for name, value in saved.items() if name not in config.settings()}
        dead = config.without_effect()  # older versions kept settings without effect
        return config.replace(**{name: DEFAULTS[name] for name in dead}).settings() | rest
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"these are no settings of a run: {error}") from error


def config_of(saved: Mapping[str, Any], **changes: Any) -> Config:
    """Return the settings of a run.

    Args:
        saved: the content of the run's config.json.
        changes: values in place of the run's.

    Raises:
        UserError: if the content is not a run's settings.
    """
    return _read(upgrade(saved)).replace(**changes)


def _read(saved: Mapping[str, Any]) -> Config:
    """Return the config of settings by name; what is no setting is left out."""
    kind = names.GAMES[choose("game", saved.get("game", Rules.NAME), names.GAMES)]
    values: dict[str, Any] = {  # JSON has no tuples
        name: tuple(value) if isinstance(value, list) else value for name, value in saved.items()
    }
    own = {name: values[name] for name in info_of(kind) if name in values}
    known = {name: value for name, value in values.items() if name in INFO}
    return Config(**known, game=kind(**own))


def option(field: str) -> str:
    """Return the command line's spelling of a field."""
    return "--" + field.replace("_", "-")


def _text(value: Any) -> str:
    return ",".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value)


def _check_range(name: str, value: Any, info: Info) -> None:
    low, high = info.within
    if value is None or (low is None and high is None):
        return
    below = low is not None and (value <= low if info.open_ends[0] else value < low)
    above = high is not None and (value >= high if info.open_ends[1] else value > high)
    if below or above or not math.isfinite(value):
        raise UserError(f"`{name}` must be {_range_text(info)}, got {value}")


def _range_text(info: Info) -> str:
    (low, high), (low_open, high_open) = info.within, info.open_ends
    if high is None:
        if low == 0:
            return "a positive number" if low_open else "0 or a positive number"
        return f"at least {low}"
    return f"at least {low} and {'below' if high_open else 'at most'} {high}"


def as_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as JSON gives them back: tuples are lists."""
    return json.loads(json.dumps(settings))
