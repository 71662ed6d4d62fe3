"""Weights of the classifier digits-cnn, so that tests need not train it.

    python tests/golden/make_digits_cnn.py

They are made by `jaxgan.features.get("digits-cnn")` in an empty cache, and rounded to float16, which halves the
file; accuracy and scale are those of the rounded weights.
"""

import os
import tempfile
from pathlib import Path

os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np

from jaxgan import data, features

OUT = Path(__file__).with_name("digits_cnn.npz")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["JAXGAN_CACHE"] = folder
        features.get("digits-cnn")
        (file,) = Path(folder).rglob("*.npz")
        arrays = dict(np.load(file))
        accuracy, scale = arrays.pop("accuracy"), arrays.pop("scale")
        weights = {name: array.astype(np.float16) for name, array in arrays.items()}
        rounded = {name: array.astype(np.float32) for name, array in weights.items()}
        np.savez(file, accuracy=accuracy, scale=scale, **rounded)  # what the library finds in its cache
        outputs, digits = features.get("digits-cnn").outputs(data.digits().images), data.digits()
    held_out = np.arange(len(digits.images)) % 5 == 0
    scale = scale * np.sqrt(np.square(outputs.features[~held_out], dtype=np.float64).mean())
    accuracy = (np.asarray(outputs.logits).argmax(axis=1) == digits.labels)[held_out].mean()
    np.savez_compressed(OUT, accuracy=accuracy, scale=scale, **weights)
    print(f"{OUT.name}: accuracy {accuracy:.4f}, scale {scale:.4f}, {OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
