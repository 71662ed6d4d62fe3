"""Many runs of one experiment: settings and seeds side by side in one program, compared at the end.

A small network leaves a device idle. `jaxgan.parallel.population` trains many in one program, each the run
that it would have been alone; a sweep makes the members, trains them in as few programs as can be, freezes
those that diverge, measures the others and keeps the best.
"""

from jaxgan.sweep.command import sweep

__all__ = ["sweep"]
