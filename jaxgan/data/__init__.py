"""Image sources, and the order in which a run sees their images.

`load` turns the name of a source into a `Dataset`: arrays at rest. `load_pairs` makes one of images and the
sources that a translator makes them of, `load_unpaired` one of two sets without pairs, and `load_table` one
of a table. `batch_at` gathers the batch of a step from arrays on the device. If a data set does not fit on
the device, `Stream` gathers the same batches, bit for bit, on the host.
"""

from jaxgan.data.dataset import Dataset, first_examples, first_images, from_arrays
from jaxgan.data.order import batch_at, batch_indices
from jaxgan.data.pairs import load_pairs
from jaxgan.data.sources import digits, load, prepare
from jaxgan.data.stream import Feed, Stream
from jaxgan.data.tables.load import load_table
from jaxgan.data.unpaired import load_unpaired

__all__ = [
    "Dataset",
    "Feed",
    "Stream",
    "batch_at",
    "batch_indices",
    "digits",
    "first_examples",
    "first_images",
    "from_arrays",
    "load",
    "load_pairs",
    "load_table",
    "load_unpaired",
    "prepare",
]
