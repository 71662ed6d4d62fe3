"""Images to features, for the metrics to compare.

    extractor = features.get("digits-cnn")
    metrics.frechet_distance(extractor(real_images), extractor(fake_images), extractor=extractor.name)

An `Extractor` is a name, a hash of all that its features depend on, and a jitted function of images. There
are small classifiers of one data set each, the 2015 Inception of FID, and your own function through
`from_function`.
"""

from pathlib import Path

from jaxgan.errors import UserError
from jaxgan.features.classifiers import RECIPES, classifier
from jaxgan.features.extractor import Extractor, NotFiniteError, Outputs, eight_bits, from_function
from jaxgan.features.published import NAME as INCEPTION
from jaxgan.features.published import inception
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

NAMES = (*RECIPES, INCEPTION)
OF_DATA = {recipe.source: name for name, recipe in RECIPES.items()}


def get(
    name: str | None = None,
    *,
    source: str | None = None,
    inception_weights: str | Path | None = None,
    data_dir: str | None = None,
) -> Extractor:
    """Return an extractor by its name, or the one that goes with a data set.

    Args:
        name: one of `NAMES`; None for Inception where there are weights for it, and otherwise for the one of
            `source`.
        source: name of a data set.
        inception_weights: file of the weights of "inception-2015".
        data_dir: where TFDS data sets are.

    Raises:
        UserError: if there is none, or it cannot be had; one sentence says why.
    """
    if name is None and inception_weights is not None:
        name = INCEPTION
    if name is None and source in OF_DATA:
        name = OF_DATA[source]
    if name is None:
        raise UserError(f"no extractor goes with {source}: choose an --extractor of {', '.join(NAMES)}")
    if name not in NAMES:
        raise UserError(f"--extractor {name} is unknown: there are {', '.join(NAMES)}")
    if name == INCEPTION:
        if inception_weights is None:
            raise UserError(f"--extractor {INCEPTION} needs --inception-weights, a file of its weights")
        return inception(Path(inception_weights).expanduser())
    return classifier(name, data_dir=data_dir)
