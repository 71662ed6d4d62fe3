"""Small classifiers whose penultimate layer makes features: `digits-cnn`, `mnist-cnn`, `fashion-mnist-cnn`.

For 8x8 or 28x28 grey images the features of a network made for photographs say little, and its weights are a
hundred megabytes. A small network that tells the classes apart says more, and is trained in a minute from the
data set's own labels, always by one recipe and from one seed. It is trained once, on the training split
alone, and kept; its scores carry its name ("FID-mnist-cnn") and compare with each other only.

The recipe: two convolutions and two dense layers, ReLU; Adam, batches of 128 in the order of `jaxgan.data`,
learning rate 2e-3 to 0 along a cosine, cross-entropy, seed 0. scikit-learn's digits have no splits: every
fifth image is held out. Features are divided by one number, so that over the training images their mean
square is 1: the scale of a hidden layer means nothing, and the kernel of KID has one.

References:
    LeCun et al. 1998, Gradient-Based Learning Applied to Document Recognition, section II
    Bińkowski et al. 2018, Demystifying MMD GANs, https://arxiv.org/abs/1801.01401, which use a LeNet so
"""

from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxgan import data
from jaxgan.features.extractor import Extractor
from jaxgan.features.store import Arrays, content_hash, kept
from jaxgan.images import to_float
from jaxgan.state import named_leaves, with_leaves
from jaxgan.system.errors import UserError
from jaxgan.system.progress import counting

VERSION = 1  # counts the changes of network or recipe: part of the cache key
BATCH_SIZE, LEARNING_RATE, SEED = 128, 2e-3, 0


class Recipe(NamedTuple):
    """What differs between the classifiers.

    Attributes:
        source: name of the data set.
        epochs: passes over its training split.
        dimension: of the features.
        strides: of the two convolutions.
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
        num_classes: of the labels.
        dimension: of the features.
        strides: of the two convolutions.
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
    """Return a small classifier as an extractor; trains it where the cache has none.

    Args:
        name: of `RECIPES`.
        data_dir: where TFDS data sets are.

    Returns:
        An `Extractor` with logits, whose details hold the accuracy on the held-out images.

    Raises:
        UserError: if the data set cannot be read, or the cache not be written.
    """
    recipe = RECIPES[name]
    train, test = _splits(recipe.source, data_dir)
    network = Classifier(train.num_classes or 0, recipe.dimension, recipe.strides)
    key = {
        "version": VERSION,
        "recipe": [*recipe[:-1], *recipe.strides],
        "train": content_hash({"images": np.asarray(train.images), "labels": np.asarray(train.labels)}),
    }
    arrays = dict(kept("classifiers", key, lambda: _train(name, network, recipe.epochs, train, test)))
    accuracy, scale = float(arrays.pop("accuracy")), float(arrays["scale"])
    shape = train.images.shape[1:]
    like = jax.eval_shape(network.init, jax.random.key(0), jnp.zeros((1, *shape)))
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
        classes=recipe.source,
        details={"test_accuracy": accuracy, "n_train": len(train.images), "n_test": len(test.images)},
    )


def _splits(source: str, data_dir: str | None) -> tuple[data.Dataset, data.Dataset]:
    """Return what to train on, and what is held out."""
    if source != "digits":
        train, test = (data.load(source, split=split, data_dir=data_dir) for split in ("train", "test"))
    else:
        whole = data.digits()
        held_out = np.arange(len(whole.images)) % 5 == 0
        train, test = (
            whole._replace(images=whole.images[rows], labels=np.asarray(whole.labels)[rows])
            for rows in (~held_out, held_out)
        )
    if train.labels is None or test.labels is None:
        raise UserError(f"{source} has no labels to train a classifier on")
    return train, test


def _run(network: Classifier, variables: Any, images: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return features and logits of uint8 images."""
    hidden, logits = network.apply(variables, to_float(images))
    return jnp.asarray(hidden), jnp.asarray(logits)


def _train(name: str, network: Classifier, epochs: int, train: data.Dataset, test: data.Dataset) -> Arrays:
    """Return the trained variables by name, and the accuracy on `test`."""
    size = len(train.images)
    steps = epochs * size // BATCH_SIZE
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, steps))
    arrays = {"image": jnp.asarray(train.images), "label": jnp.asarray(train.labels)}
    variables = network.init(jax.random.key(SEED), to_float(arrays["image"][:1]))

    def loss(variables, batch):
        logits = _run(network, variables, batch["image"])[1]
        return optax.softmax_cross_entropy_with_integer_labels(logits, batch["label"]).mean()

    @jax.jit
    def update(variables, state, arrays, step):
        batch = data.batch_at(arrays, step, seed=SEED, batch_size=BATCH_SIZE)
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
