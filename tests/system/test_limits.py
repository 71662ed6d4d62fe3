"""The machine: devices that are not there, and the memory that a container leaves."""

import os

import jax
import pytest

from jaxgan.system import limits
from jaxgan.system.errors import UserError


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (AssertionError(), ""),
        (
            RuntimeError("Unable to initialize backend 'gpuu': not known. (set JAX_PLATFORMS='' to choose)"),
            r" \(Unable to initialize backend 'gpuu': not known\)",
        ),
    ],
)
def test_a_platform_that_is_not_there_is_one_sentence(monkeypatch, error, why):
    def devices():
        raise error

    monkeypatch.setattr(jax, "devices", devices)
    with pytest.raises(
        UserError, match=f"^JAX_PLATFORMS=cpu: JAX finds no such device on this machine{why}; "
    ):
        limits.require_devices()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("said", "count"),
    [
        ({}, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        ({"JAX_NUM_CPU_DEVICES": "1"}, 1),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}, 3),
    ],
    ids=["nothing", "jax", "xla"],
)
def test_each_core_is_a_device_where_nothing_else_is_said(run_program, tmp_path, said, count):
    program = tmp_path / "count.py"
    lines = [
        "import os",
        f"os.environ.update({said})",
        "import jax",
        "from jaxgan.system.limits import require_devices",
        "print(len(require_devices(each_core=True)), len(require_devices(each_core=True)))",
    ]
    program.write_text("\n".join(lines))
    assert run_program(program, cwd=tmp_path).stdout.split() == [str(count)] * 2


def test_devices_in_use_stay_as_they_are():
    assert limits.require_devices(each_core=True) == limits.require_devices()


GB = 10**9


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 20 GB available; the function writes files of its control groups."""
    monkeypatch.setattr(limits, "_PROC", tmp_path / "proc")
    monkeypatch.setattr(limits, "_CGROUPS", tmp_path / "cgroup")

    def write(files):
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{content}\n")

    write({"proc/meminfo": f"MemTotal: 1 kB\nMemAvailable: {20 * GB // 1024} kB"})
    return write


MACHINE = 20 * GB // 1024 * 1024
MAX_OF_1 = 9223372036854771712  # what version 1 says where there is no limit


@pytest.mark.parametrize(
    ("files", "left"),
    [
        ({}, MACHINE),
        ({"proc/self/cgroup": "0::/"}, MACHINE),
        ({"proc/self/cgroup": "0::/", "cgroup/memory.max": "max", "cgroup/memory.current": 5}, MACHINE),
        (
            {"proc/self/cgroup": "0::/", "cgroup/memory.max": GB, "cgroup/memory.current": GB // 4},
            GB * 3 // 4,
        ),
        (
            {
                "proc/self/cgroup": "0::/",
                "cgroup/memory.max": GB,
                "cgroup/memory.current": GB,
                "cgroup/memory.stat": f"file {GB}\ninactive_file {GB // 2}",
            },
            GB // 2,
        ),
        (  # the limit is two groups above the process's own
            {
                "proc/self/cgroup": "0::/job.slice/step/task",
                "cgroup/job.slice/memory.max": 2 * GB,
                "cgroup/job.slice/memory.current": GB,
                "cgroup/job.slice/step/task/memory.max": "max",
                "cgroup/job.slice/step/task/memory.current": GB,
            },
            GB,
        ),
        (  # in a container, where the path is the host's
            {"proc/self/cgroup": "0::/docker/1f", "cgroup/memory.max": GB, "cgroup/memory.current": 0},
            GB,
        ),
        (  # more than the machine has
            {"proc/self/cgroup": "0::/", "cgroup/memory.max": 64 * GB, "cgroup/memory.current": 0},
            MACHINE,
        ),
        (  # used beyond the limit
            {"proc/self/cgroup": "0::/", "cgroup/memory.max": GB, "cgroup/memory.current": 2 * GB},
            0,
        ),
        (
            {
                "proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/docker/1f\n0::/",
                "cgroup/memory/memory.limit_in_bytes": 3 * GB,
                "cgroup/memory/memory.usage_in_bytes": 2 * GB,
                "cgroup/memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GB}",
            },
            2 * GB,
        ),
        (
            {
                "proc/self/cgroup": "4:memory:/",
                "cgroup/memory/memory.limit_in_bytes": MAX_OF_1,
                "cgroup/memory/memory.usage_in_bytes": GB,
            },
            MACHINE,
        ),
    ],
)
def test_memory_is_what_the_machine_and_the_container_leave(machine, files, left):
    machine(files)
    assert limits.available_memory() == left


def test_a_step_that_a_container_cannot_hold_is_refused(machine):
    machine({"proc/self/cgroup": "0::/", "cgroup/memory.max": GB, "cgroup/memory.current": 0})
    with pytest.raises(UserError, match="a step needs at least 2 GB of memory; 1 GB are available"):
        limits.require_memory(2 * GB, "a step")
