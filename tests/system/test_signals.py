import gc
import os
import signal
import sys
import threading
import time

import pytest

from jaxgan.system import signals


@pytest.fixture(autouse=True)
def _on_a_terminal():
    """Signals as they are where the tests are run neither by nohup nor in the background."""
    hangup = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGHUP, hangup)
    signal.signal(signal.SIGINT, interrupt)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_is_noted_and_the_second_works_as_before(number):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    with signals.listen() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
        assert stop.signal == number
        assert {each: signal.getsignal(each) for each in before} == before
    assert {each: signal.getsignal(each) for each in before} == before


def test_without_a_signal_the_handlers_come_back():
    before = signal.getsignal(signal.SIGINT)
    with signals.listen():
        assert signal.getsignal(signal.SIGINT) != before
    assert signal.getsignal(signal.SIGINT) == before


def test_in_another_thread_signals_keep_their_meaning():
    seen = []

    def body():
        with signals.listen() as stop:
            seen.append((bool(stop), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [(False, signal.getsignal(signal.SIGINT))]


def test_nohup_keeps_its_meaning_and_a_run_in_the_background_takes_ctrl_c():
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as shells begin what ends in &
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals.listen() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop
            os.kill(os.getpid(), signal.SIGINT)
            assert stop
    finally:
        signal.signal(signal.SIGINT, interrupt)


def test_a_stop_that_python_drops_in_a_callback_comes_again():
    dropped = []

    def callback(phase, information):  # as that of JAX, but slow enough to be interrupted
        if not dropped:
            dropped.append(phase)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)

    before = sys.unraisablehook
    gc.disable()  # or the callback might be called before a dropped stop is kept
    gc.callbacks.append(callback)
    try:
        with pytest.raises(KeyboardInterrupt), signals.stops_kept():
            _ = gc.collect(), [time.sleep(0.01) for _ in range(1000)]  # 10 seconds, without the second stop
    finally:
        gc.callbacks.remove(callback)
        gc.enable()
    assert dropped == ["start"]
    assert sys.unraisablehook is before


def test_other_exceptions_that_python_ignores_are_reported_as_before(monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "unraisablehook", lambda ignored: seen.append(ignored.exc_type))

    class Broken:
        def __del__(self):
            raise ValueError("in a destructor")

    with signals.stops_kept():
        del (each := [Broken()])[0]
        assert each == []
    assert seen == [ValueError]
