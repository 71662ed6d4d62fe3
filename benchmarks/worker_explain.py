"""One side of explain.py: explains one image on request. Arguments: side, critic, method.

It prints one line of JSON when it has warmed up, with its values, and one for each line that it is sent.
"""

import contextlib
import io
import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

BATCH_SIZE = 256  # images that shap and lime give the critic at a time
SAMPLES = 1000  # of LIME
GRIDS = {"shapley": (4, 4), "lime": (7, 7)}


def critic_and_image(name: str) -> tuple[Callable[[Any], jax.Array], np.ndarray, np.ndarray]:
    """Return a discriminator with random weights, an image and a reference."""
    from jaxgan.networks import dcgan, mlp

    kind, size = name.split("_")
    module = mlp.Discriminator() if kind == "mlp" else dcgan.Discriminator(width=32)
    draw = np.random.default_rng(0)
    image, reference = draw.uniform(-1, 1, (2, int(size), int(size), 1)).astype(np.float32)
    variables = module.init(jax.random.key(0), jnp.asarray(image[None]), train=False)
    return lambda images: module.apply(variables, images, train=False), image, reference  # pyrefly: ignore


def ours(critic: Any, image: Any, reference: Any, regions: Any, method: str) -> Callable[[], Any]:
    """Return jaxgan's way to explain the image."""
    from jaxgan import explain

    @jax.jit
    def program(image: Any, reference: Any, key: Any) -> Any:
        if method == "shapley":
            return explain.shapley(critic, image, reference, regions, permutations=None)
        return explain.lime(critic, image, reference, regions, key=key, samples=SAMPLES)

    return lambda: jax.block_until_ready(program(image, reference, jax.random.key(0))).values


def alone(critic: Any, image: Any, method: str) -> Callable[[], Any]:
    """Return a way to evaluate the critic as often as an explanation does, in batches like jaxgan's."""
    from jaxgan.explain.coalitions import batch_size

    count = evaluations(method)
    size = batch_size(image.shape, count)

    @jax.jit
    def program(image: Any) -> Any:
        brighter = jnp.arange(0, count, size, dtype=jnp.float32) / count  # other images in each batch
        rows = jnp.arange(size, dtype=jnp.float32)[:, None, None, None] / count
        return jax.lax.map(lambda light: critic(image[None] + rows + light), brighter)

    return lambda: jax.block_until_ready(program(image)).reshape(-1)[:1]


def evaluations(method: str) -> int:
    """Return how many images the critic is shown."""
    rows, columns = GRIDS[method]
    return 2 ** (rows * columns) if method == "shapley" else SAMPLES


def theirs(critic: Any, image: Any, reference: Any, regions: Any, method: str) -> Callable[[], Any]:
    """Return shap's or lime's way to explain the image."""
    compiled, n = jax.jit(critic), int(regions.max()) + 1

    def batched(images: np.ndarray) -> np.ndarray:
        size = -(-len(images) // BATCH_SIZE) * BATCH_SIZE  # one size compiles once
        images = np.concatenate([images, np.zeros((size - len(images), *image.shape), np.float32)])
        parts = [compiled(images[i : i + BATCH_SIZE]) for i in range(0, size, BATCH_SIZE)]
        return np.concatenate([np.asarray(part) for part in parts])

    if method == "shapley":
        import shap  # pyrefly: ignore

        def play(masks: np.ndarray) -> np.ndarray:
            shown = masks.astype(bool)[:, regions][..., None]
            return batched(np.where(shown, image, reference))[: len(masks)]

        explainer = shap.ExactExplainer(play, shap.maskers.Independent(np.zeros((1, n))))
        return lambda: explainer(np.ones((1, n)), silent=True).values[0]

    from lime.lime_image import LimeImageExplainer  # pyrefly: ignore

    def explain() -> np.ndarray:
        with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
            found = LimeImageExplainer(random_state=0).explain_instance(
                np.repeat(image, 3, axis=-1).astype(np.float64),
                lambda images: batched(images[..., :1].astype(np.float32))[: len(images), None],
                labels=(0,),
                top_labels=None,
                hide_color=0,
                num_samples=SAMPLES,
                batch_size=BATCH_SIZE,
                segmentation_fn=lambda image: regions,
                random_seed=0,
            )
        return np.array([value for _, value in sorted(found.local_exp[0])])

    return explain


def main() -> None:
    """Explain an image for each line of the standard input."""
    side, name, method = sys.argv[1:]
    critic, image, reference = critic_and_image(name)
    if method == "lime":
        reference = np.zeros_like(reference)  # what lime hides regions with
    rows, columns = GRIDS[method]
    down, right = (np.arange(len(image)) * number // len(image) for number in (rows, columns))
    regions = down[:, None] * columns + right[None]
    if side == "alone":
        explain = alone(critic, image, method)
    else:
        explain = (ours if side == "jaxgan" else theirs)(critic, image, reference, regions, method)
    values = np.asarray(explain())
    first = {"values": values.tolist(), "evaluations": evaluations(method)}
    if side in ("shap", "lime"):
        first["version"] = version(side)
    print(json.dumps(first), flush=True)
    for _ in sys.stdin:
        start = time.process_time()
        explain()
        print(json.dumps({"step_seconds": time.process_time() - start}), flush=True)


if __name__ == "__main__":
    main()
