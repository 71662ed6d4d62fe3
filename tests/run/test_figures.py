import os
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from jaxgan import build, data
from jaxgan.config import Config
from jaxgan.games import Game
from jaxgan.run import cost, figures, pace
from jaxgan.system import progress

DIGITS = data.digits()


@pytest.mark.parametrize("count", [1, 2, 300])
def test_curves_show_each_metric_faint_and_its_moving_average(tmp_path, drawn_figures, count):
    """The average at a row is that of the rows around it, 5 % of all; at an end, of those that there are."""
    names = [name for panel in Game.PANELS.values() for name in panel]
    values = {name: np.sin(i + np.arange(count)) for i, name in enumerate(names)}
    rows = [{"step": 10 * i, **{name: float(values[name][i]) for name in names}} for i in range(count)]
    figures.plot_curves(rows, tmp_path / "plots/curves.png", panels=Game.PANELS, marks={"a mark": 7})
    (figure,) = drawn_figures
    assert [axes.get_title() for axes in figure.axes] == list(Game.PANELS)
    half = int(0.025 * count)
    for axes, panel in zip(figure.axes, Game.PANELS.values(), strict=True):
        for i, name in enumerate(panel):
            raw, average = axes.lines[2 * i : 2 * i + 2]
            for line in (raw, average):
                np.testing.assert_array_equal(line.get_xdata(), 10 * np.arange(count))
            np.testing.assert_array_equal(raw.get_ydata(), values[name])
            assert raw.get_alpha() < 0.5
            for at in {0, count // 2, count - 1}:
                around = values[name][max(0, at - half) : at + half + 1]
                np.testing.assert_allclose(average.get_ydata()[at], around.mean())
            assert average.get_label() in name.replace("_", " ")
        assert list(axes.lines[2 * len(panel)].get_xdata()) == [7, 7]
    assert list((tmp_path / "plots").iterdir()) == [tmp_path / "plots/curves.png"]
    with Image.open(tmp_path / "plots/curves.png") as image:
        assert image.size == (1000, 650)
        picture = np.asarray(image.convert("RGB")).astype(int)
    if count > 1:  # a line's own color is in its panel, and in no other place than a panel
        blue = (np.abs(picture - [31, 119, 180]).sum(axis=-1) < 30).reshape(2, 325, 2, 500)
        assert (blue.sum(axis=(1, 3)) > 20).all()


def test_a_panel_without_metrics_is_left_out(tmp_path, drawn_figures):
    panels = {"loss": ["discriminator_loss"], "condition": ["condition"]}
    figures.plot_curves([{"step": 1, "discriminator_loss": 2.0}], tmp_path / "curves.png", panels=panels)
    assert [axes.get_title() for axes in drawn_figures[0].axes] == ["loss"]


@pytest.mark.slow
def test_the_dry_run_counts_every_discriminator_update():
    def flops(d_steps):
        config = Config(d_steps=d_steps, batch_size=16)
        text = cost.dry_run(config, build.experiment(config, DIGITS))
        lines = dict(line.split(maxsplit=1) for line in text.splitlines())
        assert lines["generator"] == "609,872 parameters"
        assert lines["discriminator"] == "164,865 parameters"
        # Adam: three copies of the parameters, and a fourth of the generator's; counters are 4 bytes
        assert lines["checkpoint"] == f"{4 * (4 * 609_872 + 3 * 164_865) / 1e6:.1f} MB"
        return float(lines["step"].split()[0])

    one, three = flops(1), flops(3)
    # One pass over a dense network costs 2 x parameters x images operations.
    generator, discriminator = 2 * 609_872 * 16 / 1e9, 2 * 164_865 * 16 / 1e9
    update = generator + 6 * discriminator  # fakes; real and fake, each forward and twice backward
    assert abs((three - one) / 2 - update) < 0.2 * update


def test_the_time_left_may_be_days(monkeypatch):
    clock = iter([0.0, 0.0, 10.0])
    monkeypatch.setattr(pace.time, "perf_counter", lambda: next(clock))
    bar, speed = progress.Progress(0, 10_001, 8, metrics=Game.LINE, bar=False, quiet=True), pace.Pace()
    speed.start()
    speed.advance(1)
    metrics = dict.fromkeys(Game.LINE, 0.0)
    line = bar.advance(1, metrics, rate=speed.rate, average=speed.average)
    assert line.endswith(" 27:46:40 left")  # 10,000 steps of 10 s


def test_a_line_shows_the_metrics_that_the_game_has():
    bar = progress.Progress(
        0, 4, 8, metrics={"cycle_loss": "cycle {:.1f}", "absent": "{}"}, kind="rows", quiet=True
    )
    assert "step 1/4  cycle 2.0  5.0 it/s  40 rows/s" in bar.advance(
        1, {"cycle_loss": 2.0, "other": 1.0}, rate=5, average=5
    )


def test_a_run_goes_on_when_nobody_reads_what_it_prints(monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        progress.write("nobody hears this")
        progress.write("nor this")


def test_a_busy_machine_is_no_news(tmp_path, monkeypatch):
    def save_slowly(figure, file, **options):
        warnings.warn('Creating legend with loc="best" can be slow with large amounts of data.', stacklevel=1)

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", save_slowly)
    figures.plot_curves([{"step": 1, "loss": 2.0}], tmp_path / "curves.png", panels={"loss": ["loss"]})
    assert (tmp_path / "curves.png").exists()
