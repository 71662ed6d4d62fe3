"""Twenty-five Gaussians on a grid: ten GANs in one program, their modes counted.

    python experiments/grid.py
    python experiments/grid.py --loss non_saturating --penalty none --workdir runs/grid_without

A run starts anew each time, and overwrites its folder.
"""

import numpy as np

from mixture import Mixture, MixtureConfig, main

MIXTURE = Mixture(np.stack(np.meshgrid(*2 * [np.arange(-4.0, 5, 2)]), axis=-1).reshape(-1, 2), sigma=0.05)
CONFIG = MixtureConfig(workdir="runs/grid")

if __name__ == "__main__":
    main(CONFIG, MIXTURE, __doc__)
