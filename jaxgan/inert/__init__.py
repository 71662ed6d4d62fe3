"""Files of PyTorch, and pickles, read as data: nothing in them is imported, called or run.

A pickle is a program. It may call any function by its name, and whoever runs it with Python's own reader
trusts its author. Here a name stays a name: `pickles` follows the program and notes what it would call, with
which arguments, and `tensors` and `modules` look in these notes for arrays of numbers and for the layers that
hold them. No PyTorch is needed.

Every file has limits: its size, the number of its instructions, the size and number of its arrays, and the
depth of its layers. A file that claims more is refused before anything is allocated.
"""

from jaxgan.inert.modules import Layers, layers_of
from jaxgan.inert.pickles import Call, Name, Program, entries_of, shown
from jaxgan.inert.tensors import MAGIC, Tensor, WeightFile

__all__ = [
    "MAGIC",
    "Call",
    "Layers",
    "Name",
    "Program",
    "Tensor",
    "WeightFile",
    "entries_of",
    "layers_of",
    "shown",
]
