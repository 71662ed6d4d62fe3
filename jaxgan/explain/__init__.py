"""Why the discriminator says what it says of an image, and what happens inside the generator."""

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
from jaxgan.explain.information import UnitInformation, bits, effective_dimension, unit_information
from jaxgan.explain.inside import activations, edited
from jaxgan.explain.inversion import Inversion, invert
from jaxgan.explain.memory import Memory, memory_of
from jaxgan.explain.project import Projected, invert_to_files, project
from jaxgan.explain.section_inversion import inversion_section
from jaxgan.explain.section_latents import latents_section
from jaxgan.explain.section_units import units_section
from jaxgan.explain.space import Space, space_of, spaces_of
from jaxgan.explain.units import Effects, Statistics, dissect, effects, saturated, statistics
from jaxgan.explain.video import FRAMES, check_video, write_video

__all__ = [
    "FRAMES",
    "Directions",
    "Edited",
    "Effects",
    "Inversion",
    "Memory",
    "Projected",
    "Space",
    "Statistics",
    "UnitInformation",
    "activations",
    "bits",
    "check_video",
    "dissect",
    "edit",
    "edited",
    "effective_dimension",
    "effects",
    "inversion_section",
    "invert",
    "invert_to_files",
    "jacobian",
    "latents_section",
    "memory_of",
    "metric",
    "motion",
    "pca",
    "project",
    "random_vectors",
    "saturated",
    "sefa",
    "space_of",
    "spaces_of",
    "statistics",
    "traverse",
    "unit_information",
    "units_section",
    "write_video",
]
