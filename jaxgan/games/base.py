"""The game: two players, what each of them minimizes, and the hooks by which another game differs.

A player is one linen module; several networks are its submodules. With its defaults, a `Game` is the plain
GAN. Another game is a subclass that says, in its hooks, what the generator is fed, what the discriminator is
shown, and which named losses either player adds. An update rule needs the gradients of the two objectives
(`jaxgan.games.gradients`) and nothing else, so every rule plays every game.

| hook | what it says | the plain GAN |
|---|---|---|
| `inputs` | what the generator is fed | latents of the prior |
| `play` | what the discriminator is shown | real images, and fakes |
| `see` | which parts of that are augmented | the images |
| `judged_labels` | the labels that the discriminator is given | the batch's |
| `adversary` | the generator's adversarial loss | the loss pair's |
| `discriminator_losses`, `generator_losses` | further terms, one number for each example | none |
| `draw`, `shown` | the same outside of training | images; reals and fakes |

No random state is kept. The key of an example is folded with the example's index in the *global* batch, so
one device and many draw the same numbers.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.games.turn import (
    Augmentation,
    Critic,
    Objective,
    Penalty,
    Play,
    Shown,
    Terms,
    Turn,
    UpdateKeys,
    Verdict,
    View,
)
from jaxgan.prior import Prior, normal
from jaxgan.state import GANState, Variables, cure_of_logits
from jaxgan.system.pieces import check_array, mean
from jaxgan.system.random import seed_key

BATCH_AXIS = "batch"  # name of the mesh axis over which the examples are spread


@dataclasses.dataclass(frozen=True, eq=False)
class Game:
    """The rules of a game, by default the plain GAN; the fields are arguments of `jaxgan.make_train_step`.

    Attributes:
        generator: module ``(latents, labels, *, train) -> images``.
        discriminator: module ``(images, labels, *, train) -> logits [B]``.
        loss: pair of losses, a `jaxgan.losses.Loss` or anything with its two fields.
        penalty: ``(critic, real, fake, *, keys, step) -> [B]``, or None.
        augment: ``(images, *, keys, step) -> images``, or None.
        axis_name: mapped axis over which the batch is spread, or None.
        dtype: dtype of the networks' arithmetic in training; None leaves that of parameters and inputs.
        prior: distribution of the latents; None for standard normal ones.
    """

    generator: nn.Module
    discriminator: nn.Module
    loss: Any
    penalty: Penalty | None = None
    augment: Augmentation | None = None
    axis_name: str | None = None
    dtype: Any = None
    prior: Prior | None = None

    READS: ClassVar[bool] = False
    """Whether the discriminator has further heads: it returns ``(logits, read)`` then."""

    SEVERAL: ClassVar[bool] = False
    """Whether the discriminator may return several logits for an example, ``[B, n]``, such as patches."""

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

    # -- hooks ---------------------------------------------------------------------------------------------

    def inputs(self, turn: Turn, latent_dim: int) -> Any:
        """Return what the generator is fed, a row for each example of the turn."""
        return self._latents(turn, latent_dim)

    def play(self, variables: Variables, turn: Turn, key: jax.Array, latent_dim: int):
        """Let the generator's player act; return the `Play` and the player's variables, updated."""
        inputs = self.inputs(turn, latent_dim)
        fake, variables = self.make(variables, inputs, turn, key)
        return Play(turn.real, fake, inputs), variables

    def see(self, view: View, shown: Shown) -> Shown:
        """Return what is shown with its images augmented by the view."""
        return view(shown)

    def judged_labels(self, turn: Turn) -> jax.Array | None:
        """Return the labels that the discriminator is given."""
        return turn.labels

    def adversary(self, real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        """Return the generator's adversarial loss, one number for each logit."""
        return self.loss.generator(real_logits, fake_logits)

    def discriminator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return what the discriminator minimizes besides its adversarial loss: ``[B]`` by name."""
        return {}

    def generator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return what the generator minimizes besides its adversarial loss: ``[B]`` by name."""
        return dict(play.losses)

    def draw(self, variables: Variables, inputs: Any, labels: jax.Array | None = None) -> Any:
        """Return images of the generator in drawing mode."""
        return self.generator.apply(variables, inputs, labels, train=False)

    def shown(
        self, variables: Variables, images: jax.Array, inputs: Any, labels: jax.Array | None = None
    ) -> tuple[Shown, Shown]:
        """Return what a discriminator is shown as real and as fake, in drawing mode."""
        return images, self.draw(variables, inputs, labels)

    def check_batch(self, batch: Mapping[str, Any]) -> None:
        """Raise `ValueError` for a batch that lacks what the game needs."""

    def read(self, state: GANState, images: jax.Array) -> dict[str, jax.Array]:
        """Return what the game's networks know of images, by name: codes, chances of classes, latents."""
        return {}

    @property
    def columns(self) -> int | None:
        """The number of columns that a grid of samples has by itself; None for any."""
        return None

    def lay_out(self, latents: jax.Array, columns: int) -> jax.Array:
        """Return latents of a grid of samples so that its places show what the latents mean."""
        return latents

    def generator_of(self, generator: nn.Module, variables: Variables) -> tuple[nn.Module, Variables]:
        """Return the network that makes the images, with its share of the player's variables."""
        return generator, variables

    # -- what all games share ------------------------------------------------------------------------------

    def first_turn(self, batch: Mapping[str, Any]) -> Turn:
        """Return a turn of one example of zeros, of a batch's shapes: networks are initialized with it."""
        zeros = {
            name: jnp.zeros((1, *x.shape[1:]), jnp.int32 if name == "label" else jnp.float32)
            for name, x in batch.items()
        }
        return Turn(zeros, seed_key(0), seed_key(0))

    def first_shown(self, variables: Variables, turn: Turn, latent_dim: int) -> Shown:
        """Return zeros of the shapes that the discriminator is shown; nothing is computed."""
        if type(self).play is Game.play:
            return turn.real
        real = jax.eval_shape(lambda: self.play(variables, turn, turn.key, latent_dim)[0].real)
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), real)

    def on_axis(self, axis_name: str | None) -> "Game":
        """Return the game for a mapped axis; modules and submodules with a field ``axis_name`` get it too."""
        return dataclasses.replace(
            self,
            generator=_on_axis(self.generator, axis_name),
            discriminator=_on_axis(self.discriminator, axis_name),
            axis_name=axis_name,
        )

    def mean(self, tree: Any) -> Any:
        """Return the average over the mapped axis, if there is one; integers stay integers."""
        if self.axis_name is None:
            return tree
        return jax.tree.map(lambda x: jax.lax.pmean(x, self.axis_name).astype(jnp.result_type(x)), tree)

    def act(self, module: nn.Module, variables: Variables, inputs: Any, labels, key, *, method: Any = None):
        """Apply a module in training mode; return its output and its variables, updated."""
        examples = jax.random.fold_in(key, 2)  # modules fold it with each example's global index
        if self.axis_name is not None:  # a dropout mask is one block; devices need different ones
            key = jax.random.fold_in(key, jax.lax.axis_index(self.axis_name))
        collections = {name: value for name, value in variables.items() if name != "params"}
        params, inputs = self._compute_dtype((variables["params"], inputs))
        output, updated = module.apply(
            {"params": params, **collections},
            inputs,
            labels,
            train=True,
            method=method,
            mutable=list(collections),
            rngs={
                "dropout": key,
                "examples": examples,
                "params": jax.random.fold_in(key, 1),
            },  # "params" for modules' other streams
        )
        if self.dtype is not None:
            output = jax.tree.map(lambda x: x.astype(jnp.float32), output)
            updated = jax.tree.map(lambda new, old: new.astype(old.dtype), updated, collections)
        return output, {"params": variables["params"], **collections, **updated}

    def make(self, variables: Variables, inputs: Any, turn: Turn, key: jax.Array):
        """Return one fake for each real image of the turn, and the generator's variables, updated."""
        images, variables = self.act(self.generator, variables, inputs, turn.labels, key)
        check_array(images, f"{type(self.generator).__name__} returns one array")
        if images.shape != turn.real.shape:
            raise ValueError(f"the generator makes images {images.shape}, the batch holds {turn.real.shape}")
        return images, variables

    def judge(self, variables: Variables, shown: Shown, labels, key, *, full_precision: bool = False):
        """Return the discriminator's `Verdict`, and its collections, updated."""
        game = dataclasses.replace(self, dtype=None) if full_precision else self
        output, variables = game.act(self.discriminator, variables, shown, labels, key)
        verdict = self.verdict(output, len(jax.tree.leaves(shown)[0]))
        return verdict, {name: value for name, value in variables.items() if name != "params"}

    def verdict(self, output: Any, count: int) -> Verdict:
        """Return a discriminator's output on `count` examples as a `Verdict`.

        Raises:
            ValueError: if the output is of another kind or shape than the game takes.
        """
        read = None
        if self.READS:
            if not isinstance(output, tuple) or len(output) != 2:
                raise ValueError(
                    f"{type(self).__name__} needs a discriminator that returns (logits, read), "
                    "e.g. mlp.Discriminator(heads=(10,)); this one has no heads"
                )
            output, read = output
        check_array(output, "the discriminator returns logits [B] alone")
        if output.shape == (count,) or (self.SEVERAL and output.ndim == 2 and output.shape[1] > 1):
            return Verdict(output, read)
        cure = cure_of_logits(output.shape)
        raise ValueError(f"a discriminator returns logits {(count,)}, got {output.shape}{cure}")

    def discriminator_objective(self, params, state: GANState, turn: Turn, play: Play) -> Objective:
        """Return the discriminator's losses plus penalty on what it is shown, one pass for each side."""
        keys, labels = turn.keys, self.judged_labels(turn)
        see_real, see_fake = self._views(turn, keys, state.step)
        before = {"params": params, **state.discriminator.collections}
        real, after = self.judge(before, see_real(play.real), labels, keys.real)
        fake, after = self.judge({"params": params, **after}, see_fake(play.fake), labels, keys.fake)
        real_logits, fake_logits = self._whole_batch((real.logits.reshape(-1), fake.logits.reshape(-1)))
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
                critic = Critic(lambda shown: judge(see_real(shown)), lambda shown: judge(see_fake(shown)))
            penalties = self.penalty(critic, play.real, play.fake, keys=example_keys, step=state.step)
            penalty = mean(penalties, len(turn.real), "the penalty returns one number for each example")
        terms = _means(self.discriminator_losses(real, fake, play, turn), len(turn.real))
        metrics = {
            "discriminator_loss": adversarial,
            "penalty": penalty,
            "real_logit": real_logits.mean(),
            "fake_logit": fake_logits.mean(),
            "pair_accuracy": _pair_accuracy(real_logits, fake_logits),
            **terms,
        }
        return self.mean(sum(terms.values(), adversarial + penalty)), (after, metrics)

    def generator_objective(self, params, state: GANState, turn: Turn) -> Objective:
        """Return the losses of the generator against the discriminator as it stands."""
        keys, labels = turn.keys, self.judged_labels(turn)
        variables, critic = {**state.generator.variables, "params": params}, state.discriminator.variables
        play, after = self.play(variables, turn, keys.generator, state.latent_dim)
        see_real, see_fake = self._views(turn, keys, state.step)
        real, _ = self.judge(critic, see_real(play.real), labels, keys.real)
        fake, _ = self.judge(critic, see_fake(play.fake), labels, keys.fake)
        real_logits, fake_logits = self._whole_batch((real.logits.reshape(-1), fake.logits.reshape(-1)))
        losses = self.adversary(real_logits, fake_logits)
        value = mean(losses, len(fake_logits), "the generator's loss is one number for each example")
        terms = _means(self.generator_losses(real, fake, play, turn), len(turn.real))
        after = {name: value for name, value in after.items() if name != "params"}
        return self.mean(sum(terms.values(), value)), (after, {"generator_loss": value, **terms})

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
            lacking = [_without_axis(module, each) for each in network.collections.values()]
            if self.axis_name is not None and any(lacking):
                raise ValueError(
                    f"{next(filter(None, lacking))} has batch normalization but no axis_name field: its "
                    f"statistics would differ between devices; give it one and pass it to nn.BatchNorm"
                )

    def _views(self, turn: Turn, keys: UpdateKeys, step) -> tuple[View, View]:
        """Return how the discriminator sees what it is shown as real and as fake: ``shown -> shown``."""
        if self.augment is None:
            return (lambda shown: shown,) * 2
        real_keys, fake_keys = (
            self._example_keys(key, turn) for key in (keys.augment_real, keys.augment_fake)
        )
        view = partial(_augmented, self.augment, step)
        return partial(self.see, partial(view, real_keys)), partial(self.see, partial(view, fake_keys))

    def _whole_batch(self, logits: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        """Return the logits of all devices, for losses that compare examples with the batch's mean."""
        if self.axis_name is None:
            return logits
        real, fake = (jax.lax.all_gather(each, self.axis_name, tiled=True) for each in logits)
        return real, fake

    def _critic(self, variables: Variables, labels, key, shown):
        # Bfloat16 is too coarse for a gradient's norm that is differentiated again.
        logits = self.judge(variables, shown, labels, key, full_precision=True)[0].logits
        return logits if logits.ndim == 1 else logits.mean(axis=1)

    def _latents(self, turn: Turn, latent_dim: int) -> jax.Array:
        """Return a latent for each example of the turn."""
        prior = self.prior or normal(latent_dim)
        return _over_devices(jax.vmap(prior.draw)(self._example_keys(turn.latent_key, turn)))

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


def _means(terms: Mapping[str, Any], count: int) -> Terms:
    """Return the mean of each term of a player."""
    return {
        name: mean(value, count, f"{name} is one number for each example") for name, value in terms.items()
    }


def _submodules(module: nn.Module) -> dict[str, nn.Module]:
    """Return the modules that are fields of a module, by name."""
    names = [field.name for field in dataclasses.fields(module) if field.name not in ("parent", "name")]
    fields = {name: getattr(module, name) for name in names}
    return {name: value for name, value in fields.items() if isinstance(value, nn.Module)}


def _on_axis(module: nn.Module, axis_name: str | None) -> nn.Module:
    """Return a module for a mapped axis: it and its submodules get the name if they have a field for it."""
    changes: dict[str, Any] = {name: _on_axis(each, axis_name) for name, each in _submodules(module).items()}
    if hasattr(module, "axis_name"):
        changes["axis_name"] = axis_name
    return module.clone(**changes) if changes else module


def _without_axis(module: nn.Module, collection: Any) -> str:
    """Return the name of a module that has batch statistics and no field ``axis_name``; "" if none does."""
    parts = _submodules(module)
    own = {name: value for name, value in collection.items() if name not in parts}
    if _has_batch_statistics(own) and not hasattr(module, "axis_name"):
        return type(module).__name__
    names = (_without_axis(part, collection.get(name, {})) for name, part in parts.items())
    return next(filter(None, names), "")


def _has_batch_statistics(collections: Variables) -> bool:
    """Return whether collections hold BatchNorm's leaves (``mean``, ``var``), and not just SpectralNorm's."""
    leaves = jax.tree_util.tree_leaves_with_path(collections)
    return any(getattr(path[-1], "key", None) in ("mean", "var") for path, _ in leaves)
