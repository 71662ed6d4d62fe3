"""What each player minimises, as a function of its own parameters.

A `Game` is two networks, a loss pair and, where wanted, a penalty and an augmentation. Its two objectives are
all that an update rule needs: `step` differentiates them alternately, and another rule may do it otherwise.

Random numbers are counted, not carried. What is drawn per example comes from a key folded with the example's
index in the *global* batch, so that one device and many draw the same.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, Protocol, runtime_checkable

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.state import GANState, Variables

LogitLoss = Callable[[jax.Array, jax.Array], jax.Array]  # (real_logits, fake_logits) -> [B]
Penalty = Callable[..., jax.Array]  # (critic, real, fake, *, keys, step) -> [B]
Augmentation = Callable[..., jax.Array]  # (images, *, keys, step) -> images
BATCH_AXIS = "batch"  # of a mesh over which the examples are spread
Objective = tuple[jax.Array, tuple[Variables, dict[str, jax.Array]]]  # value, (collections, metrics)


@runtime_checkable
class LossPair(Protocol):
    """What the game needs of a loss; `jaxgan.losses.Loss` is one."""

    @property
    def discriminator(self) -> LogitLoss:
        """What the discriminator minimises."""
        ...

    @property
    def generator(self) -> LogitLoss:
        """What the generator minimises."""
        ...


class Turn(NamedTuple):
    """What one update of a player takes.

    Attributes:
        real: images, float in [-1, 1], ``[B, ...]``.
        labels: int32 ``[B]`` or None.
        key: for all that this update draws but the latents.
        latent_key: for those; two players with the same one meet the same fakes, dropout apart.
        part: index and number of parts, where the turn is every n-th example of a larger one.
    """

    real: jax.Array
    labels: jax.Array | None
    key: jax.Array
    latent_key: jax.Array
    part: tuple[int | jax.Array, int] = (0, 1)

    def mask_key(self, key: jax.Array) -> jax.Array:
        """Return a key for what is drawn as one block, such as a dropout mask: parts must not share it."""
        return key if self.part[1] == 1 else jax.random.fold_in(key, self.part[0])


class Game(NamedTuple):
    """The rules; the pieces are those of `make_train_step`."""

    generator: nn.Module
    discriminator: nn.Module
    loss: LossPair
    penalty: Penalty | None = None
    augment: Augmentation | None = None
    axis_name: str | None = None
    dtype: Any = None  # of the networks' arithmetic in training; None: as parameters and inputs are

    def mean(self, tree: Any) -> Any:
        """Return the average over the mapped axis, if there is one; what is counted stays an integer."""
        if self.axis_name is None:
            return tree
        return jax.tree.map(lambda x: jax.lax.pmean(x, self.axis_name).astype(jnp.result_type(x)), tree)

    def generate(self, variables: Variables, latent_dim: int, turn: Turn, key):
        """Return one fake for each real image of the turn, and the generator's updated collections."""
        keys = self._example_keys(turn.latent_key, turn)
        latents = _over_devices(
            jax.vmap(lambda key: jax.random.normal(key, (latent_dim,), jnp.float32))(keys)
        )
        images, collections = self._apply(self.generator, variables, latents, turn.labels, turn.mask_key(key))
        if images.shape != turn.real.shape:
            raise ValueError(f"the generator makes images {images.shape}, the batch holds {turn.real.shape}")
        return images, collections

    def discriminate(self, variables: Variables, images, labels, key, *, full_precision: bool = False):
        """Return logits [B], and the discriminator's updated collections."""
        game = self._replace(dtype=None) if full_precision else self
        logits, collections = game._apply(self.discriminator, variables, images, labels, key)
        if logits.shape != images.shape[:1]:
            raise ValueError(f"a discriminator returns logits {images.shape[:1]}, got {logits.shape}")
        return logits, collections

    def discriminator_objective(self, params, state: GANState, turn: Turn, fake) -> Objective:
        """Return loss plus penalty of the discriminator on real and fake images, one pass for each."""
        _, real_key, fake_key, critic_key, penalty_key, *see_keys = jax.random.split(turn.key, 7)
        real_key, fake_key, critic_key = map(turn.mask_key, (real_key, fake_key, critic_key))
        labels = turn.labels
        real, fake = self._see(turn, fake, see_keys, state.step)
        before = {"params": params, **state.discriminator.collections}
        real_logits, after = self.discriminate(before, real, labels, real_key)
        fake_logits, after = self.discriminate({"params": params, **after}, fake, labels, fake_key)
        adversarial = self.loss.discriminator(real_logits, fake_logits).mean()
        penalty = jnp.zeros(())
        if self.penalty is not None:
            keys = self._example_keys(penalty_key, turn)
            critic = partial(self._critic, before, labels, critic_key)
            penalty = self.penalty(critic, real, fake, keys=keys, step=state.step).mean()
        metrics = {
            "discriminator_loss": adversarial,
            "penalty": penalty,
            "real_logit": real_logits.mean(),
            "fake_logit": fake_logits.mean(),
            "discriminator_accuracy": _share_told_apart(real_logits, fake_logits),
        }
        return self.mean(adversarial + penalty), (after, metrics)

    def generator_objective(self, params, state: GANState, turn: Turn) -> Objective:
        """Return the loss of the generator against the discriminator as it stands."""
        keys = jax.random.split(turn.key, 7)  # as the discriminator's, whose turn it may be too
        make_key, real_key, fake_key, _, _, *see_keys = keys
        real_key, fake_key = turn.mask_key(real_key), turn.mask_key(fake_key)
        variables, critic = {**state.generator.variables, "params": params}, state.discriminator.variables
        fake, after = self.generate(variables, state.latent_dim, turn, make_key)
        real, fake = self._see(turn, fake, see_keys, state.step)
        real_logits, _ = self.discriminate(critic, real, turn.labels, real_key)
        fake_logits, _ = self.discriminate(critic, fake, turn.labels, fake_key)
        value = self.loss.generator(real_logits, fake_logits).mean()
        return self.mean(value), (after, {"generator_loss": value})

    def check(self, state: GANState) -> None:
        """Refuse pieces that do not fit each other and would be wrong without a word.

        Raises:
            ValueError: if the discriminator has batch normalisation and there is a penalty; if a module has
                it, there is a mapped axis, and the module has no ``axis_name`` field to be told of it; if a
                loss takes its batch mean over another axis.
        """
        axis_name = getattr(self.loss.discriminator, "axis_name", self.axis_name)
        if axis_name != self.axis_name:
            raise ValueError(
                f"the loss averages over axis_name={axis_name!r}, the step over {self.axis_name!r}"
            )
        if self.penalty is not None and _has_batch_statistics(state.discriminator.collections):
            raise ValueError(
                "a gradient penalty needs a discriminator without batch normalisation, "
                "where the gradient of one example is not defined; use spectral normalisation or none"
            )
        for module, network in (
            (self.generator, state.generator),
            (self.discriminator, state.discriminator),
        ):
            blind = self.axis_name is not None and not hasattr(module, "axis_name")
            if blind and _has_batch_statistics(network.collections):
                raise ValueError(
                    f"{type(module).__name__} has batch normalisation but no axis_name field: its statistics "
                    f"would differ between devices; give it one and pass it to nn.BatchNorm"
                )

    def _see(self, turn: Turn, fake, keys, step):
        """Return what the discriminator is shown of the turn's real images, and of the fakes."""
        if self.augment is None:
            return turn.real, fake
        see = partial(self.augment, step=step)
        real_keys, fake_keys = (self._example_keys(key, turn) for key in keys)
        return see(turn.real, keys=real_keys), see(fake, keys=fake_keys)

    def _critic(self, variables: Variables, labels, key, images):
        # Bfloat16 is too coarse for a gradient's norm that is differentiated again.
        return self.discriminate(variables, images, labels, key, full_precision=True)[0]

    def _apply(self, module: nn.Module, variables: Variables, inputs, labels, key):
        """Apply a module in training mode; return its output and its collections, updated."""
        if self.axis_name is not None:  # a dropout mask is one block: devices must not share it
            key = jax.random.fold_in(key, jax.lax.axis_index(self.axis_name))
        collections = {name: value for name, value in variables.items() if name != "params"}
        params, inputs = self._compute_dtype((variables["params"], inputs))
        output, updated = module.apply(
            {"params": params, **collections},
            inputs,
            labels,
            train=True,
            mutable=list(collections),
            rngs={"dropout": key, "params": jax.random.fold_in(key, 1)},  # the latter for any other name
        )
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
        count, (part, parts) = turn.real.shape[0], turn.part
        first = 0 if self.axis_name is None else count * jax.lax.axis_index(self.axis_name)
        return jax.vmap(partial(jax.random.fold_in, key))((first + jnp.arange(count)) * parts + part)


def _share_told_apart(real_logits: jax.Array, fake_logits: jax.Array) -> jax.Array:
    """Return in which share of pairs the real has the larger logit, ties half: no loss's boundary matters."""
    return 0.5 * ((real_logits > fake_logits).mean() + (real_logits >= fake_logits).mean())


def _over_devices(examples: jax.Array) -> jax.Array:
    """Spread examples over the mesh that a step is traced for, or each device would compute them all."""
    mesh = jax.sharding.get_abstract_mesh()
    if BATCH_AXIS not in mesh.auto_axes:
        return examples
    return jax.lax.with_sharding_constraint(examples, jax.sharding.PartitionSpec(BATCH_AXIS))


def _has_batch_statistics(collections: Variables) -> bool:
    """Tell BatchNorm's leaves (``mean``, ``var``) from SpectralNorm's, which share its collection."""
    leaves = jax.tree_util.tree_leaves_with_path(collections)
    return any(getattr(path[-1], "key", None) in ("mean", "var") for path, _ in leaves)
