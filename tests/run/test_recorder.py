"""What the recorder's files are called."""

from jaxgan.run import recorder


def test_tensorboard_reads_the_events_of_a_run_in_order_whatever_the_clock_says(tmp_path, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1000.4)
    assert recorder._later(tmp_path) == 1000
    (tmp_path / "events.out.tfevents.4600.host").touch()  # of a host whose clock is an hour ahead
    (tmp_path / "events.out.tfevents").touch()
    (tmp_path / "events.out.tfevents.profile.host").touch()
    assert recorder._later(tmp_path) == 4601
