"""How far work is, on a terminal and elsewhere."""

import signal
import sys
import threading
import time

import pytest

from mastertrade import progress_line
from mastertrade.interrupts import CLEAR_LINE, INTERRUPTS
from mastertrade.progress_line import ProgressLine, show_progress


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_line, "REDRAW_SECONDS", 0.01)
    monkeypatch.setattr(ProgressLine, "log_seconds", 0.05)


def test_a_line_moves_on_a_terminal_and_is_gone_at_the_end(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with show_progress("counting") as line:
        time.sleep(0.1)
        line.words = "counting: 50 %"
        time.sleep(0.1)

    printed = capsys.readouterr().err
    assert CLEAR_LINE + "  counting, 0 s" in printed
    assert CLEAR_LINE + "  counting: 50 %, 0 s" in printed
    assert printed.endswith(CLEAR_LINE)
    assert "\n" not in printed


def test_elsewhere_it_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with show_progress("counting"):
        time.sleep(0.3)

    lines = capsys.readouterr().err.splitlines()
    assert set(lines) == {"  counting, 0 s"}
    assert 1 <= len(lines) <= 6


def test_quick_work_prints_nothing_elsewhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with show_progress("counting"):
        pass
    assert capsys.readouterr().err == ""


def test_it_ends_with_work_that_fails() -> None:
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), show_progress("counting"):
        raise KeyboardInterrupt
    assert threading.active_count() == before


def test_signals_are_for_the_thread_that_works() -> None:
    masks = []

    def ask() -> None:
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    class Asking(ProgressLine):
        def show(self) -> None:
            ask()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(progress_line, "ProgressLine", Asking)
        with show_progress("counting"):
            ask()
            time.sleep(0.1)

    assert not set(INTERRUPTS) & masks[0]
    assert set(INTERRUPTS) <= masks[1]
