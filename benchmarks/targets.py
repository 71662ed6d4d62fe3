"""The train step compiled for accelerators that are not there: what it costs them, and how it scales.

python benchmarks/targets.py --python PATH/TO/A/VENV/WITH/LIBTPU/bin/python

XLA compiles for a TPU or a GPU from shapes alone. That takes `pip install "jax[tpu]"` for TPUs, and for GPUs
`pip install --no-deps jax-cuda13-plugin==V jax-cuda13-pjrt==V` with jax's own version V. Nothing is executed,
so all times are bounds from the data sheets' figures, and no measurements.
Each program is compiled in a process of its own, within a limit of time. `--json FILE` keeps what is done:
the same command goes on from there.
benchmarks/README.md explains the method, and has figures.
"""

import argparse
import dataclasses
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import time
import types
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

if __name__ == "__main__":  # before JAX looks for devices
    os.environ |= {"JAX_PLATFORMS": "cpu", "TPU_SKIP_MDS_QUERY": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    os.environ |= {
        "TPU_ACCELERATOR_TYPE": "v5litepod-1",
        "TPU_WORKER_HOSTNAMES": "localhost",
    }
    os.environ["ALLOW_MULTIPLE_LIBTPU_LOAD"] = "1"  # there is no chip to share

import jax
import numpy as np
from jax.experimental import topologies
from jax.sharding import Mesh

import compiled
from jaxgan import build, parallel, recipes
from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.data import Dataset
from jaxgan.names import GAMES, PRECISIONS
from jaxgan.recipes import Facts
from jaxgan.run.workdir import code_hash
from jaxgan.sweep.settings import read_config
from jaxgan.system.errors import UserError, choose, exits
from jaxgan.system.files import write_json
from jaxgan.system.random import seed_key
from own_process import in_time
from step_time import Parser
from tables import Table
from training import NETWORKS, image_shape


class Chip(NamedTuple):
    """A kind of accelerator, by its data sheet.

    Attributes:
        flops: operations a second by precision. TPUs multiply float32 factors in bfloat16 and GPUs in TF32,
            unless told otherwise.
        bandwidth: bytes a second from and to memory.
        memory: bytes of memory.
        link: bytes a second that a chip can send to the others of its slice or host: half of the data
            sheet's bandwidth in both directions.
    """

    flops: dict[str, float]
    bandwidth: float
    memory: float
    link: float


def _tpu(teraflops: float, bandwidth: float, memory: float, both_ways: float) -> Chip:
    flops = dict.fromkeys(PRECISIONS, teraflops * 1e12)
    return Chip(flops, bandwidth * 1e9, memory * 2**30, both_ways * 1e9 / 2)


CHIPS = {
    "v5e": _tpu(197, 819, 16, 400),  # https://docs.cloud.google.com/tpu/docs/v5e
    "v5p": _tpu(459, 2765, 95, 1200),  # https://docs.cloud.google.com/tpu/docs/v5p
    "v6e": _tpu(918, 1638, 32, 800),  # https://docs.cloud.google.com/tpu/docs/v6e
    # https://www.nvidia.com/en-us/data-center/h200, SXM, without sparsity
    "h200": Chip({"float32": 494.5e12, "bfloat16": 989.5e12}, 4.8e12, 141e9, 450e9),
}

H200 = """
gpu_device_info {
  threads_per_block_limit: 1024
  threads_per_warp: 32
  shared_memory_per_block: 49152
  shared_memory_per_core: 233472
  threads_per_core_limit: 2048
  core_count: 132
  fpus_per_core: 128
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  memory_bandwidth: 4800000000000
  l2_cache_size: 52428800
  clock_rate_ghz: 1.98
  device_memory_size: 150754820096
  shared_memory_per_block_optin: 232448
  cuda_compute_capability { major: 9 minor: 0 }
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}
platform_name: "CUDA"
dnn_version_info { major: 9 minor: 8 }
device_description_str: "NVIDIA H200"
"""


class Target(NamedTuple):
    """Some chips of a kind that train together.

    Attributes:
        chip: a name in `CHIPS`.
        topology: how they are connected, as XLA spells it.
        options: what else XLA needs to know of them.
    """

    chip: str
    topology: str
    options: Mapping[str, Any] = types.MappingProxyType({})


ONE_CHIP = {"chips_per_host_bounds": (1, 1, 1)}  # of a host that has more
TARGETS = {
    "v5e-1": Target("v5e", "v5e:1x1", ONE_CHIP),
    "v5e-8": Target("v5e", "v5e:2x4"),
    "v5e-256": Target("v5e", "v5e:16x16"),
    "v5p-8": Target("v5p", "v5p:2x2x1"),  # named by its cores: 4 chips
    "v6e-8": Target("v6e", "v6e:2x4"),
    "h200-1": Target("h200", "1x1x1", {"target_config": H200}),
    "h200-8": Target("h200", "1x1x8", {"target_config": H200}),
}
WAYS = ("jit", "shares", "shard_map", "loop")  # loop: a step of parallel.scan, as training runs it


def _of_recipe(name: str, shape: tuple[int, int, int], classes: int | None, **changes: Any) -> Config:
    config, _ = recipes.choose(name, Facts(shape, 1_000_000, classes, "tpu"))
    return config.replace(image_size=shape[:2], channels=shape[2], **changes)


LARGE = {  # networks of papers by their recipes, with the batch of eight chips
    "r3gan_cifar10": _of_recipe("r3gan", (32, 32, 3), None, batch_size=512),
    "biggan_128": _of_recipe("biggan", (128, 128, 3), 1000, batch_size=256),
    "stylegan2_256": _of_recipe("stylegan2", (256, 256, 3), None, batch_size=64),
    "fastgan_256": _of_recipe("fastgan", (256, 256, 3), None, batch_size=64),
}
CLASSES = {"biggan_128": 1000}
# All networks, with the batch of one chip.
KNOWN = NETWORKS | {name: config.replace(batch_size=config.batch_size // 8) for name, config in LARGE.items()}
SMALL = ("mlp", "dcgan_32", "resnet_32", "r3gan_32")
COUNTS = [2**i for i in range(9)]  # of chips, in the table of scaling
MINUTES = 30.0  # the longest time that a program may take to compile
EXPERIMENTS = Path(__file__).parent.parent / "experiments"


class Cost(NamedTuple):
    """What XLA says of a step compiled for a target; all figures are of one chip.

    Attributes:
        chips: number of chips.
        batch_size: images of the whole batch.
        state_bytes: bytes of the step's arguments: the state, the batch and the key.
        compile_seconds: seconds that XLA took of this machine's cores.
        flops: floating-point operations. On a GPU they are counted before XLA compiles the step, which hides
            convolutions in calls of cuDNN.
        memory_bytes: the most memory that the step holds.
        program: kernels and collectives of the compiled step.
    """

    chips: int
    batch_size: int
    state_bytes: int
    compile_seconds: float
    flops: float
    memory_bytes: int
    program: compiled.Program


class Bound(NamedTuple):
    """The least milliseconds that a step's parts can take on a chip by its data sheet."""

    compute: float
    memory: float
    communication: float

    @property
    def step(self) -> float:
        """The least milliseconds of a step, if all parts overlap."""
        return max(self)

    @property
    def share(self) -> float:
        """The share of communication, if it does not overlap with the rest."""
        return self.communication / (self.communication + max(self.compute, self.memory))


def bound(chip: Chip, precision: str, flops: float, traffic: float, sent: float) -> Bound:
    """Return the bounds of the roofline model for one chip's operations, traffic and sent bytes."""
    return Bound(1e3 * flops / chip.flops[precision], 1e3 * traffic / chip.bandwidth, 1e3 * sent / chip.link)


def devices_of(name: str) -> tuple[Chip, list[Any]]:
    """Return the data sheet and the devices of a target.

    Args:
        name: one of `TARGETS`, or a TPU's topology such as v5e:4x4.

    Raises:
        UserError: if there is none of this name, or if the plugin that compiles for it is missing or was made
            for another version of jax.
    """
    kind = name.split(":")[0]
    target = Target(kind, name) if ":" in name else TARGETS[choose("targets", name, TARGETS)]
    if target.chip not in CHIPS:
        raise UserError(
            f"`targets` {name}: no data sheet of {kind} is known here, only of {', '.join(CHIPS)}"
        )
    platform = "cuda" if target.chip == "h200" else "tpu"
    check_plugin(name, platform)
    try:
        description = topologies.get_topology_desc(
            target.topology,
            platform=platform,
            **{**target.options, "topology": target.topology} if platform == "cuda" else target.options,
        )
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        fault = "is no topology" if "INVALID_ARGUMENT" in reason else "cannot be compiled for"
        raise UserError(f"`targets` {name} {fault}: {reason}") from None
    return CHIPS[target.chip], list(description.devices)


def check_plugin(name: str, platform: str) -> None:
    """Refuse a target whose compiler is not installed, or was made for another version of jax."""
    version = jax.__version__
    packages = {"tpu": ("libtpu",), "cuda": ("jax-cuda13-plugin", "jax-cuda13-pjrt")}[platform]
    command = (
        f'pip install "jax[tpu]=={version}"'
        if platform == "tpu"
        else "pip install --no-deps " + " ".join(f"{package}=={version}" for package in packages)
    )
    for package in packages:
        try:
            installed = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            raise UserError(
                f"`targets` {name} needs {package}, which {sys.executable} lacks: {command}, or name the "
                "Python of another environment by `python`"
            ) from None
        needed = _needed_libtpu() if platform == "tpu" else version
        if needed and not (installed + ".").startswith(needed + "."):
            raise UserError(
                f"`targets` {name}: {package} {installed} was made for another version of jax than "
                f"{version}, which needs {needed}: {command}"
            )


def _needed_libtpu() -> str | None:
    """Return the beginning of libtpu's version that the installed jax asks for, such as 0.0.42."""
    lines = importlib.metadata.requires("jax") or []
    matches = (re.match(r"libtpu==([\d.]+?)(?:\.\*)?\s*;", line) for line in lines)
    return next((match[1] for match in matches if match), None)


def experiment_of(config: Config, classes: int) -> Experiment:
    """Return the networks and the step of a config, made without any data but a table's."""
    config = config.replace(steps=1).check()  # however long a run may be
    return build.experiment(config, _dataset(config, classes))


def _dataset(config: Config, classes: int) -> Dataset:
    """Return as many examples as a step takes; images take no memory."""
    count = max(config.images_per_step, classes)
    if config.game.learns_tables:
        table = build.load(config)
        return table._replace(images=np.resize(table.images, (count, *table.images.shape[1:])))
    images = np.broadcast_to(np.zeros((1, 1, 1, 1), np.uint8), (count, *image_shape(config)))
    return Dataset(
        "shapes",
        images,
        np.broadcast_to(np.int32(0), count),
        classes,
        sources=images if config.game.learns_pairs else None,
        unpaired=images if config.game.learns_unpaired else None,
    )


def compile_step(
    config: Config,
    devices: list[Any],
    *,
    way: str = "jit",
    classes: int = 10,
    options: Mapping[str, bool | str] = types.MappingProxyType({}),
) -> Cost:
    """Compile a config's step for devices that need not be there.

    Args:
        config: settings; the batch is that of all devices.
        devices: devices of a target.
        way: one of `WAYS`.
        classes: number of classes of a conditional network.
        options: XLA's own options by their names.

    Raises:
        JaxRuntimeError: if XLA cannot compile it, for example since it does not fit into memory.
    """
    experiment = experiment_of(config, classes)
    step, mesh = experiment.step, parallel.batch_mesh(devices)
    shapes: Any = experiment.shapes, _batch(config, experiment), jax.eval_shape(lambda: seed_key(0))
    if way == "shares":
        shapes = parallel.shard_states(shapes[0], mesh), *shapes[1:]
    if way == "loop":
        batch_at = partial(experiment.batch_at, seed=np.uint32(0), batch_size=config.images_per_step)
        arrays = jax.eval_shape(lambda: experiment.arrays)
        lowered = parallel.scan(step, batch_at, mesh).lower(shapes[0], arrays, shapes[2], np.int32(1))
    else:
        lowered = _adapted(step, mesh, way, shapes[0]).lower(*shapes)
    began = time.process_time()
    program = lowered.compile(compiler_options={**options})
    seconds = time.process_time() - began
    analysis: Any = program.cost_analysis()
    if analysis is None:  # GPUs
        whole = jax.jit(step).trace(experiment.shapes, *shapes[1:])
        counted: Any = whole.lower(lowering_platforms=("cuda",)).cost_analysis()
        flops = counted["flops"] / len(devices)
    else:
        flops = analysis["flops"]
    text: Any = program.as_text()
    held: Any = program.memory_analysis()
    return Cost(
        chips=len(devices),
        batch_size=config.batch_size,
        state_bytes=held.argument_size_in_bytes,
        compile_seconds=seconds,
        flops=flops,
        memory_bytes=_most(held),
        program=compiled.read(text, loop=way == "loop"),
    )


def _adapted(step: Any, mesh: Mesh, way: str, state: Any) -> Any:
    if way == "jit":
        return parallel.jit(step, mesh)
    if way == "shares":
        return parallel.jit(step, mesh, like=state)
    mapped = dataclasses.replace(step, game=step.game.on_axis(parallel.AXIS))
    return parallel.shard_map(mapped, mesh)


def _batch(config: Config, experiment: Experiment) -> dict[str, Any]:
    batch_at = partial(experiment.batch_at, seed=np.uint32(0), batch_size=config.images_per_step)
    return jax.eval_shape(batch_at, experiment.arrays, np.int32(0))


def _most(held: Any) -> int:
    """Return the most bytes that a compiled step holds on one chip, its code included."""
    arrays = held.argument_size_in_bytes + held.output_size_in_bytes - held.alias_size_in_bytes
    most = max(held.peak_memory_in_bytes, arrays + held.temp_size_in_bytes)
    return most + held.generated_code_size_in_bytes


HEADING = (
    *("network", "target", "precision", "way", "batch", "compile s", "GFLOP", "HBM MB"),
    *("state MB", "holds MB", "kernels", "calls", "copies (MB)", "collectives (MB)"),
    *("compute ms", "memory ms", "link ms", "least ms", "link share"),
)


def row(name: str, target: str, precision: str, way: str, cost: Cost, limits: Bound) -> list[str]:
    """Return one row of the table of targets."""
    program = cost.program
    kinds = ", ".join(f"{count} {kind}" for kind, count in program.collectives.items())
    sizes = sum(program.collective_bytes.values()) / 1e6
    return [
        *(name, target, precision, way, f"{cost.batch_size:,}", f"{cost.compile_seconds:.0f}"),
        f"{cost.flops / 1e9:,.3g}",
        f"{program.traffic_bytes / 1e6:,.0f}",
        f"{cost.state_bytes / 1e6:,.1f}",
        f"{cost.memory_bytes / 1e6:,.0f}",
        f"{program.kernels:,}",
        f"{program.custom_calls}",
        f"{program.copies} ({program.copied_bytes / 1e6:.1f})",
        f"{kinds} ({sizes:.1f})" if kinds else "none",
        *(f"{value:.3g}" for value in (*limits, limits.step)),
        f"{100 * limits.share:.0f} %",
    ]


class Compiler:
    """Compiles each program in a process of its own, and keeps what comes of it in a file.

    Args:
        minutes: the longest time that a program may take.
        options: XLA's own options by their names.
        file: file of JSON that keeps the figures of programs, and has those of earlier calls; None for none.

    Attributes:
        records: the figures of each program: "cost", or the "reason" why there is none.
    """

    def __init__(self, *, minutes: float, options: dict[str, bool | str], file: Path | None):
        self._seconds, self._options, self._file = 60 * minutes, options, file
        self._code = code_hash()
        self.records: list[dict[str, Any]] = []
        if file and file.exists():
            try:
                self.records = json.loads(file.read_text())["programs"]
            except (OSError, ValueError, KeyError, TypeError):
                raise UserError(f"`json` {file} has no figures of programs: give another file") from None

    def cost(self, name: str, config: Config, target: str, way: str) -> Cost | str:
        """Return what a network's step costs, or why it could not be compiled.

        Args:
            name: the network's name.
            config: settings; the batch is that of all chips.
            target: a target's name.
            way: one of `WAYS`.
        """
        place = {"network": name, "target": target, "precision": config.precision, "way": way}
        place |= {"batch_size": config.batch_size, "options": self._options}
        settings = json.loads(json.dumps(config.settings()))
        program = place | {"versions": versions(), "code": self._code, "settings": settings}
        for record in self.records:
            if program.items() <= record.items() and record.get("seconds", self._seconds) >= self._seconds:
                return _cost(record)
        classes = CLASSES.get(name, 10)
        result = in_time(self._seconds, _compile, config, target, way, classes, self._options)
        self.records = [each for each in self.records if not place.items() <= each.items()]
        self.records.append(program | result)
        if self._file:
            write_json(self._file, {"programs": self.records})
        return _cost(self.records[-1])


def _cost(record: dict[str, Any]) -> Cost | str:
    if "reason" in record:
        return record["reason"]
    cost = record["cost"]
    return Cost(**cost | {"program": compiled.Program(**cost["program"])})


def _compile(
    config: Config, target: str, way: str, classes: int, options: dict[str, bool | str]
) -> dict[str, Any]:
    """Return the cost of a step, or the reason why XLA cannot compile it."""
    try:
        cost = compile_step(config, devices_of(target)[1], way=way, classes=classes, options=options)
    except jax.errors.JaxRuntimeError as error:
        return {"reason": _reason(str(error))}
    return {"cost": cost._asdict() | {"program": cost.program._asdict()}}


def measure(name: str, config: Config, target: str, way: str, compiler: Compiler, table: Table) -> None:
    """Compile one network for one target, and add it to the table; a row says why there are no figures.

    Args:
        name: the network's name in the table.
        config: settings; the batch is that of one chip.
        target: a target's name.
        way: one of `WAYS`.
        compiler: the compiler.
        table: the table.
    """
    chip, devices = devices_of(target)
    whole = config.replace(batch_size=config.batch_size * len(devices))
    cost = compiler.cost(name, whole, target, way)
    if isinstance(cost, str):
        cells = [name, target, config.precision, way, f"{whole.batch_size:,}", f"not compiled: {cost}"]
        return table.add(cells + [""] * (len(HEADING) - len(cells)))
    sent = cost.program.sent_bytes(cost.chips)
    limits = bound(chip, config.precision, cost.flops, cost.program.traffic_bytes, sent)
    table.add(row(name, target, config.precision, way, cost, limits))


def _reason(message: str) -> str:
    """Return why XLA did not compile a step: the memory that it lacks, or the first line of its message."""
    if match := re.search(r"Used ([\d.]+\w) of ([\d.]+\w) hbm", message):
        return f"it holds {match[1]}B, and the chip has {match[2]}B"
    return message.splitlines()[0][:100]


def scaling(
    names: Sequence[str], precision: str, target: str, compiler: Compiler, table: Table
) -> dict[str, list[dict[str, Any]]]:
    """Add the table of weak and strong scaling of networks, from 1 to 256 chips.

    Each network is compiled for the chips of `target`, with its batch and with half of it. Operations
    and traffic of other batches follow from these two: a part is proportional to the images of a chip, and a
    part, such as the optimizers', is the same for any. What the collectives send depends on the chips alone.
    The step is compiled alone: in a loop XLA keeps a small state in a memory on the chip, with one batch and
    not with another.

    Args:
        names: names in `KNOWN`.
        precision: the networks' arithmetic.
        target: a target of several chips.
        compiler: the compiler.
        table: the table.

    Returns:
        The rows of each network that could be compiled.
    """
    chip, devices = devices_of(target)
    results: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        config = KNOWN[name].replace(precision=precision)
        size = config.batch_size * len(devices)
        full, half = (
            compiler.cost(name, config.replace(batch_size=each), target, "jit") for each in (size, size // 2)
        )
        if isinstance(full, str) or isinstance(half, str):
            reason = full if isinstance(full, str) else half
            print(f"{name} is not compiled for {target}: {reason}", flush=True)
            continue
        results[name] = predict(chip, precision, full, half)
        for each in results[name]:
            cells = [name, each["scaling"], f"{each['chips']}", f"{each['images']:g}"]
            cells += [f"{each[part]:.3g}" for part in ("compute", "memory", "communication", "step")]
            table.add([*cells, f"{100 * each['share']:.0f} %", f"{100 * each['efficiency']:.0f} %"])
    return results


def predict(chip: Chip, precision: str, full: Cost, half: Cost) -> list[dict[str, Any]]:
    """Return the bounds of a step on 1 to 256 chips, for batches that grow with them and for a fixed one.

    Args:
        chip: the data sheet.
        precision: the networks' arithmetic.
        full: the step compiled for some chips. Its batch is the fixed one of strong scaling, and its share of
            a chip that of weak scaling.
        half: the same step with half of the batch.

    Returns:
        A row for each number of chips. Its efficiency compares images a second and chip with those of the
        first row, without any overlap of communication.
    """
    share, smaller = full.batch_size / full.chips, half.batch_size / half.chips

    def at(images: float, chips: int) -> Bound:
        weight = (images - smaller) / (share - smaller)
        flops = half.flops + weight * (full.flops - half.flops)
        before, after = half.program.traffic_bytes, full.program.traffic_bytes
        return bound(
            chip, precision, flops, before + weight * (after - before), full.program.sent_bytes(chips)
        )

    rows = []
    for kind in ("weak", "strong"):
        first = None
        for chips in COUNTS:
            images = share if kind == "weak" else full.batch_size / chips
            if images < 1:
                break
            limits = at(images, chips)
            seconds = max(limits.compute, limits.memory) + limits.communication
            first = first or images / seconds
            facts = {
                "scaling": kind,
                "chips": chips,
                "images": images,
                "efficiency": images / seconds / first,
            }
            rows.append(facts | limits._asdict() | {"step": limits.step, "share": limits.share})
    return rows


def draw(results: dict[str, list[dict[str, Any]]], file: Path) -> None:
    """Draw the efficiency of weak and of strong scaling over the number of chips."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, kind in zip(panels, ("weak", "strong"), strict=True):
        for name, rows in results.items():
            shown = [each for each in rows if each["scaling"] == kind]
            chips, values = zip(*((each["chips"], 100 * each["efficiency"]) for each in shown), strict=True)
            axes.plot(chips, values, "o-", label=name)
        batch = "batches grow with the chips" if kind == "weak" else "one batch over all chips"
        axes.set(xscale="log", xlabel="chips", title=f"{kind} scaling: {batch}", ylim=(0, 105))
        axes.set_xticks(COUNTS, [f"{count}" for count in COUNTS])
        axes.minorticks_off()
    panels[0].set_ylabel("efficiency, % without overlap")
    panels[0].legend()
    figure.savefig(file, dpi=110)


def configs(arguments: argparse.Namespace) -> dict[str, Config]:
    """Return the settings of the networks and games of the command line, with the batch of one chip."""
    names = dict.fromkeys(choose("networks", name, KNOWN) for name in arguments.networks)
    chosen = {name: KNOWN[name] for name in names}
    for game in dict.fromkeys(choose("games", name, GAMES) for name in arguments.games):
        rules = GAMES[game]()
        if rules.learns_tables:
            chosen[game] = read_config(EXPERIMENTS / "wine.py")
            continue
        network = NETWORKS["dcgan_32"].replace(conditional=game == "acgan", game=rules)
        idle = {name: getattr(Config(), name) for name in rules.IDLE}
        chosen[f"dcgan_32 {game}"] = network.replace(**idle)
    return chosen


def parse(args: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add, names = parser.add_argument, ", ".join((*NETWORKS, *LARGE))
    add("--networks", nargs="*", default=SMALL, metavar="NAME", help=f"any of {names} ({' '.join(SMALL)})")
    add(
        "--games",
        nargs="+",
        default=[],
        metavar="NAME",
        help=f"any of {', '.join(GAMES)}, with dcgan_32, or wine",
    )
    targets = f"any of {', '.join(TARGETS)}, or a TPU's topology such as v5e:4x4 (v5e-1 v5e-8 v6e-8)"
    add("--targets", nargs="+", default=["v5e-1", "v5e-8", "v6e-8"], metavar="NAME", help=targets)
    add("--precisions", nargs="+", default=["bfloat16"], metavar="NAME", help="float32, bfloat16 (bfloat16)")
    add("--ways", nargs="+", default=["loop"], metavar="NAME", help=f"any of {', '.join(WAYS)} (loop)")
    add(
        "--all",
        action="store_true",
        help="all networks, games, targets, precisions and ways; takes long",
    )
    add("--scaling", nargs="+", default=[], metavar="NAME", help="scaling of networks over 1 to 256 chips")
    add(
        "--scaled-from",
        default="v5e-8",
        metavar="TARGET",
        help="the chips that the step is compiled for; v5p-8 has memory for large networks (%(default)s)",
    )
    add("--figure", type=Path, metavar="FILE", help="draw the scaling")
    add("--minutes", type=float, default=MINUTES, metavar="M", help="for each program (%(default)g)")
    add("--xla", nargs="+", default=[], metavar="NAME=VALUE", help="XLA's own options")
    add("--json", type=Path, metavar="FILE", help="keep all figures, and go on from those that it has")
    add("--python", metavar="PATH", help="a Python with libtpu or jax's CUDA plugin, which runs this program")
    arguments = parser.parse_args(args)
    if arguments.all:
        arguments.networks, arguments.games = [*NETWORKS, *LARGE], [*GAMES][1:]
        arguments.targets, arguments.precisions, arguments.ways = [*TARGETS], [*PRECISIONS], [*WAYS]
        arguments.scaling = [*LARGE]
    arguments.precisions = [choose("precisions", name, PRECISIONS) for name in arguments.precisions]
    arguments.ways = [choose("ways", name, WAYS) for name in arguments.ways]
    arguments.scaling = [choose("scaling", name, KNOWN) for name in arguments.scaling]
    if not arguments.minutes > 0:
        raise UserError(f"`minutes` must be positive, got {arguments.minutes:g}")
    if wrong := [option for option in arguments.xla if "=" not in option]:
        raise UserError(f"`xla` takes NAME=VALUE, got {wrong[0]}")
    if arguments.figure and not arguments.scaling:
        raise UserError("`figure` draws the scaling: it needs `scaling`")
    for name in ("figure", "json"):
        file = getattr(arguments, name)
        if file and (file.is_dir() or not file.absolute().parent.is_dir()):
            raise UserError(f"`{name}` must be a file in a folder that exists, got {file}")
    return arguments


def versions() -> str:
    """Return the versions of jax and of the plugins that are installed."""
    known = ("jax", "libtpu", "jax-cuda13-plugin")
    installed = {each.metadata["Name"]: each.version for each in importlib.metadata.distributions()}
    return ", ".join(f"{name} {installed[name]}" for name in known if name in installed)


def benchmark(arguments: argparse.Namespace) -> None:
    """Compile what the command line asks for, and print it."""
    chosen = configs(arguments)
    for target in arguments.targets if chosen else ():
        devices_of(target)  # before minutes of compiling
    if arguments.scaling and len(devices_of(arguments.scaled_from)[1]) == 1:
        raise UserError(f"`scaled_from` takes a target of several chips, got {arguments.scaled_from}")
    pairs = (option.split("=", 1) for option in arguments.xla)
    options = {name: {"true": True, "false": False}.get(value, value) for name, value in pairs}
    compiler = Compiler(minutes=arguments.minutes, options=options, file=arguments.json)
    print(versions(), flush=True)
    if chosen:
        table = Table(HEADING, names=[*chosen])
        for name, config in chosen.items():
            for target in arguments.targets:
                for precision in arguments.precisions:
                    for way in arguments.ways:
                        measure(name, config.replace(precision=precision), target, way, compiler, table)
    if arguments.scaling:
        print()
        heading = ["network", "scaling", "chips", "images a chip"]
        heading += ["compute ms", "memory ms", "link ms", "least ms", "link share", "efficiency"]
        table = Table(heading, names=arguments.scaling)
        target = arguments.scaled_from
        results = scaling(arguments.scaling, arguments.precisions[-1], target, compiler, table)
        if arguments.figure:
            draw(results, arguments.figure)


def main(args: Sequence[str] | None = None) -> None:
    """Run the benchmark, here or in the Python that the command line names."""
    with exits():
        arguments = parse(args)
        if arguments.python:
            sys.exit(_elsewhere(arguments.python, sys.argv[1:] if args is None else args))
        benchmark(arguments)


def _elsewhere(python: str, args: Sequence[str]) -> int:
    """Run this program in another Python, and return its exit code."""
    rest, skipped = [], False
    for argument in args:
        if skipped or argument.startswith("--python"):
            skipped = argument == "--python"
            continue
        rest.append(argument)
    try:
        return subprocess.run([python, __file__, *rest], check=False).returncode
    except OSError as error:
        raise UserError(f"`python` {python} cannot be started: {error.strerror}") from None


if __name__ == "__main__":
    main()
