"""Terms: further losses of either player, some of which remember what they saw in earlier steps.

``jaxgan.make_train_step(..., terms=(LeCam(), PathLength()))``, or a game's field ``terms``, adds them to a
game. `jaxgan.init_game` makes a state with their memory.

| term | player | what it minimizes |
|---|---|---|
| `PathLength` | generator | differences between the lengths of steps, in images, that equal steps in w make |
| `LeCam` | discriminator | distances of logits from the running mean of the other side's |
| `BalancedConsistency` | discriminator | differences between the logits of images and of changed copies |
| `LatentConsistency` | both | the difference of neighbors' logits; the likeness of their images |
| `Centering` | discriminator | the distance of the logits of a real image and a fake from opposite numbers |
| `Decoders` | discriminator | the distance of real images from what it rebuilds of them |
| `GradientNormalization` | generator | its adversarial loss, whose gradient is divided by its running norm |
| `Orthogonal` | generator | products of different columns of its kernels |
| `TopK` | generator | its adversarial loss over the best of its fakes |
| `Adaptive` | none | nothing: it adapts the augmentation's probability |
"""

from jaxgan.games.terms.adaptive import Adaptive
from jaxgan.games.terms.consistency import BalancedConsistency, LatentConsistency
from jaxgan.games.terms.decoders import Decoders
from jaxgan.games.terms.gradient_normalization import GradientNormalization
from jaxgan.games.terms.lecam import LeCam
from jaxgan.games.terms.path_length import PathLength
from jaxgan.games.terms.plain import Centering, Orthogonal
from jaxgan.games.terms.term import Added, Context, Term
from jaxgan.games.terms.top_k import TopK

__all__ = [
    "Adaptive",
    "Added",
    "BalancedConsistency",
    "Centering",
    "Context",
    "Decoders",
    "GradientNormalization",
    "LatentConsistency",
    "LeCam",
    "Orthogonal",
    "PathLength",
    "Term",
    "TopK",
]
