"""Signals as exceptions, and as notes while work is finished."""

import os
import pickle
import signal
import threading

import pytest

from igam_tf.core import signals
from igam_tf.core.signals import Interruption


@pytest.fixture(autouse=True)
def _default_handlers() -> "pytest.Generator[None]":
    """Also where a shell started pytest in the background, whose jobs ignore SIGINT."""
    before = {number: signal.getsignal(number) for number in signals.NUMBERS}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 143)])
def test_exit_codes(name: str, code: int) -> None:
    error = pickle.loads(pickle.dumps(Interruption(signal.Signals[name], "it is saved")))
    assert (error.code, str(error)) == (code, "interrupted: it is saved")
    assert str(Interruption(signal.SIGTERM)) == "interrupted"


@pytest.mark.parametrize("number", signals.NUMBERS)
def test_a_signal_is_raised(number: int) -> None:
    before = [signal.getsignal(each) for each in signals.NUMBERS]
    with pytest.raises(KeyboardInterrupt), signals.raised():
        os.kill(os.getpid(), number)
    assert [signal.getsignal(each) for each in signals.NUMBERS] == before


@pytest.mark.parametrize("number", signals.NUMBERS)
def test_a_signal_is_noted_and_a_second_one_changes_nothing(
    number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with signals.raised(), signals.postponed("the state is saved") as pending:
        pending.require_none()
        os.kill(os.getpid(), number)
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(Interruption) as error:
            pending.require_none("after 3")
        pending.number = 0
    assert (error.value.number, error.value.text) == (number, "after 3")
    name = signal.Signals(number).name
    assert capfd.readouterr().err == (
        f"{name}: the state is saved\nSIGINT ignored: the state is saved\n"
    )


def test_what_nobody_asks_for_is_raised_at_the_end() -> None:
    with pytest.raises(Interruption), signals.postponed("work"):
        os.kill(os.getpid(), signal.SIGTERM)


def test_what_is_ignored_stays_ignored() -> None:
    """SIGHUP under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with signals.raised(), signals.postponed("work") as pending:
        os.kill(os.getpid(), signal.SIGHUP)
        assert not pending.number


def test_another_thread_changes_nothing() -> None:
    before = [signal.getsignal(each) for each in signals.NUMBERS]
    handlers: list[object] = []

    def run() -> None:
        with signals.raised(), signals.postponed("work"):
            handlers.extend(signal.getsignal(each) for each in signals.NUMBERS)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert handlers == before
