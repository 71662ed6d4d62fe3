"""Why the discriminator says what it says of an image, and what happens inside the generator.

An explanation says what was asked (what does each region add to the verdict?), against what (the reference,
which stands where a region is left out) and how sure it is (standard errors, and numbers that a wrong
explanation would fail at).

    critic = export.load_discriminator("runs/mnist_dcgan")
    regions = explain.grid(image.shape, 7, 7)
    found = explain.shapley(critic, image, reference, regions, key=jax.random.key(0))
    explain.fidelity(critic, image, reference, regions, found.values, key=jax.random.key(1))

`explain.explain` is the command `jaxgan explain`, which does all of it for a run.
"""

from jaxgan.explain.coalitions import Attribution
from jaxgan.explain.command import Explanation, explain, table
from jaxgan.explain.directions import (
    Directions,
    jacobian,
    metric,
    motion,
    pca,
    random_vectors,
    sefa,
    traverse,
)
from jaxgan.explain.edit import Edited, edit
from jaxgan.explain.faithful import deletion_gap, fidelity, randomised, sensitivity
from jaxgan.explain.gradients import expected_gradients, integrated_gradients
from jaxgan.explain.information import UnitInformation, bits, effective_dimension, unit_information
from jaxgan.explain.inside import activations, edited
from jaxgan.explain.inversion import Inversion, invert
from jaxgan.explain.lime import lime
from jaxgan.explain.memory import Memory, memory_of
from jaxgan.explain.project import Projected, invert_to_files, project
from jaxgan.explain.regions import grid
from jaxgan.explain.section_inversion import inversion_section
from jaxgan.explain.section_latents import latents_section
from jaxgan.explain.section_units import units_section
from jaxgan.explain.shapley import shapley
from jaxgan.explain.space import Space, space_of, spaces_of
from jaxgan.explain.units import Effects, Statistics, dissect, effects, saturated, statistics
from jaxgan.explain.video import FRAMES, check_video, write_video

__all__ = [
    "FRAMES",
    "Attribution",
    "Directions",
    "Edited",
    "Effects",
    "Explanation",
    "Inversion",
    "Memory",
    "Projected",
    "Space",
    "Statistics",
    "UnitInformation",
    "activations",
    "bits",
    "check_video",
    "deletion_gap",
    "dissect",
    "edit",
    "edited",
    "effective_dimension",
    "effects",
    "expected_gradients",
    "explain",
    "fidelity",
    "grid",
    "integrated_gradients",
    "inversion_section",
    "invert",
    "invert_to_files",
    "jacobian",
    "latents_section",
    "lime",
    "memory_of",
    "metric",
    "motion",
    "pca",
    "project",
    "random_vectors",
    "randomised",
    "saturated",
    "sefa",
    "sensitivity",
    "shapley",
    "space_of",
    "spaces_of",
    "statistics",
    "table",
    "traverse",
    "unit_information",
    "units_section",
    "write_video",
]
