import os
import sys

import numpy as np
from PIL import Image

from jaxgan import build, data
from jaxgan.config import Config
from jaxgan.run import figures
from jaxgan.system import progress

DIGITS = data.digits()


def test_curves_are_drawn_for_one_row_and_for_many(tmp_path):
    names = [name for panel in figures.PANELS.values() for name in panel]
    for count in (1, 2, 300):
        rows = [{"step": i, **{name: float(np.sin(i)) for name in names}} for i in range(count)]
        figures.plot_curves(rows, tmp_path / "plots/curves.png")
        with Image.open(tmp_path / "plots/curves.png") as image:
            picture = np.asarray(image.convert("L"))
        assert picture.shape == (650, 1000)
        assert (picture < 250).mean() > 0.02
    assert list((tmp_path / "plots").iterdir()) == [tmp_path / "plots/curves.png"]


def test_the_moving_average_is_the_mean_of_the_rows_around():
    values = np.arange(100.0) ** 2
    smooth = figures._smooth(values, share=0.06)
    np.testing.assert_allclose(smooth[50], values[47:54].mean())
    np.testing.assert_allclose(smooth[0], values[:4].mean())


def test_the_dry_run_counts_every_discriminator_update():
    def flops(d_steps):
        config = Config(d_steps=d_steps, batch_size=16)
        text = figures.dry_run(config, build.experiment(config, DIGITS))
        lines = dict(line.split(maxsplit=1) for line in text.splitlines())
        assert lines["generator"] == "609,872 parameters"
        assert lines["discriminator"] == "164,865 parameters"
        # Adam: three copies of the parameters, and a fourth of the generator's; counters are 4 bytes
        assert lines["checkpoint"] == f"{4 * (4 * 609_872 + 3 * 164_865) / 1e6:.1f} MB"
        return float(lines["step"].split()[0])

    one, three = flops(1), flops(3)
    # by hand: 2 x parameters x images for each pass over a dense network
    generator, discriminator = 2 * 609_872 * 16 / 1e9, 2 * 164_865 * 16 / 1e9
    update = generator + 6 * discriminator  # fakes; real and fake, each forward and twice backward
    assert abs((three - one) / 2 - update) < 0.2 * update


def test_the_time_left_may_be_days(monkeypatch):
    clock = iter([0.0, 0.0, 10.0])
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    bar = progress.Progress(0, 10_001, 8, bar=False, quiet=True)
    bar.start()
    metrics = dict.fromkeys(("discriminator_loss", "generator_loss", "real_logit", "fake_logit"), 0.0)
    assert bar.advance(1, metrics).endswith(" 27:46:40 left")  # 10,000 steps of 10 s


def test_a_run_goes_on_when_nobody_reads_what_it_prints(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        progress.write("nobody hears this")
        progress.write("nor this")
