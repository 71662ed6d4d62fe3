"""The games that a config can name, each with its own options.

An experiment chooses a game by ``Config(game=InfoGAN(categories=(10,)))``. The options of that game, and of
no other, are then settings of the run: on its command line, in its config.json and in ``Config.replace``.
"""

from jaxgan.rules.base import Rules
from jaxgan.rules.latents import ACGAN, BiGAN, InfoGAN
from jaxgan.rules.pictures import NO_SOURCES, Cycle, Paired
from jaxgan.rules.tables import Tables

GAMES: dict[str, type[Rules]] = {
    rules.NAME: rules for rules in (Rules, InfoGAN, ACGAN, BiGAN, Paired, Cycle, Tables)
}

__all__ = ["ACGAN", "GAMES", "NO_SOURCES", "BiGAN", "Cycle", "InfoGAN", "Paired", "Rules", "Tables"]
