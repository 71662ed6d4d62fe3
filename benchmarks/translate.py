"""What a translator needs for one large picture: the peak of memory, and the time.

python benchmarks/translate.py

Each translator has its default width and blocks, and random weights. It makes a picture of 4,000 x 3,000
pixels in tiles, as `jaxgan translate` does, in a process of its own. `--tiles` of the tiles are computed. The
others take the image of an earlier tile of their shape, because they need the same memory again; the time of
a picture is the time of a tile by their number. A small picture is one of 256 x 256 pixels, made at once.
docs/guides/images.md has figures.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import export
from jaxgan.export.translator import Translator
from jaxgan.networks.translators import TRANSLATORS
from jaxgan.sampling import picture
from jaxgan.system.errors import UserError, choose, exits
from tables import Table

HEADING = ("translator", "source", "image", "tiles", "s a tile", "s a picture", "peak GB", "small pictures/s")
SCALE, SMALL = 4, 256


class Some(Translator):
    """A translator that computes some images, and repeats them for later sources of their shape."""

    left = 0
    seconds = 0.0
    computed = asked = 0

    def __call__(self, sources: Any) -> jax.Array:
        """Return images of sources."""
        self.asked += 1
        known = self.__dict__.setdefault("known", {})
        if sources.shape not in known:  # it is compiled
            known[sources.shape] = jax.block_until_ready(super().__call__(sources))
        if self.left > 0:
            self.left -= 1
            start = time.perf_counter()
            known[sources.shape] = jax.block_until_ready(super().__call__(sources))
            self.seconds += time.perf_counter() - start
            self.computed += 1
        return known[sources.shape]


def export_random(name: str, folder: Path) -> None:
    """Export a translator of random weights."""
    scale = scale_of(name)
    module = TRANSLATORS[name](3, SCALE) if scale > 1 else TRANSLATORS[name](3)
    shape = SMALL // scale, SMALL // scale, 3
    shapes = jax.eval_shape(partial(module.init, train=False), jax.random.key(0), jnp.zeros((1, *shape)))
    generator = np.random.default_rng(0)
    variables = jax.tree.map(lambda x: 0.02 * generator.standard_normal(x.shape, np.float32), shapes)
    sizes = {"image_shape": (SMALL, SMALL, 3), "latent_dim": 0, "num_classes": None, "step": 0}
    export.save_generator(folder, module, variables, **sizes, source_shape=shape)


def scale_of(name: str) -> int:
    """Return how many times as large an image is as its source."""
    return SCALE if name in ("srresnet", "rrdb") else 1


def measure(name: str, folder: Path, size: tuple[int, int], tiles: int) -> dict[str, Any]:
    """Return what one exported translator needs, measured in this process."""
    (height, width), scale = size, scale_of(name)
    translator = Some(export.read_generator(folder))
    source = np.random.default_rng(0).integers(0, 256, (height // scale, width // scale, 3), np.uint8)
    small = source[None, : SMALL // scale, : SMALL // scale]
    translator(small)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < 2 or count < 2:
        translator.left = 1
        jax.block_until_ready(translator(small))
        count += 1
    speed = count / (time.perf_counter() - start)
    translator.left, translator.seconds, translator.computed, translator.asked = tiles, 0.0, 0, 0
    image = translator.in_tiles(source)
    with tempfile.TemporaryFile() as file:
        picture(image).save(file, format="PNG")
    return {
        "translator": name,
        "source": list(source.shape[:2]),
        "image": list(image.shape[:2]),
        "tiles": translator.asked,
        "tile_seconds": translator.seconds / translator.computed,
        "peak_bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        "small_pictures_per_second": speed,
    }


def row(result: dict[str, Any]) -> list[str]:
    """Return one row of the table."""
    source, image = ("x".join(map(str, reversed(result[name]))) for name in ("source", "image"))
    seconds, tiles = result["tile_seconds"], result["tiles"]
    return [
        result["translator"],
        source,
        image,
        str(tiles),
        f"{seconds:.3g}",
        f"{tiles * seconds:.3g}",
        f"{result['peak_bytes'] / 1e9:.2f}",
        f"{result['small_pictures_per_second']:.3g}",
    ]


def main(args: Sequence[str] | None = None) -> None:
    """Measure each translator; a mistake of the user's is one sentence and exit code 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--translators", nargs="+", default=[*TRANSLATORS], metavar="NAME", help="%(default)s")
    add("--size", type=int, nargs=2, default=[3000, 4000], metavar="N", help="height and width (%(default)s)")
    add("--tiles", type=int, default=3, metavar="N", help="tiles that are computed (%(default)s)")
    add("--worker", type=Path, help=argparse.SUPPRESS)
    with exits():
        arguments = parser.parse_args(args)
        names = [choose("translators", name, TRANSLATORS) for name in arguments.translators]
        if min(arguments.size) < SMALL or arguments.tiles < 1:
            raise UserError(f"--size is at least {SMALL} {SMALL}, and --tiles at least 1")
        if arguments.worker:
            size = arguments.size[0], arguments.size[1]
            print(json.dumps(measure(names[0], arguments.worker, size, arguments.tiles)))
            return
        table = Table(HEADING, names=names)
        options = ["--size", *map(str, arguments.size), "--tiles", str(arguments.tiles)]
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                export_random(name, Path(folder))
                command = [sys.executable, __file__, *options, "--translators", name, "--worker", folder]
                ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            if ended.returncode:
                raise UserError(f"{name} ended with code {ended.returncode}")
            table.add(row(json.loads(ended.stdout)))


if __name__ == "__main__":
    main()
