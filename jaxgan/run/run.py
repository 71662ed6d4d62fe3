"""What belongs to one run and travels through it as one thing."""

from typing import NamedTuple

from jaxgan.build import Experiment
from jaxgan.config import Config
from jaxgan.data import Dataset
from jaxgan.run.checkpoint import Checkpoints
from jaxgan.run.evaluation_plan import EvaluationPlan
from jaxgan.run.keys import Keys
from jaxgan.run.workdir import Workdir
from jaxgan.system.signals import Preemption


class Run(NamedTuple):
    """One run.

    Attributes:
        config: the checked settings.
        dataset: the data that it learns.
        experiment: its networks, step and optimizers.
        folder: the open run folder.
        checkpoints: the folder's checkpoints.
        stop: whether a signal has asked for an end.
        keys: the run's random keys.
        plan: how it is evaluated, or None.
    """

    config: Config
    dataset: Dataset
    experiment: Experiment
    folder: Workdir
    checkpoints: Checkpoints
    stop: Preemption
    keys: Keys
    plan: EvaluationPlan | None
