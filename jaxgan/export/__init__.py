"""A trained generator as files that other programs read."""

from jaxgan.export.safetensors import (
    CONFIG,
    WEIGHTS,
    check_truncation,
    is_exported,
    load_generator,
    prior_of,
    read_description,
    save_generator,
)

__all__ = [
    "CONFIG",
    "WEIGHTS",
    "check_truncation",
    "is_exported",
    "load_generator",
    "prior_of",
    "read_description",
    "save_generator",
]
