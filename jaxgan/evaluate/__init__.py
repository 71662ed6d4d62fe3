"""Generated images, or any others, against a data set: sample, extract, measure.

    fakes = evaluate.from_generator(generate, latent_dim=100, n=10_000)
    reals = evaluate.load("mnist", (28, 28, 1), split="test", n=10_000)
    report = evaluate.measure(fakes, reals, features.get("mnist-cnn"), ("fid", "kid"))
    print(evaluate.table(report))

`evaluate` is the command ``jaxgan evaluate``: a run's folder and a few options tell it what to measure,
against which data set and with which extractor. `from_generator` takes any function from latents to images.
"""

from jaxgan.evaluate.command import evaluate
from jaxgan.evaluate.fakes import Fakes, from_dataset, from_generator
from jaxgan.evaluate.nearest import nearest_picture
from jaxgan.evaluate.reals import Reals, load
from jaxgan.evaluate.report import Report, measure, table, write
from jaxgan.evaluate.scores import DISTANCES, METRICS, WITH_TRAINING_SET
from jaxgan.evaluate.subject import refuse_data
from jaxgan.evaluate.trained_on_fakes import TrainedOnFakes, trained_on_fakes

__all__ = [
    "DISTANCES",
    "METRICS",
    "WITH_TRAINING_SET",
    "Fakes",
    "Reals",
    "Report",
    "TrainedOnFakes",
    "evaluate",
    "from_dataset",
    "from_generator",
    "load",
    "measure",
    "nearest_picture",
    "refuse_data",
    "table",
    "trained_on_fakes",
    "write",
]
