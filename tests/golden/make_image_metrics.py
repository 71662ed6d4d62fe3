"""Make image_metrics.npz: images, and what scikit-image says of them. jaxgan is not imported.

uv venv golden && uv pip install --python golden/bin/python scikit-image==0.26.0
golden/bin/python tests/golden/make_image_metrics.py
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

SEED = 20261129
GAUSSIAN = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}


def cases(rng):
    """Pairs of images: uint8, and float in [-1, 1]; of one and of three channels; no squares."""
    smooth = np.cumsum(np.cumsum(rng.normal(size=(4, 21, 17, 1)), axis=1), axis=2)
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    gray = np.round(255 * smooth).astype(np.uint8)
    yield "gray", gray, np.clip(gray + rng.normal(size=gray.shape) * 12, 0, 255).astype(np.uint8)
    color = rng.integers(0, 256, (3, 13, 24, 3)).astype(np.uint8)
    yield "color", color, rng.integers(0, 256, color.shape).astype(np.uint8)
    real = np.tanh(rng.normal(size=(3, 16, 16, 3)))
    yield "float", real, np.clip(real + rng.normal(size=real.shape) / 9, -1, 1)


def main():
    arrays = {}
    for name, real, made in cases(np.random.default_rng(SEED)):
        arrays |= {f"{name}/real": real, f"{name}/made": made}
        for border in (0, 1):
            inside = slice(border, -border or None)
            pairs = [(a[inside, inside], b[inside, inside]) for a, b in zip(real, made, strict=True)]
            span = {"data_range": 255 if real.dtype == np.uint8 else 2.0}
            axis = {"channel_axis": -1, **span}
            values = {
                "psnr": [peak_signal_noise_ratio(a, b, **span) for a, b in pairs],
                "uniform": [structural_similarity(a, b, **axis) for a, b in pairs],
                "gaussian": [structural_similarity(a, b, **axis, **GAUSSIAN) for a, b in pairs],
            }
            arrays |= {f"{name}/{kind}/{border}": np.mean(each) for kind, each in values.items()}
    names = sorted({key.split("/")[0] for key in arrays})
    made_by = [f"{each} {version(each)}" for each in ("scikit-image", "numpy", "scipy")]
    file = Path(__file__).with_name("image_metrics.npz")
    np.savez_compressed(file, names=names, made_by=made_by, **arrays)


if __name__ == "__main__":
    main()
