"""Games: what each of two players minimizes, and the gradients of both.

A game is two networks, a loss pair and, optionally, a penalty and an augmentation. `Game` is the plain GAN;
another game is a subclass of it. `jaxgan.make_step(game)` makes its step and `jaxgan.init_game` its first
state. An update rule (`jaxgan.updates`) needs only the gradients of a game (`jaxgan.games.gradients`).
Further losses that fit any game are its terms (`jaxgan.games.terms`); `Perceptual` is one of paired games.

| game | what is different |
|---|---|
| `Game` | nothing: the plain GAN, with or without labels |
| `InfoGame` | parts of the latents are codes, which the discriminator reads from the fakes |
| `ClassGame` | the discriminator tells the classes apart instead of being given them: ACGAN |
| `DiscriminativeClassGame` | the same, and it tells the reals of a class from its fakes: ADC |
| `BiGame` | an encoder maps images to latents, and the discriminator judges pairs of both |
| `CycleGame` | two translators between two sets that are no pairs, with a judge of each: CycleGAN |
| `PairedGame` | the generator makes an image of a source image, and the discriminator judges both together |
"""

from jaxgan.games import degradations
from jaxgan.games.base import Game
from jaxgan.games.bidirectional import BiGame
from jaxgan.games.classes import ClassGame, DiscriminativeClassGame
from jaxgan.games.cycle import CycleGame
from jaxgan.games.gradients import Players, players
from jaxgan.games.info import InfoGame
from jaxgan.games.paired import PairedGame
from jaxgan.games.perceptual import Perceptual
from jaxgan.games.table import TableGame
from jaxgan.games.turn import Critic, Play, Turn, UpdateKeys, Verdict
from jaxgan.prior import Prior

__all__ = [
    "BiGame",
    "ClassGame",
    "Critic",
    "CycleGame",
    "DiscriminativeClassGame",
    "Game",
    "InfoGame",
    "PairedGame",
    "Perceptual",
    "Play",
    "Players",
    "Prior",
    "TableGame",
    "Turn",
    "UpdateKeys",
    "Verdict",
    "degradations",
    "players",
]
