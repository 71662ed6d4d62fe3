"""Make augment.json: DiffAugment's parts and ADA's matrices as other people's code computes them.

Origins (read and run, not kept here):
- https://github.com/mit-han-lab/data-efficient-gans, commit 0b633951, DiffAugment_pytorch.py
- https://github.com/rosinality/stylegan2-pytorch, commit bef283a1, non_leaking.py (MIT; a second implementation
  of Karras et al. 2020)

Run once with torch 2.15.0 on a CPU, seed 0, as ``python make_augment.py FOLDER`` where FOLDER holds the two files.
What they draw is written down beside what they make of it.
"""

import json
import sys
import types
from pathlib import Path

import torch

sys.path.insert(0, sys.argv[1])
sys.modules["distributed"] = types.SimpleNamespace(reduce_sum=None)  # not needed for the matrices
sys.modules["op"] = types.SimpleNamespace(upfirdn2d=None)
import DiffAugment_pytorch as diffaugment
import non_leaking as ada


def record(module, names, log):
    """Let each named function of the module write its tensors and result to the log."""

    def wrap(function, name):
        def recorded(*arguments, **options):
            result = function(*arguments, **options)
            tensors = [a.tolist() for a in arguments if isinstance(a, torch.Tensor)]
            log.append((name, tensors if tensors else result.tolist()))
            return result

        return recorded

    for name in names:
        setattr(module, name, wrap(getattr(module, name), name))


def diff_augment():
    log, cases = [], []
    record(torch, ["rand", "randint"], log)
    for shape in [(3, 1, 5, 8), (3, 3, 8, 6)]:
        images = torch.randn(shape).clamp(-1, 1).mul(100).round() / 100
        results = {}
        for name in ("brightness", "saturation", "contrast", "translation", "cutout"):
            log.clear()
            result = getattr(diffaugment, f"rand_{name}")(images)
            draws = [torch.tensor(values).flatten().tolist() for _, values in log]
            results[name] = {"draws": draws, "images": result.tolist()}
        cases.append({"images": images.tolist(), "results": results})
    return cases


def matrices(sample, names):
    log = []
    record(ada, names, log)
    result = sample()
    return {"draws": log, "matrices": result.tolist()}


torch.manual_seed(0)
golden = {
    "diff_augment": diff_augment(),
    "geometry": matrices(
        lambda: ada.sample_affine(1.0, 6, 24, 16), ["scale_mat", "rotate_mat", "translate_mat"]
    ),
    "colour": matrices(
        lambda: ada.sample_color(1.0, 6),
        ["translate3d_mat", "scale3d_mat", "luma_flip_mat", "rotate3d_mat", "saturation_mat"],
    ),
}
rounded = json.loads(json.dumps(golden), parse_float=lambda text: float(f"{float(text):.8g}"))
Path(__file__).with_name("augment.json").write_text(json.dumps(rounded) + "\n")
