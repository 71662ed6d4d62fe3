"""Make efficientnet.npz: what another EfficientNet-Lite0 makes of random weights. jaxgan is not imported.

    uv venv golden && uv pip install --python golden/bin/python torch efficientnet-lite-pytorch==0.1.0
    golden/bin/python tests/golden/make_efficientnet.py

As in make_inception.py, the weights are drawn from their names, and of each block's output there are the mean
and the deviation of every channel, and the values at the edges of a few.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from make_inception import draw, image

SIZE = (224, 224)


def main():
    network = EfficientNet.from_name("efficientnet-lite0").eval()
    state = network.state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items() if value.ndim}
    drawn = {name: torch.from_numpy(np.asarray(draw(name, shape))) for name, shape in shapes.items()}
    network.load_state_dict({**state, **drawn})
    golden = {
        "version": version("efficientnet-lite-pytorch"),
        "names": list(shapes),
        "shapes": [str(shape) for shape in shapes.values()],
    }

    def keep(name):
        def hook(module, inputs, output):
            values = output[0].numpy()
            for what, number in (("mean", np.mean), ("deviation", np.std)):
                golden[f"{name}/{what}"] = number(values.astype(np.float64), (1, 2)).astype(np.float32)
            golden[f"{name}/edges"] = values[::7][:4, [0, 1, -2, -1]][:, :, [0, 1, -2, -1]]

        return hook

    for i, block in enumerate(network._blocks):
        block.register_forward_hook(keep(f"_blocks.{i}"))
    pixels = torch.from_numpy(image(*SIZE).transpose(0, 3, 1, 2).astype(np.float32))
    with torch.no_grad():
        normed = (pixels - 127) / 128
        golden["features"] = network.extract_features(normed).mean((2, 3)).numpy()
        golden["logits"] = network(normed).numpy()
    np.savez_compressed(Path(__file__).parent / "efficientnet.npz", **golden)


if __name__ == "__main__":
    main()
