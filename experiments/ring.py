"""Eight Gaussians on a circle: ten GANs in one program, their modes counted.

    python experiments/ring.py
    python experiments/ring.py --penalty none --workdir runs/ring_without

A run starts anew each time, and overwrites its folder.
"""

import numpy as np

from mixture import Mixture, MixtureConfig, main

ANGLES = 2 * np.pi * np.arange(8) / 8
MIXTURE = Mixture(2 * np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1), sigma=0.02)
CONFIG = MixtureConfig(workdir="runs/ring")

if __name__ == "__main__":
    main(CONFIG, MIXTURE, __doc__)
