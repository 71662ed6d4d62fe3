"""The trained networks of a run as files that other programs read: generator, discriminator and encoder.

Each network is two plain files: its variables, and a description. `load_generator`, `load_discriminator` and
`load_encoder` make functions of them, `load_translator` one of a generator that makes images of pictures, and
`load_table_generator` one that draws the rows of a table; `read_generator` and the like give the module and
its variables.
"""

from jaxgan.export.discriminator import (
    NO_CLASS,
    Judgment,
    has_discriminator,
    judges_pairs,
    judges_sources,
    judging,
    labels_for,
    load_discriminator,
    read_discriminator,
    save_discriminator,
    showing,
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
    BACKWARD,
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
    refuse_translator,
    save_generator,
    source_shape_of,
    weights_of,
)
from jaxgan.export.hub import is_address, local_copy
from jaxgan.export.safetensors import Network
from jaxgan.export.standing import with_standing_statistics
from jaxgan.export.table import TableGenerator, has_table, load_table_generator, read_table, save_table
from jaxgan.export.translator import DIRECTIONS, Translator, load_translator, translating

__all__ = [
    "BACKWARD",
    "CONFIG",
    "DIRECTIONS",
    "NO_CLASS",
    "WEIGHTS",
    "Judgment",
    "Network",
    "TableGenerator",
    "Translator",
    "check_truncation",
    "encoding",
    "folder_of",
    "generating",
    "goes_with",
    "has_discriminator",
    "has_encoder",
    "has_table",
    "is_address",
    "is_exported",
    "is_trained_afterwards",
    "judges_pairs",
    "judges_sources",
    "judging",
    "labels_for",
    "load_discriminator",
    "load_encoder",
    "load_generator",
    "load_table_generator",
    "load_translator",
    "local_copy",
    "prior_of",
    "read_description",
    "read_discriminator",
    "read_encoder",
    "read_generator",
    "read_table",
    "refuse_translator",
    "save_discriminator",
    "save_encoder",
    "save_generator",
    "save_table",
    "showing",
    "source_shape_of",
    "translating",
    "weights_of",
    "with_standing_statistics",
]
