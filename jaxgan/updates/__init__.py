"""Update rules: how the two players' gradients become parameter updates.

The same gradients, applied in another order, make another algorithm. An update rule is a function of the two
players, a state and the step's turns:

    make_train_step(generator, discriminator, loss, update=updates.simultaneous)
    make_train_step(generator, discriminator, loss, update=updates.consensus(weight=0.1))

`alternating` and `simultaneous` are the plain orders; `extragradient` and `unrolled` look ahead; `consensus`
and `symplectic` adjust the vector field. Optimistic Adam is the optimizer ``optax.optimistic_adam``, and the
two time-scale rule is two learning rates: neither is an update rule.

References:
    Goodfellow et al. 2014, Generative Adversarial Nets, https://arxiv.org/abs/1406.2661
    Mescheder et al. 2017, The Numerics of GANs, https://arxiv.org/abs/1705.10461
    Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, https://arxiv.org/abs/1706.08500
    Daskalakis et al. 2018, Training GANs with Optimism, https://arxiv.org/abs/1711.00141
"""

from jaxgan.games.gradients import Gradient, Joint, Players, Update, joint_gradients, players
from jaxgan.updates.adjusted import consensus, symplectic
from jaxgan.updates.lookahead import extragradient, unrolled
from jaxgan.updates.order import alternating, simultaneous

__all__ = [
    "Gradient",
    "Joint",
    "Players",
    "Update",
    "alternating",
    "consensus",
    "extragradient",
    "joint_gradients",
    "players",
    "simultaneous",
    "symplectic",
    "unrolled",
]
