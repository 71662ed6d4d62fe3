"""Images to features, for the metrics to compare.

    extractor = features.get("digits-cnn")
    metrics.frechet_distance(extractor(real_images), extractor(fake_images), extractor_name=extractor.name)

An `Extractor` is a name, a hash of all that its features depend on, and a jitted function of images. There
are small classifiers of one data set each, the 2015 Inception of FID, EfficientNet-Lite0, and your own
function through `from_function`.
"""

from pathlib import Path

from jaxgan.data import Dataset
from jaxgan.features.classifiers import OWN, RECIPES, classifier, own_classifier, why_not_own
from jaxgan.features.download import cached_path, fetch
from jaxgan.features.extractor import Extractor, FeaturesNotFiniteError, Outputs, from_function
from jaxgan.features.published import EFFICIENTNET, INCEPTION, PUBLISHED, published
from jaxgan.system import errors
from jaxgan.system.errors import UserError
from jaxgan.system.files import expanded

__all__ = [
    "NAMES",
    "OWN",
    "RECIPES",
    "Extractor",
    "FeaturesNotFiniteError",
    "Outputs",
    "choose",
    "from_function",
    "get",
]

NAMES = (*RECIPES, OWN, *PUBLISHED)
CLASSIFIER_OF = {recipe.source: name for name, recipe in RECIPES.items()}


def get(
    name: str | None = None,
    *,
    source: str | None = None,
    dataset: Dataset | None = None,
    inception_weights: str | Path | None = None,
    efficientnet_weights: str | Path | None = None,
    download: bool = False,
    data_dir: str | None = None,
) -> Extractor:
    """Return an extractor by its name, or the one that goes with a data set.

    Args:
        name: one of `NAMES`. None chooses the network whose weights are given; or else the classifier of
            `source`; or else the one that learns the labels of `dataset`, if it has labels; or else
            "inception-2015", if its weights were fetched before.
        source: the name of a data set.
        dataset: the data set itself, for "own".
        inception_weights: the file of the weights of "inception-2015".
        efficientnet_weights: the file of the weights of "efficientnet-lite0".
        download: whether to fetch the weights of "inception-2015" into the cache folder if it lacks them.
        data_dir: the folder of TFDS data sets.

    Raises:
        UserError: if there is no such extractor, or it cannot be loaded; one sentence says why.
    """
    name, file = choose(
        name,
        source=source,
        labelled=dataset is not None and not why_not_own(dataset),
        inception_weights=inception_weights,
        efficientnet_weights=efficientnet_weights,
        download=download,
    )
    if name == OWN:
        if dataset is None:
            raise UserError(f"`extractor` {OWN} learns from labels, and {source} has none")
        return own_classifier(dataset)
    return classifier(name, data_dir=data_dir) if file is None else published(name, file)


def choose(
    name: str | None,
    *,
    source: str | None,
    labelled: bool = False,
    inception_weights: str | Path | None = None,
    efficientnet_weights: str | Path | None = None,
    download: bool = False,
) -> tuple[str, Path | None]:
    """Return the name of the extractor that `get` would return, and its file of weights; loads neither.

    The arguments are those of `get`, and whether there are labels to learn from. A classifier has no file.

    Raises:
        UserError: if there is no such extractor, or no such file.
    """
    weights = {INCEPTION: inception_weights, EFFICIENTNET: efficientnet_weights}
    given = [network for network, file in weights.items() if file is not None]
    if name is None:
        name = given[0] if given else INCEPTION if download else CLASSIFIER_OF.get(source or "")
    if name is None and labelled:
        name = OWN
    if name is None and cached_path(PUBLISHED[INCEPTION].url or "").is_file():
        name = INCEPTION
    if name is None:
        raise UserError(
            f"no extractor goes with {source}, whose images have no labels to learn from: "
            "jaxgan evaluate RUN --download fetches the 2015 Inception once (96 MB) and later runs find it, "
            "or `inception_weights` names a file of its weights"
        )
    name = errors.choose("extractor", name, NAMES)
    for network in given:
        if network != name:
            raise UserError(f"`{network.split('-')[0]}_weights` has no effect with `extractor` {name}")
    if download and name != INCEPTION:
        raise UserError(f"`download` has no effect with `extractor` {name}: it fetches the 2015 Inception")
    if name not in PUBLISHED:
        return name, None
    network, file = PUBLISHED[name], weights[name]
    if file is None and network.url is not None:
        file = cached_path(network.url)
        if not file.is_file():
            file = fetch(network.url, sha256=network.sha256, size=network.size) if download else None
    if file is None:
        or_download = "" if network.url is None else ", or `download`, which fetches it once"
        argument = f"`{name.split('-')[0]}_weights`"
        raise UserError(f"`extractor` {name} needs {argument}, a file of its weights{or_download}")
    path = expanded(file)
    if not path.is_file():
        raise UserError(f"there is no file of weights {path}")
    return name, path
