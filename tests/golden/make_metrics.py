"""Make metrics.npz: features, and what other people's packages say of them. jaxgan is not imported.

    uv venv golden && uv pip install --python golden/bin/python \
        torch torch-fidelity==0.4.0 prdc==0.2 POT==0.9.7.post1 "scipy<1.18"
    golden/bin/python tests/golden/make_metrics.py
"""

import sys
from importlib.metadata import version
from pathlib import Path
from unittest.mock import MagicMock

for part in ("", ".datasets", ".models", ".transforms", ".transforms.functional"):
    sys.modules[f"torchvision{part}"] = MagicMock()  # torch-fidelity imports it for networks: none here

import numpy as np
import ot
import torch
from prdc import compute_prdc
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist, pdist
from scipy.stats import entropy
from torch_fidelity import metric_fid, metric_isc, metric_kid

SEED = 20261122
KERNEL = {"kid_kernel": "poly", "kid_kernel_poly_degree": 3, "kid_kernel_poly_gamma": None}
KERNEL |= {"kid_kernel_poly_coef0": 1, "verbose": False, "rng_seed": 0}


def cases(rng):
    """Sets of features, real and fake; float32, so that every reader has the same float64 numbers."""
    mix = rng.normal(size=(12, 12)) / 3
    real = np.tanh(rng.normal(size=(400, 12)) @ mix) + rng.normal(size=(400, 12)) / 4
    fake = 0.9 * np.tanh(rng.normal(size=(300, 12)) @ mix + 0.1) + rng.normal(size=(300, 12)) / 3
    yield "plain", real, fake
    yield "far from zero", real + 1000, fake + 1000
    yield "fewer than dimensions", rng.normal(size=(20, 32)), rng.normal(size=(24, 32)) * 1.2
    yield "ties", rng.integers(0, 5, size=(200, 3)), rng.integers(0, 6, size=(150, 3))


def statistics(features):
    return {"mu": features.mean(0), "sigma": np.cov(features, rowvar=False)}


def frechet(real, fake):
    return metric_fid.fid_statistics_to_metric(statistics(real), statistics(fake), False)[
        "frechet_inception_distance"
    ]


def frechet_by_sqrtm(real, fake):
    (m1, s1), (m2, s2) = statistics(real).values(), statistics(fake).values()
    return np.sum((m1 - m2) ** 2) + np.trace(s1 + s2 - 2 * sqrtm(s1 @ s2).real)


def frechet_infinity(real, fake, points=6):
    rng, values = np.random.default_rng(3), []
    sizes = np.linspace(max(len(fake) // 10, fake.shape[1] + 1), len(fake), points).astype(int)
    for size in sizes:
        values.append(frechet(real, fake[rng.permutation(len(fake))[:size]]))
    design = np.stack([1 / sizes, np.ones(points)], 1)
    return np.linalg.lstsq(design, np.array(values))[0][::-1]  # value, slope


def kernel(real, fake, subsets=8, size=100):
    """Mean and deviation over subsets drawn as `kernel_distance` says it draws them."""
    rng, size = np.random.default_rng(3), min(size, len(real), len(fake))
    values = []
    for _ in range(subsets):
        first, second = (part[rng.choice(len(part), size, replace=False)] for part in (real, fake))
        values.append(metric_kid.kernel_mmd(first, second, **KERNEL))
    return np.mean(values), np.std(values, ddof=1)


def kernel_of_all(real, fake):
    """Of subsets that are the whole set, whatever the draw."""
    size = min(len(real), len(fake))
    real, fake = torch.from_numpy(real[:size]), torch.from_numpy(fake[:size])
    result = metric_kid.kid_features_to_metric(real, fake, kid_subsets=2, kid_subset_size=size, **KERNEL)
    return result["kernel_inception_distance_mean"]


def sliced(real, fake):
    lines = np.random.default_rng(3).normal(size=(70, real.shape[1]))
    lines = (lines / np.linalg.norm(lines, axis=1)[:, None]).T
    return ot.sliced_wasserstein_distance(real, fake, projections=lines, p=2)


def main():
    rng = np.random.default_rng(SEED)
    packages = ("numpy", "scipy", "torch", "torch-fidelity", "prdc", "POT", "scikit-learn")
    golden = {"versions": [f"{name} {version(name)}" for name in packages], "seed": SEED, "names": []}
    for name, real, fake in cases(rng):
        stored = real.astype(np.float32), fake.astype(np.float32)
        real, fake = (part.astype(np.float64) for part in stored)
        half = len(real) // 2
        to_train, to_test = (cdist(fake, part).min(1) for part in (real[:half], real[half:]))
        values = {
            "real": stored[0],
            "fake": stored[1],
            "frechet": frechet(real, fake),
            "frechet_by_sqrtm": frechet_by_sqrtm(real, fake),
            "kernel": kernel(real, fake),
            "kernel_of_all": kernel_of_all(real, fake),
            "prdc3": list(compute_prdc(real, fake, 3).values()),
            "prdc5": list(compute_prdc(real, fake, 5).values()),
            "sliced": sliced(real, fake),
            "nearest": [
                np.median(to_train),
                np.median(to_test),
                np.mean(np.sign(to_test - to_train) / 2 + 0.5),
            ],
            "spread": [pdist(fake).mean(), pdist(real).mean()],
        }
        if len(fake) > 5 * fake.shape[1]:
            values["frechet_infinity"] = frechet_infinity(real, fake)
        golden["names"].append(name)
        golden |= {f"{name}/{key}": value for key, value in values.items()}
    logits = (4 * rng.normal(size=(205, 10))).astype(np.float32)
    score = metric_isc.isc_features_to_metric(torch.from_numpy(logits), splits=7, shuffle=False)
    counts = rng.poisson(2, size=1000)
    golden |= {"logits": logits, "inception_score": list(score.values())}
    golden |= {"counts": counts, "kl": entropy(counts, np.ones(1000))}
    np.savez_compressed(Path(__file__).parent / "metrics.npz", **golden)


main()
