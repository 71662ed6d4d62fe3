"""Is training going well? A cheap probe of a GAN at regular steps, and named warnings with a cure.

`make_probe` measures in one jitted call: updates relative to weights, gradients and their noise, the accuracy
of the discriminator, the distances between fakes, and dead units. `alarms` returns warnings about these
numbers. `traps` reads the traced networks for known mistakes, before the first step. `dynamics` has the
vector field of a game and its eigenvalues.

    look = jax.jit(diagnostics.make_probe(step.players, step.game))
    rows.append({"step": 200, **{name: float(x) for name, x in look(state, images, None, key).items()}})
    for alarm in diagnostics.alarms(rows):
        print(alarm)
"""

from jaxgan.diagnostics.alarms import LOOKS, RULES, WARM_UP, Alarm, Rule, alarms, oscillation_index
from jaxgan.diagnostics.probe import make_probe

__all__ = [
    "LOOKS",
    "RULES",
    "WARM_UP",
    "Alarm",
    "Rule",
    "alarms",
    "make_probe",
    "oscillation_index",
]
