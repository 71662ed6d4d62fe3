"""Many runs of one experiment: settings and seeds side by side in one program, compared at the end.

A small network does not keep a device busy. `jaxgan.parallel.population` trains many in one program, and each
gives the numbers that it would give alone. A sweep makes the members, trains them in as few programs as
possible, freezes those that diverge, measures the others and keeps the best.
"""

from jaxgan.sweep.command import sweep

__all__ = ["sweep"]
