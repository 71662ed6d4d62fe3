"""Small classifiers whose penultimate layer makes features: `digits-cnn`, `mnist-cnn`, `fashion-mnist-cnn`.

`own_classifier` makes one of any labelled data set by the same recipe, and `accuracy_after` says what such a
classifier learns from any labelled images.

For gray images of 8x8 or 28x28 pixels, the features of a network for photographs say little, and its weights
take a hundred megabytes. A small network that tells the classes apart says more. It is trained in a minute
from the data set's own labels, on the training split alone, and then kept. Its scores carry its name
("FID-mnist-cnn") and can be compared with each other only.

The recipe is always the same: two convolutions and two dense layers with ReLU; cross-entropy; Adam with a
learning rate from 2e-3 to 0 along a cosine; batches of 128 in the order of `jaxgan.data`; seed 0.
scikit-learn's digits have no splits, so every fifth image is held out. Features are divided by one number,
which makes their mean square over the training images 1: the scale of a hidden layer is arbitrary, but the
kernel of KID depends on it.

References:
    Bińkowski et al. 2018, Demystifying MMD GANs, https://arxiv.org/abs/1801.01401, which uses a LeNet for
    MNIST
"""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxgan.data import Dataset, batch_at, digits, load, pictures
from jaxgan.data.fingerprint import fingerprint
from jaxgan.features.extractor import Extractor
from jaxgan.images import to_float
from jaxgan.state import named_leaves, with_leaves
from jaxgan.system.cache import Arrays, content_hash, kept_arrays, key_hash
from jaxgan.system.errors import UserError
from jaxgan.system.limits import require_memory
from jaxgan.system.progress import counting
from jaxgan.system.random import pinned, seed_key

VERSION = 1  # the version of network and recipe; the cache key holds it
BATCH_SIZE, LEARNING_RATE, SEED = 128, 2e-3, 0
OWN = "own"  # the name of the classifier that learns the labels of the data set itself
STEPS = 1500  # training steps of that one, about
LARGEST = 64  # pixels of the longer side that it looks at
FEWEST_PER_CLASS = 10


class Recipe(NamedTuple):
    """The settings in which the classifiers differ.

    Attributes:
        source: the name of the data set.
        epochs: the number of passes over its training split.
        dimension: the length of a feature vector.
        strides: the strides of the two convolutions.
    """

    source: str
    epochs: int
    dimension: int
    strides: tuple[int, int]


RECIPES = {
    "digits-cnn": Recipe("digits", 30, 64, (1, 2)),
    "mnist-cnn": Recipe("mnist", 3, 128, (2, 2)),
    "fashion-mnist-cnn": Recipe("fashion_mnist", 5, 128, (2, 2)),
}


class Classifier(nn.Module):
    """Images to features and logits.

    Attributes:
        num_classes: the number of classes.
        dimension: the length of a feature vector.
        strides: the strides of the two convolutions.
    """

    num_classes: int
    dimension: int
    strides: tuple[int, int]

    @nn.compact
    def __call__(
        self, images: Float[Array, "batch height width channel"]
    ) -> tuple[Float[Array, "batch d"], Float[Array, "batch classes"]]:
        """Return the features, >= 0, and the logits."""
        hidden = images
        for width, stride in zip((32, 64), self.strides, strict=True):
            hidden = nn.relu(nn.Conv(width, (3, 3), (stride, stride))(hidden))
        hidden = nn.relu(nn.Dense(self.dimension)(hidden.reshape(len(hidden), -1)))
        return hidden, nn.Dense(self.num_classes)(hidden)


def classifier(name: str, *, data_dir: str | None = None) -> Extractor:
    """Return a small classifier as an extractor; it is trained if the cache does not hold it.

    Args:
        name: one of `RECIPES`.
        data_dir: the folder of TFDS data sets.

    Returns:
        An `Extractor` with logits, whose details hold the accuracy on the held-out images.

    Raises:
        UserError: if the data set cannot be read, or the cache folder cannot be written to.
    """
    recipe = RECIPES[name]
    if recipe.source == "digits":
        return _extractor(name, recipe, *_every_fifth(digits()), recipe.source)
    train, test = (load(recipe.source, split=split, data_dir=data_dir) for split in ("train", "test"))
    return _extractor(name, recipe, train, test, recipe.source)


def own_classifier(dataset: Dataset) -> Extractor:
    """Return a small classifier of a labelled data set as an extractor; it is trained if it is not kept yet.

    Its name holds a hash of the data set, as its scores can be compared with no other's. Pictures of more
    than 64 pixels are resized first.

    Args:
        dataset: images with labels. Every fifth image is held out.

    Returns:
        An `Extractor` as `classifier` returns it.

    Raises:
        UserError: if the data set has no labels, too few classes or too few images.
    """
    if problem := why_not_own(dataset):
        raise UserError(f"`extractor` {OWN} {problem}")
    if (images := shrunk(dataset.images)) is not dataset.images:
        dataset = dataset._replace(images=images, content=None)
    name = f"{OWN}-cnn-{key_hash(fingerprint(dataset, conditional=True))[:8]}"
    return _extractor(name, _own_recipe(dataset), *_every_fifth(dataset), dataset.name)


def accuracy_after(
    train: Dataset,
    test: Dataset,
    recipe: Recipe,
    *,
    steps: int | None = None,
    seed: int = SEED,
    kept: bool = False,
) -> float:
    """Train a small classifier on some images, and return its accuracy on others.

    Args:
        train: labelled images to learn, of at most 64 pixels a side (`shrunk`).
        test: labelled images of the same size and classes.
        recipe: the classifier's settings (`recipe_of`).
        steps: the number of updates, each by 128 images; None for the recipe's epochs.
        seed: the seed of the weights and of the order of the images.
        kept: whether the cache keeps the classifier, as is worth it for real images.

    Returns:
        The share of the test images whose class the classifier names, in [0, 1].

    Raises:
        UserError: if the cache folder cannot be written to.
    """
    if train.labels is None or test.labels is None:
        raise ValueError("a classifier learns labelled images, and is tested with such")
    if steps is None:
        steps = recipe.epochs * len(train.images) // BATCH_SIZE
    network = Classifier(train.num_classes or 0, recipe.dimension, recipe.strides)

    def make() -> Arrays:
        return _train(f"a classifier on {train.name}", network, steps, train, test, seed)

    if not kept:
        return float(make()["accuracy"])
    hashes = {
        role: content_hash({"images": np.asarray(each.images), "labels": np.asarray(each.labels)})
        for role, each in (("train", train), ("test", test))
    }
    key = {"version": VERSION, "classes": train.num_classes, "dimension": recipe.dimension, **hashes}
    key |= {"strides": recipe.strides, "steps": steps, "seed": seed}
    return float(kept_arrays("classifiers", key, make)["accuracy"])


def recipe_of(dataset: Dataset) -> Recipe:
    """Return the settings of the classifier that goes with a data set: those of its name, or of `own`."""
    named = (recipe for recipe in RECIPES.values() if recipe.source == dataset.name)
    return next(named, _own_recipe(dataset))


def shrunk(images: np.ndarray) -> np.ndarray:
    """Return uint8 images in the size at which a classifier looks at them: at most 64 pixels a side."""
    height, width, channels = images.shape[1:]
    scale = min(1.0, LARGEST / max(height, width))
    if scale == 1:
        return images
    size = max(1, round(height * scale)), max(1, round(width * scale))
    require_memory(len(images) * size[0] * size[1] * channels, "a classifier of the images")
    return np.stack([pictures.fit_array(image, size, channels) for image in images])


def _own_recipe(dataset: Dataset) -> Recipe:
    epochs = min(30, max(3, -(-STEPS * BATCH_SIZE // len(dataset.images))))
    strides = (2, 2) if min(dataset.images.shape[1:3]) > 12 else (1, 2)
    return Recipe(OWN, epochs, 128, strides)


def why_not_own(dataset: Dataset) -> str:
    """Return in words why no classifier can learn a data set's labels, or an empty text."""
    if dataset.labels is None or dataset.images.ndim != 4:
        return f"learns from labels, and the images of {dataset.name} have none"
    classes = len(np.unique(dataset.labels))
    if classes < 2 or len(dataset.images) < FEWEST_PER_CLASS * classes:
        return (
            f"takes two classes and {FEWEST_PER_CLASS} images of each, "
            f"and {dataset.name} has {len(dataset.images):,} images of {classes}"
        )
    return ""


def _extractor(name: str, recipe: Recipe, train: Dataset, test: Dataset, classes: str) -> Extractor:
    """Return the classifier of a recipe, from the cache or trained; its logits stand for `classes`."""
    if train.labels is None or test.labels is None:
        raise UserError(f"{classes} has no labels to train a classifier on")
    network = Classifier(train.num_classes or 0, recipe.dimension, recipe.strides)
    key = {
        "version": VERSION,
        "recipe": [*recipe[:-1], *recipe.strides],
        "train": content_hash({"images": np.asarray(train.images), "labels": np.asarray(train.labels)}),
    }
    steps = recipe.epochs * len(train.images) // BATCH_SIZE
    arrays = dict(kept_arrays("classifiers", key, lambda: _train(name, network, steps, train, test)))
    accuracy, scale = float(arrays.pop("accuracy")), float(arrays["scale"])
    shape = train.images.shape[1:]
    like = jax.eval_shape(network.init, seed_key(0), jnp.zeros((1, *shape)))
    variables = with_leaves(like, arrays)

    def apply(variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        hidden, logits = _run(network, variables, images)
        return hidden / scale, logits

    return Extractor(
        name,
        apply,
        variables,
        hash=content_hash({"version": np.array(VERSION), **arrays}),
        image_shape=(shape[0], shape[1], shape[2]),
        classes=classes,
        details={"test_accuracy": accuracy, "n_train": len(train.images), "n_test": len(test.images)},
    )


def _every_fifth(dataset: Dataset) -> tuple[Dataset, Dataset]:
    """Return four fifths of a data set without splits to train on, and every fifth image to test with."""
    held_out = np.arange(len(dataset.images)) % 5 == 0
    train, test = (
        dataset._replace(images=dataset.images[rows], labels=np.asarray(dataset.labels)[rows], content=None)
        for rows in (~held_out, held_out)
    )
    return train, test


def _run(network: Classifier, variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return features and logits of uint8 images."""
    hidden, logits = network.apply(variables, to_float(images))
    return jnp.asarray(hidden), jnp.asarray(logits)


@pinned()
def _train(
    name: str, network: Classifier, steps: int, train: Dataset, test: Dataset, seed: int = SEED
) -> Arrays:
    """Return the trained variables by name, with the accuracy on `test` and the scale of the features."""
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))
    arrays = {name: jnp.asarray(array) for name, array in train.arrays(conditional=True).items()}
    variables = network.init(seed_key(seed), to_float(arrays["image"][:1]))

    def loss(variables, batch):
        logits = _run(network, variables, batch["image"])[1]
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean()

    @jax.jit
    def update(variables, state, arrays, step):
        batch = batch_at(arrays, step, seed=seed, batch_size=BATCH_SIZE)
        updates, state = optimizer.update(jax.grad(loss)(variables, batch), state)
        return optax.apply_updates(variables, updates), state

    state = optimizer.init(variables)
    with counting(f"training {name}", steps, "steps") as bar:
        for step in range(steps):
            variables, state = update(variables, state, arrays, step)
            bar.update()
    trained = Extractor(name, partial(_run, network), variables)
    accuracy = (np.asarray(trained.outputs(test.images).logits).argmax(axis=1) == test.labels).mean()
    scale = np.sqrt(np.square(trained(train.images), dtype=np.float64).mean())
    leaves = {path: np.asarray(leaf) for path, leaf in named_leaves(variables).items()}
    return {**leaves, "accuracy": accuracy, "scale": scale}
