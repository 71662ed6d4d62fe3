"""Everything that belongs to one run, in one tuple."""

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
        config: the checked config.
        dataset: the run's data set.
        experiment: the run's networks and step.
        folder: the open run folder.
        checkpoints: the folder's checkpoints.
        stop: whether a signal has asked for an end.
        keys: the run's random keys.
        plan: the plan of the run's evaluations, or None.
    """

    config: Config
    dataset: Dataset
    experiment: Experiment
    folder: Workdir
    checkpoints: Checkpoints
    stop: Preemption
    keys: Keys
    plan: EvaluationPlan | None
