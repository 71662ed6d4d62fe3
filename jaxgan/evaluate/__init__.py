"""A generator, or a heap of images, against a data set: sample, extract, measure.

    fakes = evaluate.from_generator(generate, latent_dim=100, n=10_000)
    reals = evaluate.load("mnist", (28, 28, 1), split="test", n=10_000)
    report = evaluate.measure(fakes, reals, features.get("mnist-cnn"), ("fid", "kid"))
    print(evaluate.table(report))

`evaluate` is the command ``jaxgan evaluate``: it finds out what to measure, against what and with which
extractor, from a run's folder and a few options. Any ``latents -> images`` will do for `from_generator`.
"""

from jaxgan.evaluate.command import evaluate
from jaxgan.evaluate.fakes import Fakes, from_dataset, from_generator
from jaxgan.evaluate.nearest import nearest_picture
from jaxgan.evaluate.reals import Reals, labels_like, load
from jaxgan.evaluate.reports import Report, measure, table, write
from jaxgan.evaluate.scores import DISTANCES, METRICS, WITH_TRAINING_SET, split_names

__all__ = [
    "DISTANCES",
    "METRICS",
    "WITH_TRAINING_SET",
    "Fakes",
    "Reals",
    "Report",
    "evaluate",
    "from_dataset",
    "from_generator",
    "labels_like",
    "load",
    "measure",
    "nearest_picture",
    "split_names",
    "table",
    "write",
]
