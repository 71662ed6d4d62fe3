"""Image sources, and the order in which a run sees their images.

`load` turns the name of a source into a `Dataset`: arrays at rest. `batch_at` gathers the batch of a step
from arrays on the device. If a data set does not fit on the device, `Stream` gathers the same batches, bit
for bit, on the host.
"""

from jaxgan.data.dataset import Dataset, first_images, from_arrays
from jaxgan.data.order import batch_at, batch_indices
from jaxgan.data.sources import digits, load, prepare
from jaxgan.data.stream import Feed, Stream

__all__ = [
    "Dataset",
    "Feed",
    "Stream",
    "batch_at",
    "batch_indices",
    "digits",
    "first_images",
    "from_arrays",
    "load",
    "prepare",
]
