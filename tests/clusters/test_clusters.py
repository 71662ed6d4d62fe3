"""Real SLURM, with two nodes on this machine, and real Open MPI: `--distributed` asks them who is who."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
GUIDE = ROOT / "docs/guides/scaling.md"
SECONDS = 1200  # the longest time of a test on a busy machine

pytestmark = [pytest.mark.slow, pytest.mark.long]
has_slurm = pytest.mark.skipif(
    not all(map(shutil.which, ("slurmctld", "slurmd", "munged", "unshare"))) or os.geteuid() != 0,
    reason="a SLURM cluster needs root and Debian's packages slurm-wlm and munge",
)
has_open_mpi = pytest.mark.skipif(
    shutil.which("ompi_info") is None, reason="Open MPI is Debian's package openmpi-bin"
)

STEPS = 400
OPTIONS = "--hidden 16 --batch-size 16 --log-every 1 --save-every 20 --sample-every 1000"
TRAIN = f"jaxgan train --data digits --steps 6 {OPTIONS}"

FUNCTIONS = r"""
made() {  # FOLDER STEP: wait until a run has made a step; a job that waits after a requeue begins at once
  for _ in $(seq 600); do
    grep -q "^[0-9].* step $2/" "$1/log.txt" 2>/dev/null && return
    hasten
    sleep 0.5
  done
  echo "no step $2 in $1"; exit 1
}
ended() {  # JOB: wait until a job has ended
  for _ in $(seq 300); do
    state=$(scontrol show job "$1" | grep -o "JobState=[A-Z]*")
    case $state in *COMPLETED | *FAILED | *CANCELLED) echo "job $1 ${state#*=}"; return ;; esac
    hasten
    sleep 1
  done
  echo "job $1 has not ended: $state"; exit 1
}
idle() {  # COUNT: wait until so many nodes are idle
  for _ in $(seq 60); do
    [ "$(sinfo --noheader --states=idle --format=%D)" = "$1" ] && return
    sleep 1
  done
  sinfo; exit 1
}
hasten() {
  if [ -n "${job:-}" ]; then scontrol update JobId="$job" StartTime=now >/dev/null 2>&1 || true; fi
}
requeued() {  # JOB COUNT: wait until a job has been requeued so often
  for _ in $(seq 120); do
    scontrol show job "$1" | grep -q "Restarts=$2 " && return
    sleep 1
  done
  echo "job $1 was not requeued $2 times"; exit 1
}
on_node() {  # NODE: the processes of jobs on it
  grep -lzs "^SLURMD_NODENAME=$1$" /proc/[0-9]*/environ | cut -d/ -f3
}
kill_node() {  # NODE: kill its daemon, and what that has started
  kill -KILL "$(cat cluster/slurmd-$1.pid)" $(on_node $1 | xargs -n1 ps -o ppid= -p) $(on_node $1)
}
"""


def run(command, folder, **environment):
    """Run a command to its end; return what it said. Whatever is left of it is killed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", "PYTHONWARNINGS")}
    kept |= {"XLA_FLAGS": "--xla_backend_optimization_level=0", "PYTHONPATH": str(ROOT), **environment}
    kept["PATH"] = f"{Path(sys.executable).parent}:{kept['PATH']}"
    log = folder / "said.txt"
    with log.open("w") as out:
        process = subprocess.Popen(
            list(map(str, command)), cwd=folder, env=kept, stdout=out, stderr=out, start_new_session=True
        )
        try:
            code = process.wait(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            code = "no end"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    said = log.read_text()
    assert code == 0, said
    return said


def in_slurm(folder, script):
    (folder / "cluster").mkdir()
    (folder / "script.sh").write_text(f"set -eu\ncd {folder}\n{FUNCTIONS}{script}")
    return run(["bash", HERE / "slurm.sh", folder / "cluster", folder / "script.sh"], folder)


def status(folder):
    status = json.loads((folder / "status.json").read_text())
    return status["state"], status["step"]


def assert_same_rows(folder):
    """Compare with one process that has two devices."""
    flags = "--xla_backend_optimization_level=0 --xla_force_host_platform_device_count=2"
    run(f"{TRAIN} --workdir alone".split(), folder, XLA_FLAGS=flags)
    rows = [
        [json.loads(line) for line in (folder / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("run", "alone")
    ]
    assert [row["step"] for row in rows[0]] == [1, 2, 3, 4, 5, 6]
    for a, b in zip(*rows, strict=True):
        np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-3, atol=1e-4)


@has_slurm
def test_srun_gives_the_numbers_of_one_process(tmp_path):
    said = in_slurm(tmp_path, f"srun -N 2 -n 2 {TRAIN} --distributed --workdir run")
    assert "2 x cpu on 2 hosts" in said
    assert_same_rows(tmp_path)


def guide_script():
    """Return the SLURM script of the guide, for the small cluster and a small experiment."""
    (script,) = re.findall(r"```bash\n(#!/bin/bash\n#SBATCH .*?)```", GUIDE.read_text(), re.DOTALL)
    small = {
        "--gpus-per-node=8 ": "",
        "--nodes=4 --ntasks-per-node=8": "--nodes=2 --ntasks-per-node=1",
        "experiments/mnist_dcgan.py": f"{ROOT}/experiments/digits_mlp.py {OPTIONS} --steps {STEPS}",
        "--batch-size 2048 ": "",
    }
    for old, new in small.items():
        assert script.count(old) == 1, old
        script = script.replace(old, new)
    return script


@has_slurm
def test_the_script_of_the_guide_outlives_a_preemption_and_a_node(tmp_path):
    (tmp_path / "job.sh").write_text(guide_script())
    said = in_slurm(
        tmp_path,
        """
        export SHARED=$PWD
        job=$(sbatch --parsable --output=job.txt --open-mode=append job.sh)
        made runs/mnist 10
        scancel --signal=TERM "$job"
        requeued "$job" 1
        cp runs/mnist/status.json preempted.json
        sed -i "s/^/before /" runs/mnist/log.txt
        made runs/mnist 50
        kill_node n2
        requeued "$job" 2
        slurmd -N n2
        idle 2
        sleep 5  # SLURM itself waits for two minutes before it starts a job again
        ended "$job"
        cat job.txt
        """,
    )
    preempted = json.loads((tmp_path / "preempted.json").read_text())
    assert (preempted["state"], preempted["why"]) == ("preempted", "SIGTERM")
    assert preempted["step"] >= 10
    log = (tmp_path / "runs/mnist/log.txt").read_text()
    first, last = map(int, re.findall(r"goes on at step (\d+)", log))
    assert preempted["step"] == first < last
    assert status(tmp_path / "runs/mnist") == ("done", STEPS)
    assert re.search(r"job \d+ COMPLETED", said), said


@has_slurm
def test_if_one_process_is_killed_the_step_ends_and_the_next_goes_on(tmp_path):
    train = f"srun -N 2 -n 2 jaxgan train --data digits --steps {STEPS} {OPTIONS} --distributed --workdir run"
    said = in_slurm(
        tmp_path,
        f"""
        {train} & step=$!
        made run 45  # and has saved
        kill -KILL $(on_node n2)
        seconds=$SECONDS code=0
        wait $step || code=$?
        echo "ended with $code after $((SECONDS - seconds)) seconds"
        {train}
        """,
    )
    code, seconds = map(int, re.search(r"ended with (\d+) after (\d+) seconds", said).groups())
    assert code != 0
    assert seconds < 100, said
    assert "goes on at step" in (tmp_path / "run/log.txt").read_text()
    assert status(tmp_path / "run") == ("done", STEPS)


@has_open_mpi
def test_mpirun_gives_the_numbers_of_one_process(tmp_path):
    loopback = "--mca btl_tcp_if_include lo --mca oob_tcp_if_include lo"
    command = (
        f"mpirun -n 2 --allow-run-as-root --oversubscribe {loopback} {TRAIN} --distributed --workdir run"
    )
    assert "2 x cpu on 2 hosts" in run(command.split(), tmp_path)
    assert_same_rows(tmp_path)
