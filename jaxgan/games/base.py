"""The game: two players, what each of them minimizes, and the hooks by which another game differs.

A player is one linen module; several networks are its submodules. With its defaults, a `Game` is the plain
GAN. Another game is a subclass that says, in its hooks, what the generator is fed, what the discriminator is
shown, and which named losses either player adds. What the players minimize is put together from the hooks by
`jaxgan.games.objectives`. An update rule needs the gradients of the two objectives (`jaxgan.games.gradients`)
and nothing else, so every rule plays every game.

| hook | what it says | the plain GAN |
|---|---|---|
| `inputs` | what the generator is fed | latents of the prior |
| `play` | what the discriminator is shown | real images, and fakes |
| `see` | which parts of that are augmented | the images |
| `judged_labels` | the labels that the discriminator is given | the batch's |
| `adversary` | the generator's adversarial loss | the loss pair's |
| `discriminator_losses`, `generator_losses` | further terms, one number for each example | none |
| `inputs_of`, `draw`, `shown` | the same outside of training | latents; images; reals and fakes |
| `heads`, `read` | what the networks know of images | nothing |
| `lay_out`, `grid` | what a grid of samples shows | samples |
| `generator_of`, `encoder_of`, `backward_of` | the networks of the generator's player | the generator |
| `discriminator_of` | the network that judges images | the discriminator |

No random state is kept. The key of an example is folded with the example's index in the *global* batch, so
one device and many draw the same numbers.
"""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.games.heads import Head
from jaxgan.games.modules import has_batch_statistics, on_axis, without_axis
from jaxgan.games.terms import Adaptive, Term
from jaxgan.games.turn import (
    Augmentation,
    Penalty,
    Play,
    Shown,
    Terms,
    Turn,
    Verdict,
    View,
)
from jaxgan.prior import Prior, draw_rows, normal
from jaxgan.state import GANState, Variables, cure_of_logits
from jaxgan.system.pieces import check_array
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
        augment: ``(images, *, keys, step) -> images``, an `Adaptive` one, or None.
        axis_name: mapped axis over which the batch is spread, or None.
        dtype: dtype of the networks' arithmetic in training; None leaves that of parameters and inputs.
        prior: distribution of the latents; None for standard normal ones.
        terms: further losses of either player, each of another kind.
    """

    generator: nn.Module
    discriminator: nn.Module
    loss: Any
    penalty: Penalty | None = None
    augment: Augmentation | Adaptive | None = None
    axis_name: str | None = None
    dtype: Any = None
    prior: Prior | None = None
    terms: tuple[Term, ...] = ()

    READS: ClassVar[bool] = False
    """Whether the discriminator has further heads: it returns ``(logits, read)`` then."""

    SEVERAL: ClassVar[bool] = False
    """Whether the discriminator may return several logits for an example, ``[B, n]``, such as patches."""

    GIVES_LABELS: ClassVar[bool] = True
    """Whether the discriminator is given the batch's labels."""

    SOURCES: ClassVar[bool] = False
    """Whether the generator is fed images, the sources, in the place of latents."""

    PANES: ClassVar[int] = 1
    """The number of images that a grid of samples shows of each sample."""

    APART: ClassVar[bool] = False
    """Whether penalties differentiate real and fake examples apart, and not side by side in one pass.

    XLA then takes the forward passes from the losses', which saves a fifth of a step of dense networks.
    """

    PAIRS: ClassVar[bool] = False
    """Whether the discriminator judges pairs of an image and a latent in the place of images."""

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
        return turn.labels if self.GIVES_LABELS else None

    def adversary(self, real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
        """Return the generator's adversarial loss, one number for each logit."""
        return self.loss.generator(real_logits, fake_logits)

    def discriminator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return what the discriminator minimizes besides its adversarial loss: ``[B]`` by name."""
        return {}

    def generator_losses(self, real: Verdict, fake: Verdict, play: Play, turn: Turn) -> Terms:
        """Return what the generator minimizes besides its adversarial loss: ``[B]`` by name."""
        return dict(play.losses)

    def inputs_of(self, batch: Mapping[str, Any], key: jax.Array, count: int, latent_dim: int) -> Any:
        """Return what the generator is fed outside of training; row i depends on the key and on i.

        Args:
            batch: real examples by name, ``[count, ...]`` each; the plain game does not look at them.
            key: a typed key.
            count: number of rows.
            latent_dim: length of a latent vector.
        """
        return draw_rows(self.prior or normal(latent_dim), key, count)

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

    def heads(self, num_classes: int | None) -> tuple[Head, ...]:
        """Return what the discriminator's further heads read, in their order.

        Args:
            num_classes: number of classes of a conditional game; None for others.
        """
        return ()

    def read(
        self, state: GANState, images: jax.Array, labels: jax.Array | None = None
    ) -> dict[str, jax.Array]:
        """Return what the game's networks know of images, by name: codes, chances of classes, latents.

        Args:
            state: the state.
            images: float in [-1, 1], ``[B, ...]``.
            labels: int32 ``[B]`` where the networks take labels, else None.
        """
        return {}

    @property
    def judges_sources(self) -> bool:
        """Whether the discriminator is shown the source beside the image."""
        return False

    @property
    def columns(self) -> int | None:
        """The number of columns that a grid of samples has by itself; None for any."""
        return None

    def lay_out(self, latents: jax.Array, columns: int) -> jax.Array:
        """Return latents of a grid of samples so that its places show what the latents mean."""
        return latents

    def grid(
        self, images: Any, labels: Any, columns: int, inputs: Any = None
    ) -> Callable[[Variables, Any], Any]:
        """Return a function ``(variables, samples) -> what a grid of these samples shows``.

        Args:
            images: as many real images as there are samples, in the rows of a grid.
            labels: the labels of these images, or None.
            columns: number of columns of the grid.
            inputs: what the samples are made of.
        """
        return lambda variables, samples: samples

    def generator_of(self, generator: nn.Module, variables: Variables) -> tuple[nn.Module, Variables]:
        """Return the network that makes the images, with its share of the player's variables."""
        return generator, variables

    def encoder_of(self, generator: nn.Module, variables: Variables) -> tuple[nn.Module, Variables] | None:
        """Return the player's network that makes latents of images, with its variables; None without one."""
        return None

    def backward_of(self, generator: nn.Module, variables: Variables) -> tuple[nn.Module, Variables] | None:
        """Return the player's network that makes sources of images, with its variables; None without one."""
        return None

    def discriminator_of(self, discriminator: nn.Module, variables: Variables) -> tuple[nn.Module, Variables]:
        """Return the network that judges images, with its share of the player's variables."""
        return discriminator, variables

    # -- the terms -----------------------------------------------------------------------------------------

    @property
    def all_terms(self) -> tuple[Term, ...]:
        """The terms, and the augmentation if it adapts."""
        return (*self.terms, self.augment) if isinstance(self.augment, Adaptive) else self.terms

    @property
    def panels(self) -> dict[str, tuple[str, ...]]:
        """The metrics by the panels of a run's curves, those of the terms among them."""
        panels = dict(self.PANELS)
        for term in self.all_terms:
            for title, names in term.PANELS.items():
                panels[title] = (*panels.get(title, ()), *names)
        return panels

    def first_terms(self) -> dict[str, Any]:
        """Return what the terms remember before the first step; one without memory has no entry."""
        memories = {term.NAME: term.start() for term in self.all_terms}
        return {name: memory for name, memory in memories.items() if memory}

    def next_terms(
        self, memories: dict[str, Any], metrics: Mapping[str, jax.Array], step: Any
    ) -> tuple[dict[str, Any], dict[str, jax.Array]]:
        """Return what the terms remember after a step, and the step's metrics with those of the terms.

        Args:
            memories: what they remembered before.
            metrics: the step's metrics, means over everything.
            step: number of the step.
        """
        after, logged = dict(memories), dict(metrics)
        for term in self.all_terms:
            if term.NAME in memories:
                after[term.NAME] = term.remember(memories[term.NAME], metrics, step)
                logged |= term.report(after[term.NAME])
        return after, logged

    def augmentation(self, state: GANState) -> Augmentation | None:
        """Return the augmentation at a state."""
        if isinstance(self.augment, Adaptive):
            return self.augment.at(state.terms[self.augment.NAME])
        return self.augment

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
            generator=on_axis(self.generator, axis_name),
            discriminator=on_axis(self.discriminator, axis_name),
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

    def example_keys(self, key: jax.Array, turn: Turn) -> jax.Array:
        """Return a key for each example of the turn: the key folded with its index in the global batch."""
        count, (part, parts) = turn.real.shape[0], turn.part
        first = 0 if self.axis_name is None else count * jax.lax.axis_index(self.axis_name)
        return jax.vmap(partial(jax.random.fold_in, key))((first + jnp.arange(count)) * parts + part)

    def shown_keys(self, key: jax.Array, turn: Turn) -> jax.Array:
        """Return a key for each thing that the discriminator judges, which is an example here."""
        return self.example_keys(key, turn)

    def check(self, state: GANState) -> None:
        """Refuse pieces that do not fit each other and would silently train wrongly.

        Raises:
            ValueError: if the discriminator has batch normalization and the game a penalty, if a module has
                batch normalization and no field ``axis_name`` for the game's mapped axis, or if a term lacks
                what it needs.
        """
        self._check_terms(state)
        if self.penalty is not None and has_batch_statistics(state.discriminator.collections):
            raise ValueError(
                "a gradient penalty needs a discriminator without batch normalization, "
                "where the gradient of one example is not defined; use spectral normalization or none"
            )
        for module, network in (
            (self.generator, state.generator),
            (self.discriminator, state.discriminator),
        ):
            lacking = [without_axis(module, each) for each in network.collections.values()]
            if self.axis_name is not None and any(lacking):
                raise ValueError(
                    f"{next(filter(None, lacking))} has batch normalization but no axis_name field: its "
                    f"statistics would differ between devices; give it one and pass it to nn.BatchNorm"
                )

    def _check_terms(self, state: GANState) -> None:
        names = [term.NAME for term in self.all_terms]
        for term in self.all_terms:
            term.check(self)
            if names.count(term.NAME) > 1:
                raise ValueError(f"a game has one term of each kind, got several of {term.NAME}")
            if term.start() and term.NAME not in state.terms:
                raise ValueError(
                    f"the state lacks what {term.NAME} remembers: init_game(key, step.game, ...) makes it"
                )

    def _latents(self, turn: Turn, latent_dim: int) -> jax.Array:
        """Return a latent for each example of the turn."""
        prior = self.prior or normal(latent_dim)
        return over_devices(jax.vmap(prior.draw)(self.example_keys(turn.latent_key, turn)))

    def _compute_dtype(self, tree: Any) -> Any:
        """Return floating-point leaves in the dtype of the networks' arithmetic."""
        if self.dtype is None:
            return tree
        return jax.tree.map(
            lambda x: x.astype(self.dtype) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree
        )


def over_devices(examples: jax.Array) -> jax.Array:
    """Spread examples over the mesh that a step is traced for; otherwise each device computes them all."""
    mesh = jax.sharding.get_abstract_mesh()
    if BATCH_AXIS not in mesh.auto_axes or len(examples) % mesh.shape[BATCH_AXIS]:
        return examples
    return jax.lax.with_sharding_constraint(examples, jax.sharding.PartitionSpec(BATCH_AXIS))
