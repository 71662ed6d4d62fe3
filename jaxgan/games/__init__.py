"""Games: what each of two players minimizes, and the gradients of both.

A game is two networks, a loss pair and, optionally, a penalty and an augmentation
(`jaxgan.games.adversarial`). An update rule (`jaxgan.updates`) needs only its gradients
(`jaxgan.games.gradients`).
"""

from jaxgan.games.adversarial import Game, Turn, UpdateKeys
from jaxgan.games.gradients import Players, players

__all__ = ["Game", "Players", "Turn", "UpdateKeys", "players"]
