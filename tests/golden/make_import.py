"""Make import_*: small random networks of the authors' own programs, saved by them, and what they draw.

    python -m venv golden && golden/bin/pip install torch numpy
    git clone https://github.com/NVlabs/stylegan2-ada-pytorch    (commit d72cc7d)
    git clone https://github.com/brownvc/R3GAN                   (commit 19a7ddf)
    git clone https://github.com/ajbrock/BigGAN-PyTorch          (commit 9845943)
    golden/bin/python tests/golden/make_import.py stylegan2 stylegan2-ada-pytorch
    golden/bin/python tests/golden/make_import.py r3gan R3GAN
    golden/bin/python tests/golden/make_import.py biggan BigGAN-PyTorch
    golden/bin/python tests/golden/make_import.py biggan_deep BigGAN-PyTorch

jaxgan is not imported, and nothing of these programs is in the files but names. NVIDIA's classes put their own
source code into a pickle, where the original reader runs it: a line that would end the program stands there
instead. All weights are random, so the files hold no published ones. The .npz beside a file holds latents,
labels, images and logits, and the shape and SHA-256 of each tensor.
"""

import copy
import hashlib
import json
import pickle
import re
import sys
import types
from pathlib import Path

import numpy as np
import torch

OUT = Path(__file__).parent
BATCH = 4


def randomize(network, scale=1.0):
    """Draw everything that begins at a constant, and keep what is random already."""
    for name, tensor in network.state_dict().items():
        if tensor.is_floating_point() and tensor.numel() and tensor.float().std(correction=0) == 0:
            if name.endswith(("affine.bias", "gain", "sv0")):
                tensor.add_(0.2 * torch.randn(tensor.shape))
            else:
                tensor.copy_(scale * torch.randn(tensor.shape))
    return network.eval().requires_grad_(False)


def digests(network):
    """Return shape and SHA-256 of each tensor of a network."""
    return {
        name: [list(tensor.shape), hashlib.sha256(tensor.contiguous().numpy().tobytes()).hexdigest()]
        for name, tensor in network.state_dict().items()
    }


def store(name, networks, **arrays):
    """Write the .npz beside a file; `networks` are by the names that they have in the file."""
    tensors = json.dumps({key: digests(network) for key, network in networks.items()})
    arrays = {
        key: (each.permute(0, 2, 3, 1) if each.ndim == 4 else each).detach().numpy()
        for key, each in arrays.items()
    }
    file = OUT / f"{name}.npz"
    np.savez_compressed(file, tensors=np.array(tensors), **arrays)
    for each in sorted(OUT.glob(f"{name}.*")):
        print(f"{each.name}: {each.stat().st_size:,} bytes")


def pictures(*shape):
    """Return images that the tests draw, too."""
    return torch.from_numpy(np.random.default_rng(0).normal(size=shape).astype(np.float32)).permute(
        0, 3, 1, 2
    )


def one_hot(labels, classes):
    return torch.nn.functional.one_hot(labels, classes).float()


def stylegan2():
    from torch_utils import persistence

    from training import networks

    sources = {}
    cases = {  # classes, generator, discriminator
        "import_stylegan2": (
            3,
            {
                "synthesis_kwargs": {
                    "channel_base": 128,
                    "channel_max": 12,
                    "conv_clamp": 256,
                    "num_fp16_res": 1,
                }
            },
            {"channel_base": 128, "channel_max": 12, "epilogue_kwargs": {"mbstd_group_size": BATCH}},
            (16, 3),
        ),
        "import_stylegan2_resnet": (
            0,
            {
                "synthesis_kwargs": {
                    "channel_base": 64,
                    "channel_max": 8,
                    "architecture": "resnet",
                    "use_noise": False,
                }
            },
            {
                "channel_base": 64,
                "channel_max": 8,
                "architecture": "orig",
                "epilogue_kwargs": {"mbstd_group_size": 2},
            },
            (8, 1),
        ),
    }
    for name, (classes, for_generator, for_discriminator, (side, channels)) in cases.items():
        common = {"c_dim": classes, "img_resolution": side, "img_channels": channels}
        generator = networks.Generator(
            z_dim=6, w_dim=10, mapping_kwargs={"num_layers": 2}, **common, **for_generator
        )
        judge = randomize(networks.Discriminator(**common, **for_discriminator))
        average = randomize(copy.deepcopy(generator))
        randomize(generator)
        latents, labels = torch.randn(BATCH, 6), torch.arange(BATCH) % max(classes, 1)
        given = one_hot(labels, classes) if classes else torch.zeros(BATCH, 0)
        draw = {"noise_mode": "const", "force_fp32": True}
        if "resnet" in name:
            draw = {"force_fp32": True}
        images, shown = average(latents, given, **draw), pictures(BATCH, side, side, channels)
        half = average(latents, given, truncation_psi=0.5, **draw)
        logits = judge(shown[:2] if "resnet" in name else shown, given[:2] if "resnet" in name else given)[
            :, 0
        ]
        for kind in persistence._decorators:  # not before: copies are made through it, too
            sources[kind] = kind._orig_module_src
            kind._orig_module_src = "raise SystemExit('source code was run')"
        with (OUT / f"{name}.pkl").open("wb") as file:
            extra = {"training_set_kwargs": {"path": "x.zip", "max_size": 3}, "augment_pipe": None}
            pickle.dump({"G": generator, "D": judge, "G_ema": average, **extra}, file)
        for kind, source in sources.items():
            kind._orig_module_src = source
        networks_of = {"G_ema": average, "D": judge}
        store(
            name,
            networks_of,
            latents=latents,
            labels=labels,
            images=images,
            half=half,
            logits=logits,
        )


def r3gan():
    from training import networks

    widths, groups, blocks, classes = [16, 8], [4, 2], [2, 2], 3
    common = {"ExpansionFactor": 2, "c_dim": classes, "img_resolution": 8, "FP16Stages": []}
    generator = networks.Generator(
        NoiseDimension=6, WidthPerStage=widths, CardinalityPerStage=groups, BlocksPerStage=blocks,
        ConditionEmbeddingDimension=64, **common,
    )  # fmt: skip
    judge = networks.Discriminator(
        WidthPerStage=widths[::-1], CardinalityPerStage=groups[::-1], BlocksPerStage=blocks,
        ConditionEmbeddingDimension=widths[0], **common,
    )  # fmt: skip
    average = randomize(copy.deepcopy(generator), 0.3)
    randomize(generator, 0.3), randomize(judge, 0.3)
    latents, labels, shown = (
        torch.randn(BATCH, 6),
        torch.arange(BATCH) % classes,
        pictures(BATCH, 8, 8, 3),
    )
    images, logits = average(latents, one_hot(labels, classes)), judge(shown, one_hot(labels, classes))
    for network, stage in ((generator, -1), (average, -1), (judge, 0)):
        network.Model.MainLayers[stage].DataType = torch.bfloat16
    optimizer = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-3, "params": [0]}]}
    with (OUT / "import_r3gan.pkl").open("wb") as file:
        pickle.dump(
            {"G": generator, "D": judge, "G_ema": average, "cur_nimg": 5, "G_opt_state": optimizer}, file
        )
    networks_of = {"G_ema": average, "D": judge}
    store("import_r3gan", networks_of, latents=latents, labels=labels, images=images, logits=logits)


def biggan():
    import BigGAN

    cases = {
        "import_biggan": {
            "hier": True,
            "G_shared": True,
            "shared_dim": 5,
            "dim_z": 18,
            "G_attn": "16",
            "resolution": 64,
            "G_ch": 1,
        },
        "import_biggan_tables": {
            "G_shared": False,
            "dim_z": 7,
            "mybn": True,
            "G_attn": "0",
            "resolution": 32,
            "G_ch": 2,
        },
    }
    save_biggans(BigGAN, cases)


def biggan_deep():
    import BigGANdeep

    options = {"hier": True, "shared_dim": 5, "dim_z": 6, "G_attn": "16", "resolution": 64, "G_ch": 1}
    save_biggans(BigGANdeep, {"import_biggan_deep": options})


def save_biggans(program, cases):
    """Train the power iterations of small networks, and store what they make."""
    for name, options in cases.items():
        generator = program.Generator(**options, n_classes=3, no_optim=True)
        side = options["resolution"]
        judge = program.Discriminator(D_ch=2, resolution=side, n_classes=3, D_attn="8" if side == 64 else "0")
        randomize(generator, 0.3), randomize(judge, 0.3)
        labels, shown = torch.arange(BATCH) % 3, pictures(BATCH, side, side, 3)
        latents = torch.randn(BATCH, generator.dim_z)
        generator.train(), judge.train()
        for _ in range(300):  # the power iterations and the running averages come to rest
            generator(torch.randn(BATCH, generator.dim_z), generator.shared(labels)), judge(shown, labels)
        if "tables" in name:  # standing statistics: sums, and how many
            for module in generator.modules():
                if hasattr(module, "accumulate_standing"):
                    module.reset_stats()
                    module.accumulate_standing = True
            for _ in range(3):
                generator(torch.randn(BATCH, generator.dim_z), generator.shared(labels))
        generator.eval(), judge.eval()
        images, logits = generator(latents, generator.shared(labels))[:2], judge(shown, labels)[:, 0]
        older = "tables" in name
        torch.save(generator.state_dict(), OUT / f"{name}.pth", _use_new_zipfile_serialization=not older)
        networks_of = {"generator": generator}
        torch.save(judge.state_dict(), OUT / f"{name}_judge.pth", _use_new_zipfile_serialization=older)
        networks_of["discriminator"] = judge
        store(name, networks_of, latents=latents, labels=labels, images=images, logits=logits)


if __name__ == "__main__":
    family, repository = sys.argv[1:]
    sys.path.insert(0, repository)
    requests = types.ModuleType("requests")  # imported by these programs, and not used here
    versions = types.ModuleType("pkg_resources")  # no longer part of setuptools
    versions.parse_version = lambda text: tuple(map(int, re.findall(r"\d+", text)[:3]))
    sys.modules |= {"requests": requests, "pkg_resources": versions}
    torch.manual_seed(0)
    with torch.no_grad():
        {"stylegan2": stylegan2, "r3gan": r3gan, "biggan": biggan, "biggan_deep": biggan_deep}[family]()
