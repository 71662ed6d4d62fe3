"""Images to features, for the metrics to compare.

    extractor = features.get("digits-cnn")
    metrics.frechet_distance(extractor(real_images), extractor(fake_images), extractor=extractor.name)

An `Extractor` is a name, a hash of all that its features depend on, and a jitted function of images. There
are small classifiers of one data set each, and your own function through `from_function`.
"""

from jaxgan.errors import UserError
from jaxgan.features.classifier import RECIPES, classifier
from jaxgan.features.extractor import Extractor, NotFiniteError, Outputs, eight_bits, from_function
from jaxgan.features.store import content_hash, kept

__all__ = [
    "NAMES",
    "Extractor",
    "NotFiniteError",
    "Outputs",
    "content_hash",
    "eight_bits",
    "from_function",
    "get",
    "kept",
]

NAMES = (*RECIPES,)
OF_DATA = {recipe.source: name for name, recipe in RECIPES.items()}


def get(name: str | None = None, *, source: str | None = None, data_dir: str | None = None) -> Extractor:
    """Return an extractor by its name, or the one that goes with a data set.

    Args:
        name: one of `NAMES`; None for the one of `source`.
        source: name of a data set.
        data_dir: where TFDS data sets are.

    Raises:
        UserError: if there is none, or it cannot be had; one sentence says why.
    """
    if name is None and source in OF_DATA:
        name = OF_DATA[source]
    if name is None:
        raise UserError(f"no extractor goes with {source}: choose an --extractor of {', '.join(NAMES)}")
    if name not in NAMES:
        raise UserError(f"--extractor {name} is unknown: there are {', '.join(NAMES)}")
    return classifier(name, data_dir=data_dir)
