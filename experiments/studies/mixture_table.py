"""Every loss with every penalty on the ring and the grid: the table of docs/mixtures.md.

    python experiments/mixture_table.py

Ten seeds each for six losses, three for the others, each cell one program. What is in docs/mixtures.json
already is not trained again: remove it, or a line of it, to measure anew.
"""

import dataclasses
import json
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

import grid
import results
import ring
from jaxgan import config
from jaxgan.names import LOSSES
from jaxgan.system.errors import exits
from jaxgan.system.files import write_atomically
from mixture import MixtureConfig, train

CONFIG = MixtureConfig(steps=3000, width=64, depth=3, batch_size=128)
MIXTURES = {"ring": ring.MIXTURE, "grid": grid.MIXTURE}
WEIGHTS = {"none": 0.0, "r1": 0.002, "r1_r2": 0.002, "gradient_penalty": 0.1}
MAIN = ("minimax", "non_saturating", "least_squares", "wasserstein", "hinge", "relativistic")
OTHERS = tuple(loss for loss in LOSSES if loss not in MAIN)
MAIN_CELLS = [(loss, penalty, 10) for loss in MAIN for penalty in WEIGHTS]
OTHER_CELLS = [(loss, "r1_r2", 3) for loss in OTHERS]


@dataclasses.dataclass(frozen=True)
class Settings:
    """Of the tables."""

    out: str = str(Path(__file__).parent.parent / "docs/mixtures.json")  # what was measured


def measure(name: str, loss: str, penalty: str, seeds: int) -> dict[str, list[float] | float]:
    """Train one cell; return modes and share of high quality of each seed, and seconds."""
    settings = dataclasses.replace(
        CONFIG, loss=loss, penalty=penalty, penalty_weight=WEIGHTS[penalty], seeds=seeds
    )
    start = time.monotonic()
    trained = train(settings.checked(), MIXTURES[name])
    scores = [MIXTURES[name].score(points) for points in trained.points()]
    return {
        "modes": [score.modes for score in scores],
        "high_quality": [score.high_quality for score in scores],
        "seconds": round(time.monotonic() - start, 1),
    }


def table(cells: dict[str, dict], name: str, losses: tuple[str, ...]) -> str:
    """Lay the cells out in Markdown: mean modes, mean share of high quality, and that of the worst seed."""
    penalties = [p for p in WEIGHTS if f"{name}/{losses[0]}/{p}" in cells]
    lines = [f"| {name} | " + " | ".join(penalties) + " |", "|---" * (len(penalties) + 1) + "|"]
    for loss in losses:
        texts = []
        for penalty in penalties:
            cell = cells[f"{name}/{loss}/{penalty}"]
            shares = cell["high_quality"]
            texts.append(f"{np.mean(cell['modes']):.1f}, {np.mean(shares):.0%} ({min(shares):.0%})")
        lines.append(f"| {loss} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure what is missing, and write the tables."""
    with exits(OSError):
        file = Path(config.parse(Settings(), description=__doc__ or "").out)
        file.parent.mkdir(parents=True, exist_ok=True)
        fill(file)


def fill(file: Path) -> None:
    """Measure what a file of results misses; print the tables."""
    found = results.parsed(file)
    cells = [(name, *cell) for cells in (MAIN_CELLS, OTHER_CELLS) for name in MIXTURES for cell in cells]
    for name, loss, penalty, seeds in tqdm(cells, desc="cells"):
        key = f"{name}/{loss}/{penalty}"
        if key not in found:
            found[key] = measure(name, loss, penalty, seeds)
            lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in found.items())
            text = "{\n" + lines + "\n}\n"
            write_atomically(file, lambda temporary, text=text: temporary.write_text(text))
    tables = [table(found, name, losses) for name in MIXTURES for losses in (MAIN, OTHERS)]
    print("\n\n".join(tables))


if __name__ == "__main__":
    main()
