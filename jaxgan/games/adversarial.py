"""The plain GAN: what each player minimizes, as a function of its own parameters.

A `Game` is two networks, a loss pair and, optionally, a penalty and an augmentation. An update rule needs the
gradients of its two objectives (`jaxgan.games.gradients`) and nothing else.

No random state is kept. The key of an example is folded with the example's index in the *global* batch, so
one device and many draw the same numbers.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.state import GANState, Variables, cure_of_logits
from jaxgan.system.pieces import check_array, mean

Penalty = Callable[..., jax.Array]  # (critic, real, fake, *, keys, step) -> [B]
Augmentation = Callable[..., jax.Array]  # (images, *, keys, step) -> images
View = Callable[[jax.Array], jax.Array]  # images -> images, an augmentation with its draws
BATCH_AXIS = "batch"  # name of the mesh axis over which the examples are spread
Objective = tuple[jax.Array, tuple[Variables, dict[str, jax.Array]]]  # value, (collections, metrics)


class UpdateKeys(NamedTuple):
    """The random keys of one update, all different.

    Attributes:
        generator: key of the generator's pass (dropout).
        real: key of the discriminator's pass over real images (dropout).
        fake: key of the discriminator's pass over fakes (dropout).
        critic: key of the passes that a penalty makes (dropout).
        penalty: key of what a penalty draws for each example.
        augment_real: key of the augmentation of each real image.
        augment_fake: key of the augmentation of each fake.
    """

    generator: jax.Array
    real: jax.Array
    fake: jax.Array
    critic: jax.Array
    penalty: jax.Array
    augment_real: jax.Array
    augment_fake: jax.Array


@dataclasses.dataclass(frozen=True, eq=False)
class Critic:
    """The critic that a penalty gets: a function of *raw* images, ``x -> D(T(x))``.

    The augmentation T of the image at place i is the one that the discriminator's own pass drew for the real
    image at place i, or, by `for_fakes`, for the fake at place i. A gradient by the image goes through T.

    Attributes:
        for_reals: ``images -> logits [B]``, by the draws of the real images; calling the critic calls it.
        for_fakes: ``images -> logits [B]``, by the draws of the fakes; without T, the same function.
    """

    for_reals: Callable[[jax.Array], jax.Array]
    for_fakes: Callable[[jax.Array], jax.Array]

    def __call__(self, images: jax.Array) -> jax.Array:
        """Return the logits of raw images at the places of the real ones."""
        return self.for_reals(images)


class Turn(NamedTuple):
    """What one update of a player takes.

    Attributes:
        real: real images, float in [-1, 1], ``[B, ...]``.
        labels: labels, int32 ``[B]``, or None.
        key: key of dropout, augmentation and penalty (`keys`).
        latent_key: key of the latents. Turns with equal keys have equal fakes, except for dropout.
        part: ``(i, n)`` where the turn is part i of n of a larger one: its examples i, i + n, ...
    """

    real: jax.Array
    labels: jax.Array | None
    key: jax.Array
    latent_key: jax.Array
    part: tuple[int | jax.Array, int] = (0, 1)

    @property
    def keys(self) -> UpdateKeys:
        """The keys of this update. Both players' objectives split them here, so they agree."""
        keys = UpdateKeys(*jax.random.split(self.key, len(UpdateKeys._fields)))
        if self.part[1] == 1:
            return keys
        # A dropout mask is drawn as one block, and parts need different ones.
        masks = ("generator", "real", "fake", "critic")
        return keys._replace(
            **{name: jax.random.fold_in(getattr(keys, name), self.part[0]) for name in masks}
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Game:
    """The rules of the plain GAN; the fields are arguments of `jaxgan.make_train_step`.

    Attributes:
        generator: module ``(latents, labels, *, train) -> images``.
        discriminator: module ``(images, labels, *, train) -> logits [B]``.
        loss: pair of losses, a `jaxgan.losses.Loss` or anything with its two fields.
        penalty: ``(critic, real, fake, *, keys, step) -> [B]``, or None.
        augment: ``(images, *, keys, step) -> images``, or None.
        axis_name: mapped axis over which the batch is spread, or None.
        dtype: dtype of the networks' arithmetic in training; None leaves that of parameters and inputs.
    """

    generator: nn.Module
    discriminator: nn.Module
    loss: Any
    penalty: Penalty | None = None
    augment: Augmentation | None = None
    axis_name: str | None = None
    dtype: Any = None

    PANELS: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType(
        {
            "loss": ("discriminator_loss", "generator_loss", "penalty"),
            "mean logit": ("real_logit", "fake_logit"),
            "gradient norm": ("discriminator_gradient_norm", "generator_gradient_norm"),
            "accuracy": ("pair_accuracy",),
        }
    )
    """The game's metrics by the panels of a run's curves."""

    LINE: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "discriminator_loss": "D loss {:.3f}",
            "generator_loss": "G loss {:.3f}",
            "real_logit": "D(real) {:+.2f}",
            "fake_logit": "D(fake) {:+.2f}",
        }
    )
    """The metrics that a progress line shows, and how."""

    LOSSES: ClassVar[tuple[str, ...]] = ("discriminator_loss", "generator_loss")
    """The metrics whose oscillation a diagnosis looks for."""

    def on_axis(self, axis_name: str | None) -> "Game":
        """Return the game for a mapped axis; modules with a field ``axis_name`` get it too."""

        def module_on_axis(module: nn.Module) -> nn.Module:
            return module.clone(axis_name=axis_name) if hasattr(module, "axis_name") else module

        return dataclasses.replace(
            self,
            generator=module_on_axis(self.generator),
            discriminator=module_on_axis(self.discriminator),
            axis_name=axis_name,
        )

    def mean(self, tree: Any) -> Any:
        """Return the average over the mapped axis, if there is one; integers stay integers."""
        if self.axis_name is None:
            return tree
        return jax.tree.map(lambda x: jax.lax.pmean(x, self.axis_name).astype(jnp.result_type(x)), tree)

    def generate(self, variables: Variables, latent_dim: int, turn: Turn, key):
        """Return one fake for each real image of the turn, and the generator's updated collections."""
        keys = self._example_keys(turn.latent_key, turn)
        latents = _over_devices(
            jax.vmap(lambda key: jax.random.normal(key, (latent_dim,), jnp.float32))(keys)
        )
        images, collections = self._apply(self.generator, variables, latents, turn.labels, key)
        if images.shape != turn.real.shape:
            raise ValueError(f"the generator makes images {images.shape}, the batch holds {turn.real.shape}")
        return images, collections

    def discriminate(self, variables: Variables, images, labels, key, *, full_precision: bool = False):
        """Return logits [B], and the discriminator's updated collections."""
        game = dataclasses.replace(self, dtype=None) if full_precision else self
        logits, collections = game._apply(self.discriminator, variables, images, labels, key)
        if logits.shape != images.shape[:1]:
            cure = cure_of_logits(logits.shape)
            raise ValueError(f"a discriminator returns logits {images.shape[:1]}, got {logits.shape}{cure}")
        return logits, collections

    def discriminator_objective(self, params, state: GANState, turn: Turn, fake) -> Objective:
        """Return loss plus penalty of the discriminator on real and fake images, one pass for each."""
        keys, labels = turn.keys, turn.labels
        see_real, see_fake = self._views(turn, keys, state.step)
        before = {"params": params, **state.discriminator.collections}
        real_logits, after = self.discriminate(before, see_real(turn.real), labels, keys.real)
        fake_logits, after = self.discriminate({"params": params, **after}, see_fake(fake), labels, keys.fake)
        real_logits, fake_logits = self._whole_batch((real_logits, fake_logits))
        losses = self.loss.discriminator(real_logits, fake_logits)
        adversarial = mean(
            losses, len(fake_logits), "the discriminator's loss is one number for each example"
        )
        penalty = jnp.zeros(())
        if self.penalty is not None:
            example_keys = self._example_keys(keys.penalty, turn)
            judge = partial(self._critic, before, labels, keys.critic)
            critic = Critic(judge, judge)
            if self.augment is not None:
                critic = Critic(
                    lambda images: judge(see_real(images)), lambda images: judge(see_fake(images))
                )
            penalties = self.penalty(critic, turn.real, fake, keys=example_keys, step=state.step)
            penalty = mean(penalties, len(fake), "the penalty returns one number for each example")
        metrics = {
            "discriminator_loss": adversarial,
            "penalty": penalty,
            "real_logit": real_logits.mean(),
            "fake_logit": fake_logits.mean(),
            "pair_accuracy": _pair_accuracy(real_logits, fake_logits),
        }
        return self.mean(adversarial + penalty), (after, metrics)

    def generator_objective(self, params, state: GANState, turn: Turn) -> Objective:
        """Return the loss of the generator against the discriminator as it stands."""
        keys = turn.keys
        variables, critic = {**state.generator.variables, "params": params}, state.discriminator.variables
        fake, after = self.generate(variables, state.latent_dim, turn, keys.generator)
        see_real, see_fake = self._views(turn, keys, state.step)
        real_logits, _ = self.discriminate(critic, see_real(turn.real), turn.labels, keys.real)
        fake_logits, _ = self.discriminate(critic, see_fake(fake), turn.labels, keys.fake)
        real_logits, fake_logits = self._whole_batch((real_logits, fake_logits))
        losses = self.loss.generator(real_logits, fake_logits)
        value = mean(losses, len(fake_logits), "the generator's loss is one number for each example")
        return self.mean(value), (after, {"generator_loss": value})

    def check(self, state: GANState) -> None:
        """Refuse pieces that do not fit each other and would silently train wrongly.

        Raises:
            ValueError: if the discriminator has batch normalization and the game a penalty, or if a module
                has batch normalization and no field ``axis_name`` for the game's mapped axis.
        """
        if self.penalty is not None and _has_batch_statistics(state.discriminator.collections):
            raise ValueError(
                "a gradient penalty needs a discriminator without batch normalization, "
                "where the gradient of one example is not defined; use spectral normalization or none"
            )
        for module, network in (
            (self.generator, state.generator),
            (self.discriminator, state.discriminator),
        ):
            lacks_field = self.axis_name is not None and not hasattr(module, "axis_name")
            if lacks_field and _has_batch_statistics(network.collections):
                raise ValueError(
                    f"{type(module).__name__} has batch normalization but no axis_name field: its statistics "
                    f"would differ between devices; give it one and pass it to nn.BatchNorm"
                )

    def _views(self, turn: Turn, keys: UpdateKeys, step) -> tuple[View, View]:
        """Return how the discriminator sees the turn's real images and the fakes: ``images -> images``."""
        if self.augment is None:
            return (lambda images: images,) * 2
        real_keys, fake_keys = (
            self._example_keys(key, turn) for key in (keys.augment_real, keys.augment_fake)
        )
        see = partial(_augmented, self.augment, step)
        return partial(see, real_keys), partial(see, fake_keys)

    def _whole_batch(self, logits: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        """Return the logits of all devices, for losses that compare examples with the batch's mean."""
        if self.axis_name is None:
            return logits
        real, fake = (jax.lax.all_gather(each, self.axis_name, tiled=True) for each in logits)
        return real, fake

    def _critic(self, variables: Variables, labels, key, images):
        # Bfloat16 is too coarse for a gradient's norm that is differentiated again.
        return self.discriminate(variables, images, labels, key, full_precision=True)[0]

    def _apply(self, module: nn.Module, variables: Variables, inputs, labels, key):
        """Apply a module in training mode; return its output and its collections, updated."""
        if self.axis_name is not None:  # a dropout mask is one block; devices need different ones
            key = jax.random.fold_in(key, jax.lax.axis_index(self.axis_name))
        collections = {name: value for name, value in variables.items() if name != "params"}
        params, inputs = self._compute_dtype((variables["params"], inputs))
        output, updated = module.apply(
            {"params": params, **collections},
            inputs,
            labels,
            train=True,
            mutable=list(collections),
            rngs={
                "dropout": key,
                "params": jax.random.fold_in(key, 1),
            },  # "params" for modules' other streams
        )
        check_array(output, f"{type(module).__name__} returns one array")
        if self.dtype is not None:
            output = output.astype(jnp.float32)
            updated = jax.tree.map(lambda new, old: new.astype(old.dtype), updated, collections)
        return output, {**collections, **updated}

    def _compute_dtype(self, tree: Any) -> Any:
        """Return floating-point leaves in the dtype of the networks' arithmetic."""
        if self.dtype is None:
            return tree
        return jax.tree.map(
            lambda x: x.astype(self.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
        )

    def _example_keys(self, key: jax.Array, turn: Turn) -> jax.Array:
        """Return a key for each example of the turn: the key folded with its index in the global batch."""
        count, (part, parts) = turn.real.shape[0], turn.part
        first = 0 if self.axis_name is None else count * jax.lax.axis_index(self.axis_name)
        return jax.vmap(partial(jax.random.fold_in, key))((first + jnp.arange(count)) * parts + part)


def _augmented(augment: Augmentation, step, keys, images):
    """Return augmented images, of the shape of the images."""
    seen = augment(images, keys=keys, step=step)
    check_array(seen, "the augmentation returns images")
    if seen.shape != images.shape:
        raise ValueError(f"the augmentation returns images {images.shape}, got {seen.shape}")
    return seen


def _pair_accuracy(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    """Return the share of pairs in which the real example has the larger logit; ties count half."""
    return 0.5 * ((real_logits > fake_logits).mean() + (real_logits >= fake_logits).mean())


def _over_devices(examples: jax.Array) -> jax.Array:
    """Spread examples over the mesh that a step is traced for; otherwise each device computes them all."""
    mesh = jax.sharding.get_abstract_mesh()
    if BATCH_AXIS not in mesh.auto_axes:
        return examples
    return jax.lax.with_sharding_constraint(examples, jax.sharding.PartitionSpec(BATCH_AXIS))


def _has_batch_statistics(collections: Variables) -> bool:
    """Return whether collections hold BatchNorm's leaves (``mean``, ``var``), and not just SpectralNorm's."""
    leaves = jax.tree_util.tree_leaves_with_path(collections)
    return any(getattr(path[-1], "key", None) in ("mean", "var") for path, _ in leaves)
