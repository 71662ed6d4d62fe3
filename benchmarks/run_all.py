"""All tables of benchmarks/README.md for this machine, as Markdown; one program runs after the other.

python benchmarks/run_all.py --out tables.md --torch-python PATH/TO/A/VENV/WITH/TORCH/bin/python

Nothing else should run on the machine meanwhile. Without `--torch-python` PyTorch is not measured.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from jaxgan.system.errors import exits

PROGRAMS: dict[str, list[str]] = {  # the programs and options of the README's tables
    "step_time": ["--repetitions", "5"],
    "vs_pytorch": ["--all"],
    "kernels": [],
    "scaling": ["--largest", "128"],
    "startup": ["--repetitions", "3"],
    "parallel": ["--seconds", "0.3", "--repetitions", "3"],
    "populations": ["--workloads", "ring", "digits", "--seconds", "0.5", "--repetitions", "3"],
    "fault_cost": [],
    "look_cost": ["--rounds", "5"],
    "metrics": [],
}


def run(name: str, options: list[str], out: Path) -> bool:
    """Run one program, append its command and output to a file, and return whether it ended well."""
    command = ["python", f"benchmarks/{name}.py", *options]
    print(shlex.join(command), flush=True)
    file = Path(__file__).with_name(f"{name}.py")
    result = subprocess.run([sys.executable, file, *options], capture_output=True, text=True, check=False)
    output = result.stdout.strip() + ("" if result.returncode == 0 else f"\n\n{result.stderr.strip()[-500:]}")
    with out.open("a") as tables:
        tables.write(f"`{shlex.join(command)}`\n\n{output}\n\n")
    return result.returncode == 0


def main(args: Sequence[str] | None = None) -> None:
    """Run the programs; the exit code is 1 if one fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=[*PROGRAMS], default=[*PROGRAMS], help="programs (all)")
    parser.add_argument("--out", type=Path, default=Path("tables.md"), help="file to append to (%(default)s)")
    parser.add_argument("--torch-python", metavar="PATH", help="a Python that has torch, for vs_pytorch.py")
    arguments = parser.parse_args(args)
    with exits(OSError):
        arguments.out.open("a").close()  # before hours of measuring
    torch = ["--torch-python", arguments.torch_python] if arguments.torch_python else []
    ended = [
        run(name, PROGRAMS[name] + (torch if name == "vs_pytorch" else []), arguments.out)
        for name in arguments.only
    ]
    print(f"{sum(ended)} of {len(ended)} programs ended well: {arguments.out}")
    if not all(ended):
        sys.exit(1)


if __name__ == "__main__":
    main()
