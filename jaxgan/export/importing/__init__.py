"""Published weights of the authors' own programs, as a run's exported networks.

`import_weights` reads a file inertly (`jaxgan.inert`), finds out the configuration from the shapes of its
layers, and gives each array the name and the layout that it has in jaxgan's network of the same family. There
is one file for each family.
"""

from jaxgan.export.importing.command import Imported, import_weights

__all__ = ["Imported", "import_weights"]
