"""Is training going well? A cheap look at a GAN every some steps, and named warnings with a cure.

`make_probe` measures, in one jitted call: updates against weights, gradients and their noise, what the
discriminator can tell, how far apart the fakes are, dead units. `alarms` says what of it is alarming.

    look = jax.jit(diagnostics.make_probe(step.players, generator, discriminator))
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
