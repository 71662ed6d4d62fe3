"""Recipes: named training settings for any data, each with its source.

A recipe is a function from facts about the data and the machine (`Facts`) to settings. `choose` returns them
with a line that says which recipe was chosen and why; for "auto" it chooses the recipe. Any option of the
command line wins over the recipe.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxgan.config import Config
from jaxgan.system.errors import UserError
from jaxgan.system.errors import choose as choose_name

FEW = 10_000  # images; discriminators soon overfit to fewer (Zhao et al. 2020, figure 1)
SMALL = 12  # pixels of the shorter side; fewer leave little room for convolutions


class Facts(NamedTuple):
    """The facts that a recipe may depend on.

    Attributes:
        image_shape: shape of one image, ``(height, width, channels)``, or of one point, ``(D,)``.
        images: number of images.
        num_classes: number of classes, or None for data without labels.
        platform: "cpu", "gpu" or "tpu".
    """

    image_shape: tuple[int, ...]
    images: int
    num_classes: int | None
    platform: str


class Recipe(NamedTuple):
    """A recipe.

    Attributes:
        title: a few words about the networks and the loss.
        source: the papers that the settings come from.
        cost: the time that a run takes.
        settings: ``facts -> settings``.
    """

    title: str
    source: str
    cost: str
    settings: Callable[[Facts], dict[str, Any]]


POINTS: dict[str, Any] = {  # experiments/ring.py finds every mode of a ring and a grid with these
    "network": "mlp",
    "hidden": (128, 128, 128, 128),
    "latent_dim": 2,
    "loss": "relativistic",
    "penalty": "r1_r2",
    "penalty_weight": 0.002,
    "batch_size": 256,
    "steps": 8000,
    "generator_learning_rate": 4e-3,
    "discriminator_learning_rate": 4e-3,
    "learning_rate_schedule": "cosine",
    "decay_steps": 8000,
    "beta1": 0.0,
    "beta2": 0.9,
}


def _mlp(facts: Facts) -> dict[str, Any]:
    if len(facts.image_shape) == 1:
        return POINTS
    settings: dict[str, Any] = {"network": "mlp", "penalty": "r1", "penalty_weight": 1.0, "batch_size": 128}
    steps = 6000 if _pixels(facts) <= 256 else 12_000
    return settings | {"steps": steps}


def _dcgan(facts: Facts) -> dict[str, Any]:
    settings: dict[str, Any] = {"network": "dcgan", "discriminator_norm": "batch", "beta1": 0.5}
    return settings | _size(facts, steps=6000)


def _wgan_gp(facts: Facts) -> dict[str, Any]:
    return {
        "network": "dcgan",
        "discriminator_norm": "none",
        "loss": "wasserstein",
        "penalty": "gradient_penalty",
        "penalty_weight": 10.0,
        "d_steps": 5,
        "generator_learning_rate": 1e-4,
        "discriminator_learning_rate": 1e-4,
        "beta1": 0.0,
        "beta2": 0.9,
        **_size(facts, steps=3000),
    }


def _size(facts: Facts, *, steps: int) -> dict[str, Any]:
    """Return width, batch size and steps: the paper's on an accelerator, smaller ones on a CPU."""
    if facts.platform == "cpu":
        return {"width": 32, "batch_size": 64, "steps": steps}
    return {"width": 128 if min(facts.image_shape[:2]) >= 64 else 64, "batch_size": 128, "steps": 10 * steps}


def _pixels(facts: Facts) -> int:
    return facts.image_shape[0] * (facts.image_shape[1] if len(facts.image_shape) > 1 else 1)


RECIPES = {
    "mlp": Recipe(
        "multilayer perceptrons, R1 penalty",
        "Goodfellow et al. 2014; Mescheder et al. 2018",
        "28x28: 12,000 steps, 4 minutes on two CPU cores",
        _mlp,
    ),
    "dcgan": Recipe(
        "strided convolutions, batch normalization",
        "Radford et al. 2016",
        "28x28: 6,000 steps, 4 minutes on two CPU cores",
        _dcgan,
    ),
    "wgan_gp": Recipe(
        "DCGAN's networks, Wasserstein loss, gradient penalty, five discriminator updates a step",
        "Gulrajani et al. 2017",
        "28x28: 3,000 steps, about 6 minutes on two CPU cores",
        _wgan_gp,
    ),
}


def choose(name: str, facts: Facts, default: Config = Config()) -> tuple[Config, str]:
    """Return a recipe's config, and a line that says which recipe was chosen and why.

    Args:
        name: a recipe's name, or "auto".
        facts: facts about the data and the machine.
        default: config with the settings that the recipe leaves alone.

    Raises:
        UserError: if the name is unknown, or if the recipe cannot learn such data.
    """
    name = choose_name("recipe", name, ["auto", *RECIPES])
    if name == "auto":
        name, changes, reason = _auto(facts)
        line = f"recipe auto: {name}, since {reason}"
    else:
        changes, line = {}, f"recipe {name}: {RECIPES[name].title} ({RECIPES[name].source})"
    if len(facts.image_shape) != 3 and name != "mlp":
        raise UserError(f"`recipe` {name} learns images, and these data are points {list(facts.image_shape)}")
    settings = RECIPES[name].settings(facts) | changes
    settings["batch_size"] = min(settings["batch_size"], facts.images)
    return default.replace(**settings), line


def _auto(facts: Facts) -> tuple[str, dict[str, Any], str]:
    """Return a recipe's name, what to change of its settings, and the reason for both."""
    if len(facts.image_shape) != 3:
        return "mlp", {}, "the data are points"
    height, width, _ = facts.image_shape
    if min(height, width) < SMALL:
        return "mlp", {}, f"{height}x{width} pixels leave little room for convolutions"
    reason = "convolutions suit images of this size"
    if facts.platform == "cpu":
        reason += ", and narrow networks a CPU"
    if facts.images >= FEW:
        return "dcgan", {}, reason
    reason += f"; {facts.images:,} images are few, so the discriminator sees them augmented"
    return "dcgan", {"augment": ("color", "translation", "cutout")}, reason
