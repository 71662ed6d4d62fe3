"""CycleGAN between scikit-learn's digits and MNIST, at 16x16 pixels and without a single pair.

    jaxgan data prepare mnist                       # once; --from FOLDER takes the official files from there
    python experiments/digits_to_mnist_cyclegan.py
    python experiments/digits_to_mnist_cyclegan.py measure    # what MNIST's classifier reads in the digits

MNIST's classifier then reads 63.0 % of the translated digits as what they are, and 61.2 % of the untranslated
ones. The mean absolute error there and back is 0.054. Of the ones, 30 % are read as 8, and of the nines, 42 %
as 3. With ``--cycle-weight 5 --identity-weight 5`` it is 60.3 %, and the error 0.049.

The digits are 1,797 scans of 8x8 pixels, enlarged to 16x16; MNIST's 60,000 images are made smaller. Nothing
says which digit of one set is which of the other: a translator may exchange two of them, and does no worse by
its losses.

References:
    Zhu et al. 2017, Unpaired Image-to-Image Translation using Cycle-Consistent Adversarial Networks,
    https://arxiv.org/abs/1703.10593
"""

import sys
from pathlib import Path

import numpy as np

from jaxgan import data, export, features, train
from jaxgan.config import Config
from jaxgan.images import to_uint8
from jaxgan.rules import Cycle

CONFIG = Config(
    data="mnist",
    image_size=16,
    loss="least_squares",
    batch_size=16,
    generator_learning_rate=1e-3,
    discriminator_learning_rate=5e-4,
    steps=3000,
    game=Cycle(source="digits", translator_width=16, blocks=2, patch_width=16),
    workdir="runs/digits_to_mnist_cyclegan",
)
CHUNK = 256


def measure(run: Path) -> list[str]:
    """Return what MNIST's classifier reads in the digits before and after, and what goes there and back.

    Args:
        run: folder of the run.
    """
    digits = data.load("digits", image_size=CONFIG.image_size)
    labels = np.asarray(digits.labels)
    forth, back = (export.load_translator(run, direction=name) for name in ("forward", "backward"))
    made, errors = [], []
    for first in range(0, len(labels), CHUNK):
        sources = digits.images[first : first + CHUNK]
        images = forth(sources)
        made.append(np.asarray(to_uint8(images)))
        errors.append(np.abs(np.asarray(back(images)) - (sources / 127.5 - 1)).mean(axis=(1, 2, 3)))
    classifier = features.get("mnist-cnn")

    def read(images: np.ndarray) -> np.ndarray:
        logits = classifier.outputs(images).logits
        assert logits is not None
        return logits.argmax(axis=1)

    before, after = read(digits.images), read(np.concatenate(made))
    lines = [
        f"accuracy of mnist-cnn: digits {(before == labels).mean():.3f}, "
        f"translated {(after == labels).mean():.3f}",
        f"mean absolute error there and back {np.concatenate(errors).mean():.4f}",
    ]
    for label in range(10):
        counts = np.bincount(after[labels == label], minlength=10)
        often = [f"{i} {counts[i] / counts.sum():.0%}" for i in counts.argsort()[::-1][:3] if counts[i]]
        lines.append(f"{label} is read as {', '.join(often)}")
    return lines


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        print("\n".join(measure(Path(sys.argv[2] if sys.argv[2:] else CONFIG.workdir))))
    else:
        train.main(CONFIG, __doc__)
