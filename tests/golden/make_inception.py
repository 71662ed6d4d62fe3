"""Make inception.npz: what torch-fidelity's Inception makes of random weights. jaxgan is not imported.

    uv venv golden && uv pip install --python golden/bin/python torch torch-fidelity==0.4.0 scipy
    golden/bin/python tests/golden/make_inception.py

The weights are 95 MB, so they are drawn from their names (`tests/drawn_weights.py`, which the test uses too). Of each block's
output there are the mean and the deviation of every channel, and the values at the edges of a few.
"""

import io
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from unittest.mock import MagicMock

for part in ("", ".datasets", ".models", ".transforms", ".transforms.functional"):
    sys.modules[f"torchvision{part}"] = MagicMock()  # torch-fidelity imports it for other networks
sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
import torch
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.interpolate_compat_tensorflow import interpolate_bilinear_2d_like_tensorflow1x

from drawn_weights import draw, image

BLOCKS = ("Conv2d_", "Mixed_")
SIZES = {"small": (5, 7), "wide": (320, 600)}


def main():
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        shapes = random_weights(Path(folder) / "weights.pth")
        layers = ["2048", "logits_unbiased"]
        network = FeatureExtractorInceptionV3("x", layers, str(Path(folder) / "weights.pth"))
    golden = {
        "version": version("torch-fidelity"),
        "names": list(shapes),
        "shapes": [str(s) for s in shapes.values()],
    }

    def keep(name):
        def hook(module, inputs, output):
            values = output[0].numpy()
            for what, number in (("mean", np.mean), ("deviation", np.std)):
                golden[f"{name}/{what}"] = number(values.astype(np.float64), (1, 2)).astype(np.float32)
            golden[f"{name}/edges"] = values[::37][:6, [0, 1, -2, -1]][:, :, [0, 1, -2, -1]]

        return hook

    for name, module in network.named_children():
        if name.startswith(BLOCKS):
            module.register_forward_hook(keep(name))
    pixels = torch.from_numpy(image(*SIZES["wide"]).transpose(0, 3, 1, 2).copy())
    golden["features"], golden["logits"] = (output.numpy() for output in network(pixels))
    for name, size in SIZES.items():
        pixels = torch.from_numpy(image(*size).transpose(0, 3, 1, 2).astype(np.float32))
        resized = interpolate_bilinear_2d_like_tensorflow1x(pixels, size=(299, 299), align_corners=False)
        golden[f"resize/{name}"] = resized.numpy().transpose(0, 2, 3, 1)[:, ::13, ::13]
    golden |= small_files()
    np.savez_compressed(Path(__file__).parent / "inception.npz", **golden)


def small_files():
    """Return a small state dict as PyTorch writes it, in both formats, and what it holds."""
    kernel = torch.arange(24.0).reshape(1, 2, 3, 4)
    state = torch.nn.Module().state_dict()  # an OrderedDict with metadata
    state["kernel"], state["turned"] = kernel, kernel.transpose(1, 3)[:, 1:]
    state["count"], state["half"] = torch.tensor(7), torch.nn.Parameter(torch.tensor([0.5, -1]).half())
    files = {f"holds/{name}": value.detach().numpy() for name, value in state.items()}
    for name, is_zip in (("zip", True), ("older", False)):
        buffer = io.BytesIO()
        torch.save(state, buffer, _use_new_zipfile_serialization=is_zip)
        files[f"pth/{name}"] = np.frombuffer(buffer.getvalue(), np.uint8)
    return files


def random_weights(file):
    """Write a state dict of drawn weights; return its shapes."""
    load = torch.load
    torch.load = lambda *a, **k: {}  # there is no other way to a network without weights
    torch.nn.Module.load_state_dict, real = lambda *a, **k: None, torch.nn.Module.load_state_dict
    try:
        network = FeatureExtractorInceptionV3("x", ["2048"], "nowhere")
    finally:
        torch.load, torch.nn.Module.load_state_dict = load, real
    state = network.state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items() if value.ndim}
    drawn = {name: torch.from_numpy(np.asarray(draw(name, shape))) for name, shape in shapes.items()}
    torch.save({**state, **drawn}, file)
    return shapes


if __name__ == "__main__":
    main()
