"""Recipes: named training settings for any data, each with its source.

On an accelerator a recipe has the settings of its papers. On a CPU it has narrow networks, small batches and
fewer steps.

A recipe is a function from facts about the data and the machine (`Facts`) to settings. `choose` returns them
with a line that says which recipe was chosen and why; for "auto" it chooses the recipe. Any option of the
command line wins over the recipe.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from jaxgan.config import Config
from jaxgan.networks import sizes
from jaxgan.system.errors import UserError
from jaxgan.system.errors import choose as choose_name

FEW_ROWS = 1_000  # rows of a table; large networks learn fewer by heart
FEW = 10_000  # images; discriminators soon overfit to fewer (Zhao et al. 2020, figure 1)
SMALL = 12  # pixels of the shorter side; fewer leave little room for convolutions
LARGE = 48  # pixels of the shorter side; a DCGAN smears color pictures of more


class Facts(NamedTuple):
    """The facts that a recipe may depend on.

    Attributes:
        image_shape: shape of one image, ``(height, width, channels)``, or of one point, ``(D,)``.
        images: number of images.
        num_classes: number of classes, or None for data without labels.
        platform: "cpu", "gpu" or "tpu".
        game: name of the game that is played (`jaxgan.rules.GAMES`).
    """

    image_shape: tuple[int, ...]
    images: int
    num_classes: int | None
    platform: str
    game: str = "gan"

    @property
    def table(self) -> bool:
        """Whether the data are the rows of a table."""
        return self.game == "table"


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


def _sngan(facts: Facts) -> dict[str, Any]:
    """Miyato et al. 2018; on a CPU with two discriminator updates in place of five."""
    settings: dict[str, Any] = {
        "network": "resnet",
        "loss": "hinge",
        "latent_dim": 128,
        "generator_learning_rate": 2e-4,
        "discriminator_learning_rate": 2e-4,
        "beta1": 0.0,
        "beta2": 0.9,
        "learning_rate_schedule": "linear",
    }
    if facts.platform == "cpu":
        settings |= {"width": _narrow(facts, 32), "batch_size": 32, "d_steps": 2, "steps": 4000}
    elif _is_small(facts):
        settings |= {"width": 128, "batch_size": 64, "d_steps": 5, "generator_batch": 2, "steps": 50_000}
    else:
        settings |= {"width": 64, "batch_size": 64, "d_steps": 5, "generator_batch": 2, "steps": 250_000}
    return settings | {"decay_steps": settings["steps"]}


def _sagan(facts: Facts) -> dict[str, Any]:
    """Zhang et al. 2019: two learning rates, one discriminator update."""
    settings: dict[str, Any] = {
        "network": "sagan",
        "conditional": _has_classes(facts),
        "loss": "hinge",
        "latent_dim": 128,
        "generator_learning_rate": 1e-4,
        "discriminator_learning_rate": 4e-4,
        "beta1": 0.0,
        "beta2": 0.9,
    }
    if facts.platform == "cpu":
        return settings | {"width": _narrow(facts, 32), "batch_size": 32, "steps": 6000}
    return settings | {"width": 128 if _is_small(facts) else 64, "batch_size": 256, "steps": 1_000_000}


def _biggan(facts: Facts) -> dict[str, Any]:
    """Small images: BigGAN-PyTorch's settings for CIFAR-10; larger ones: its settings for ImageNet."""
    small = _is_small(facts)
    settings: dict[str, Any] = {
        "network": "biggan",
        "conditional": _has_classes(facts),
        "loss": "hinge",
        "latent_dim": 128 if small else max(120, 20 * (1 + _halvings(facts))),
        "generator_learning_rate": 2e-4 if small else 1e-4,
        "discriminator_learning_rate": 2e-4 if small else 4e-4,
        "beta1": 0.0,
        "beta2": 0.999,
    }
    if facts.platform == "cpu":
        return settings | {"width": 12 if small else 6, "batch_size": 32, "steps": 6000}
    if small:
        return settings | {"width": 64, "batch_size": 50, "d_steps": 4, "ema_decay": 0.9999, "steps": 125_000}
    return settings | {"width": 96, "batch_size": 256, "ema_decay": 0.9999, "steps": 150_000}


def _stylegan2(facts: Facts) -> dict[str, Any]:
    """The automatic configuration of StyleGAN2-ADA for one device."""
    pixels, side = _pixels(facts), min(facts.image_shape[:2])
    cpu = facts.platform == "cpu"
    batch_size = 16 if cpu else max(1, min(4096 // side, 32))
    settings: dict[str, Any] = {
        "network": "stylegan2",
        "width": max(1, (1024 if cpu else 32_768 if _is_small(facts) else 16_384) // side),
        "latent_dim": 128 if cpu else 512,
        "penalty": "r1",
        "penalty_weight": 0.0002 * pixels / batch_size,
        "penalty_every": 16,
        "batch_size": batch_size,
        "mirror": _is_in_color(facts),
        "ema_half_life": batch_size * 10_000 / 32,
        "generator_learning_rate": 0.0025,
        "discriminator_learning_rate": 0.0025,
        "beta1": 0.0,
        "beta2": 0.99,
        "steps": 6000 if cpu else 25_000_000 // batch_size,
    }
    if facts.images < FEW:
        settings |= {"augment": ("bgc",), "augment_target": 0.6}
    if not cpu and not _is_small(facts):
        settings |= {"terms": ("path_length",)}
    return settings


def _r3gan(facts: Facts) -> dict[str, Any]:
    """Huang et al. 2024, table 9: the settings for FFHQ, whose gamma depends on the size."""
    cpu = facts.platform == "cpu"
    batch_size = 16 if cpu else 256
    burn_in, images = (100_000, 200_000) if cpu else (20_000_000, 100_000_000)
    gamma = 2 * (_pixels(facts) / 64**2) ** math.log(150 / 2, 16)  # 2 at 64x64, 150 at 256x256
    return {
        "network": "r3gan",
        "width": _r3gan_width(facts),
        "latent_dim": 64,
        "loss": "relativistic",
        "penalty": "r1_r2",
        "penalty_weight": gamma,
        "final_penalty_weight": gamma / 10,
        "augment": ("bgc",),
        "augment_p": 0.0,
        "final_augment_p": 0.3,
        "batch_size": batch_size,
        "mirror": _is_in_color(facts),
        "fresh_reals": True,
        "ema_half_life": 0.0,
        "final_ema_half_life": burn_in / 40,
        "ema_ramp": None,
        "generator_learning_rate": 2e-4,
        "discriminator_learning_rate": 2e-4,
        "final_learning_rate_share": 0.25,
        "learning_rate_schedule": "half_cosine_burn_in",
        "decay_steps": burn_in // batch_size,
        "beta1": 0.0,
        "beta2": 0.9,
        "final_beta2": 0.99,
        "steps": images // batch_size,
    }


def _r3gan_width(facts: Facts) -> int:
    """Return the width next to the image that gives the paper's 768 channels at the base, or 64 on a CPU."""
    base = 64 if facts.platform == "cpu" else 768
    return max(8, base // 2 ** max(0, _halvings(facts) - 3))


def _fastgan(facts: Facts) -> dict[str, Any]:
    """Liu et al. 2021, by its code; its decoders (the term `decoders`) are left out."""
    settings: dict[str, Any] = {
        "network": "fastgan",
        "discriminator_norm": "batch",
        "loss": "hinge",
        "latent_dim": 256,
        "augment": ("color", "translation"),
        "mirror": _is_in_color(facts),
        "generator_learning_rate": 2e-4,
        "discriminator_learning_rate": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
        "ema_decay": 0.999,
        "batch_size": 8,
    }
    if facts.platform == "cpu":
        return settings | {"width": 16, "steps": 10_000}
    return settings | {"width": 64, "steps": 50_000}


def _cyclegan(facts: Facts) -> dict[str, Any]:
    """Zhu et al. 2017, section 4, with a constant learning rate; on a CPU larger batches and fewer steps."""
    settings: dict[str, Any] = {
        "loss": "least_squares",
        "generator_learning_rate": 2e-4,
        "discriminator_learning_rate": 2e-4,
        "beta1": 0.5,
        "beta2": 0.999,
    }
    if facts.platform == "cpu":
        return settings | {"batch_size": 8, "steps": 4000}
    return settings | {"batch_size": 1, "mirror": _is_in_color(facts), "steps": 200 * facts.images}


def _table(facts: Facts) -> dict[str, Any]:
    """Relativistic, with R1 and R2, as R3GAN: nothing collapses, so rows are judged one by one.

    The settings for few rows are those of experiments/breast_cancer.py.
    """
    few = {
        "hidden": (128, 128),
        "latent_dim": 32,
        "modes": 0,
        "batch_size": 100,
        "generator_learning_rate": 1e-3,
        "discriminator_learning_rate": 1e-3,
        "learning_rate_schedule": "cosine",
        "decay_steps": 3000,
    }
    return _ctgan(facts) | {
        "pack": 1,
        "judge_dropout": 0.0,
        "loss": "relativistic",
        "penalty": "r1_r2",
        "penalty_weight": 0.1,
        "batch_size": min(512, facts.images),
        "steps": 3000 if facts.images < FEW else 12_000,
        "beta1": 0.0,
        **(few if facts.images < FEW_ROWS else {}),
    }


def _ctgan(facts: Facts) -> dict[str, Any]:
    """Xu et al. 2019, by the authors' code, with packs of 8 rows and batches of 512."""
    pack = 8 if facts.images >= 8 else 1
    return {
        "latent_dim": 128,
        "hidden": (256, 256),
        "pack": pack,
        "judge_dropout": 0.5,
        "loss": "wasserstein",
        "penalty": "gradient_penalty",
        "penalty_weight": 10.0,
        "batch_size": min(512, facts.images // pack * pack),
        "steps": 6000 if facts.images < FEW else 12_000,
        "generator_learning_rate": 2e-4,
        "discriminator_learning_rate": 2e-4,
        "beta1": 0.5,
        "beta2": 0.9,
    }


def _narrow(facts: Facts, width: int) -> int:
    """Return a width for images of up to 32 pixels, or half of it for larger ones."""
    return width if _is_small(facts) else width // 2


def _is_small(facts: Facts) -> bool:
    return min(facts.image_shape[:2]) <= 32


def _has_classes(facts: Facts) -> bool:
    return facts.num_classes is not None and facts.num_classes > 1


def _halvings(facts: Facts) -> int:
    return sizes.halvings(*facts.image_shape[:2])


def _is_in_color(facts: Facts) -> bool:
    """Return whether the images have color, as photographs do, which a mirror leaves as likely as before."""
    return facts.image_shape[2] == 3


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
    "sngan": Recipe(
        "residual networks, spectral normalization, hinge loss",
        "Miyato et al. 2018",
        "for an accelerator; on a CPU narrow networks, and 4,000 steps",
        _sngan,
    ),
    "sagan": Recipe(
        "residual networks with self-attention, spectral normalization in both, two learning rates",
        "Zhang et al. 2019",
        "for an accelerator; on a CPU narrow networks, and 6,000 steps",
        _sagan,
    ),
    "biggan": Recipe(
        "residual networks for classes, latents in chunks",
        "Brock et al. 2019, by the code of BigGAN-PyTorch, with batches of one device",
        "for an accelerator; on a CPU narrow networks, and 6,000 steps",
        _biggan,
    ),
    "stylegan2": Recipe(
        "styles for each convolution, R1 penalty; fewer than 10,000 images are augmented",
        "Karras et al. 2020, Training GANs with Limited Data, auto",
        "for an accelerator; on a CPU narrow networks, and 6,000 steps",
        _stylegan2,
    ),
    "r3gan": Recipe(
        "residual networks without normalization, relativistic loss, R1 and R2",
        "Huang et al. 2024, table 9",
        "for an accelerator; on a CPU narrow networks, and 12,500 steps",
        _r3gan,
    ),
    "table": Recipe(
        "rows of a table for conditions: relativistic loss, R1 and R2",
        "CTGAN's networks and conditions, R3GAN's loss and penalty",
        "a few hundred rows: 3,000 steps, 1 to 2 minutes on two CPU cores",
        _table,
    ),
    "ctgan": Recipe(
        "rows of a table for conditions, judged in packs: Wasserstein loss, gradient penalty",
        "Xu et al. 2019, Modeling Tabular Data using Conditional GAN",
        "a few hundred rows: 6,000 steps, 2 to 3 minutes on two CPU cores",
        _ctgan,
    ),
    "fastgan": Recipe(
        "skip-layer excitation, batch and spectral normalization, augmented images",
        "Liu et al. 2021, without decoders",
        "64x64: 10,000 steps on a CPU",
        _fastgan,
    ),
    "cyclegan": Recipe(
        "two translators between two sets of images without pairs, least squares; of the game cycle",
        "Zhu et al. 2017",
        "for an accelerator; on a CPU larger batches, and 4,000 steps",
        _cyclegan,
    ),
}


OF_TABLES = ("table", "ctgan")  # the recipes of tables; all others learn images, and some of them points


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
    if facts.table != (name in OF_TABLES):
        kind = "a table" if facts.table else "no table"
        raise UserError(f"`recipe` {name} cannot learn these data, which are {kind}")
    if len(facts.image_shape) != 3 and name not in ("mlp", *OF_TABLES):
        raise UserError(f"`recipe` {name} learns images, and these data are points {list(facts.image_shape)}")
    if name == "cyclegan" and facts.game != "cycle":
        raise UserError(f"`recipe` {name} is of the game cycle, and `game` is {facts.game}")
    settings = RECIPES[name].settings(facts) | changes
    settings["batch_size"] = min(settings["batch_size"], facts.images)
    return default.replace(**settings), line


def _auto(facts: Facts) -> tuple[str, dict[str, Any], str]:
    """Return a recipe's name, what to change of its settings, and the reason for both."""
    if facts.game == "cycle":
        return "cyclegan", {}, "the data are two sets without pairs"
    if facts.table:
        few = facts.images < FEW_ROWS
        note = f" of {facts.images:,} rows: few, so its networks are small and each column is a bell curve"
        return "table", {}, f"the data are a table{note if few else ''}"
    if len(facts.image_shape) != 3:
        return "mlp", {}, "the data are points"
    height, width, channels = facts.image_shape
    if min(height, width) < SMALL:
        return "mlp", {}, f"{height}x{width} pixels leave little room for convolutions"
    on_cpu, few = facts.platform == "cpu", facts.images < FEW
    reasons = []
    if on_cpu:
        reasons.append("narrow networks suit a CPU")
    if few:
        reasons.append(f"{facts.images:,} images are few, so the discriminator sees them augmented")
    deep = channels == 3 and _halvings(facts) >= 2 and sizes.note_on("", height, width) is None
    if deep and min(height, width) >= LARGE and (few or on_cpu):
        return "fastgan", {}, "; ".join(["its networks learn color pictures in few steps", *reasons])
    if deep and not few and not on_cpu:
        return "r3gan", {}, f"{facts.images:,} images suit the networks with the best published scores"
    changes = {"augment": ("color", "translation", "cutout")} if few else {}
    return "dcgan", changes, "; ".join(["convolutions suit images of this size", *reasons])
