"""The ``jaxgan`` command: what one does with a run once it is there."""

import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

import jaxgan
from jaxgan import export, sampling
from jaxgan.config import Positional, call
from jaxgan.errors import UserError
from jaxgan.files import write_atomically


def sample(
    run: Positional[Path],
    *,
    n: int = 64,
    seed: int = 0,
    out: Path = Path("samples.png"),
) -> None:
    """Make images with a run's exported generator.

    Args:
        run: a run's folder, or an exported generator.
        n: images.
        seed: of the latents; image i is the same whatever n.
        out: a .png for a grid, or a .npz with "images" uint8 [n, H, W, C] (and "labels").
    """
    if n < 1:
        raise UserError(f"--n must be at least 1, got {n}")
    if not 0 <= seed < 2**32:
        raise UserError(f"--seed must be at least 0 and below 2**32, got {seed}")
    if out.suffix not in (".png", ".npz"):
        raise UserError(f"--out must end in .png or .npz, got {out}")
    description = export.read_description(run)
    generate = export.load_generator(run)
    classes = description["num_classes"]
    labels = sampling.column_labels(n, classes)
    latents = sampling.draw_latents(jax.random.key(seed), n, description["latent_dim"])
    images = sampling.sample(generate, latents, labels)
    try:
        if out.suffix == ".npz":
            named: dict[str, Any] = (
                {"images": images} if labels is None else {"images": images, "labels": np.asarray(labels)}
            )
            write_atomically(out, lambda file: np.savez_compressed(file, **named))
        else:
            columns = classes if classes is not None and classes <= 16 else round(n**0.5)
            write_atomically(out, sampling.grid(images, columns=columns).save)
    except OSError as error:
        raise UserError(f"cannot write --out {out}: {error.strerror}") from error
    print(f"{n} images of step {description['step']:,} in {out}")


def main(args: list[str] | None = None) -> None:
    """Run the command line; exit code 2 and one sentence for a mistake of the user's."""
    args = sys.argv[1:] if args is None else args
    if args == ["--version"]:
        print(f"jaxgan {jaxgan.__version__}")
        return
    try:
        call({"sample": sample}, program="jaxgan", description=__doc__ or "", args=args)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
