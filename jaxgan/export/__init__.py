"""The trained networks of a run as files that other programs read: generator, discriminator and encoder.

Each network is two plain files: its variables, and a description. `load_generator`, `load_discriminator` and
`load_encoder` make functions of them; `read_generator` and the like give the module and its variables.
"""

from jaxgan.export.discriminator import (
    Judgment,
    has_discriminator,
    judges_pairs,
    judging,
    load_discriminator,
    read_discriminator,
    save_discriminator,
)
from jaxgan.export.encoder import (
    encoding,
    goes_with,
    has_encoder,
    is_trained_afterwards,
    load_encoder,
    read_encoder,
    save_encoder,
)
from jaxgan.export.generator import (
    CONFIG,
    WEIGHTS,
    check_truncation,
    folder_of,
    generating,
    is_exported,
    load_generator,
    prior_of,
    read_description,
    read_generator,
    save_generator,
)
from jaxgan.export.hub import is_address, local_copy
from jaxgan.export.safetensors import Network
from jaxgan.export.standing import with_standing_statistics

__all__ = [
    "CONFIG",
    "WEIGHTS",
    "Judgment",
    "Network",
    "check_truncation",
    "encoding",
    "folder_of",
    "generating",
    "goes_with",
    "has_discriminator",
    "has_encoder",
    "is_address",
    "is_exported",
    "is_trained_afterwards",
    "judges_pairs",
    "judging",
    "load_discriminator",
    "load_encoder",
    "load_generator",
    "local_copy",
    "prior_of",
    "read_description",
    "read_discriminator",
    "read_encoder",
    "read_generator",
    "save_discriminator",
    "save_encoder",
    "save_generator",
    "with_standing_statistics",
]
