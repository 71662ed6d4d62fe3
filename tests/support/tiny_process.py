"""One process of a tiny run: options as of an experiment, and faults by environment variable.

FAULT="raise 1 6": process 1 raises after step 6. EXTRACTOR: a small one, for evaluations. READS: say what is read.
"""

import os
import sys

import jax

from jaxgan import features, train
from jaxgan.config import Config
from jaxgan.data.stream import Stream
from jaxgan.networks import mlp
from jaxgan.system.command_line import parse
from jaxgan.system.errors import exits
from pictures import forty_pictures

PICTURES = forty_pictures(4, 4, 1)
TINY = Config(
    steps=12,
    batch_size=8,
    latent_dim=5,
    optimizer="sgd",
    momentum=0.5,
    generator_learning_rate=0.02,
    discriminator_learning_rate=0.02,
    d_steps=2,
    penalty="r1",
    log_every=1,
    sample_every=1000,
    save_every=4,
)


CORNERS = features.from_function("corners", lambda images: images[:, :2, :2].reshape(len(images), -1) / 255)


def run(config, extractor=None):
    own = {"generator": mlp.Generator((4, 4, 1), (8,)), "discriminator": mlp.Discriminator((8,))}
    return train.run(config, dataset=PICTURES, extractor=extractor, **own)


def with_fault(recorder):
    what, process, step = os.environ["FAULT"].split()

    class Faulty(recorder):
        def call_ended(self, at, *others):
            super().call_ended(at, *others)
            if at == int(step) and jax.process_index() == int(process):
                raise {"raise": RuntimeError("the host is on fire")}[what]

    return Faulty


def saying(take):
    def taking(self, steps):
        batches = take(self, steps)
        print(f"reads {batches['image'].shape[1]} of {self._batch_size} images", flush=True)
        return batches

    return taking


if __name__ == "__main__":
    if "FAULT" in os.environ:
        train.Recorder = with_fault(train.Recorder)
    if "READS" in os.environ:
        Stream.take = saying(Stream.take)
    with exits():
        extractor = CORNERS if "EXTRACTOR" in os.environ else None
        sys.exit(train.EXIT_CODES[run(parse(TINY, description=""), extractor).status])
