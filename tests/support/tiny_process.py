"""One process of a tiny run: options as of an experiment, and faults by environment variable.

FAULT="raise 1 6": process 1 raises after step 6; "kill 1 8": it is killed while step 8 is saved. EXTRACTOR: a small
one, for evaluations. READS, SHARE: say what is read, and what is drawn. OTHER_CODE, OTHER_DATA: as on a host that
has another version of jaxgan, or of the data. SLOW=0.5: sleeps so many seconds after each call of the step.
CLOCK=-7200: its clock is so many seconds ahead.
"""

import os
import signal
import sys
import time

import jax
import orbax.checkpoint as ocp

from blank import blank_figures
from jaxgan import features, train
from jaxgan.config import Config
from jaxgan.data.stream import Stream
from jaxgan.evaluate import fakes
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
    _, process, step = os.environ["FAULT"].split()

    class Faulty(recorder):
        def call_ended(self, at, *others):
            super().call_ended(at, *others)
            if at == int(step) and jax.process_index() == int(process):
                raise RuntimeError("the host is on fire")

    return Faulty


def slow(recorder):
    class Slow(recorder):
        def call_ended(self, *arguments):
            super().call_ended(*arguments)
            time.sleep(float(os.environ["SLOW"]))

    return Slow


def with_clock(now):
    return lambda: now() + float(os.environ["CLOCK"])


def killed_in(save):
    _, process, step = os.environ["FAULT"].split()

    def killed(manager, at, **options):
        if at == int(step) and jax.process_index() == int(process):
            os.kill(os.getpid(), signal.SIGKILL)
        return save(manager, at, **options)

    return killed


def saying(take):
    def taking(self, steps):
        batches = take(self, steps)
        print(f"reads {batches['image'].shape[1]} of {self._batch_size} images", flush=True)
        return batches

    return taking


def saying_share(outputs):
    def saying(share, extractor):
        drawn = outputs(share, extractor)
        print(f"draws {len(drawn.features)} of 600 images", flush=True)
        return drawn

    return saying


if __name__ == "__main__":
    blank_figures()
    if os.environ.get("FAULT", "").startswith("kill"):
        ocp.CheckpointManager.save = killed_in(ocp.CheckpointManager.save)
    elif "FAULT" in os.environ:
        train.Recorder = with_fault(train.Recorder)
    if "SLOW" in os.environ:
        train.Recorder = slow(train.Recorder)
    if "CLOCK" in os.environ:
        time.time = with_clock(time.time)
    if "READS" in os.environ:
        Stream.take = saying(Stream.take)
    if "SHARE" in os.environ:
        fakes.fake_outputs = saying_share(fakes.fake_outputs)
    if "OTHER_CODE" in os.environ:
        train.code_hash = lambda: "0123"
    if "OTHER_DATA" in os.environ:
        PICTURES.images[0] += 1
    with exits():
        extractor = CORNERS if "EXTRACTOR" in os.environ else None
        sys.exit(train.EXIT_CODES[run(parse(TINY, description=""), extractor).status])
