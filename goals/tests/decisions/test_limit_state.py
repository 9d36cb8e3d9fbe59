"""What a walk knows of marks and halts: suspicion, halts in force, open profits."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from goals.decisions.breaches import CONFIRMED_AFTER, SECOND_MARK_AFTER, Breach
from goals.decisions.limit_events import Marked
from goals.decisions.limit_state import Halts, OpenProfits, Suspicion
from goals.enums import HaltCause, MarkRole

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
HOUR = timedelta(hours=1)
HARD, DAILY = HaltCause.HARD_DRAWDOWN, HaltCause.DAILY_LOSS
PAUSE = HaltCause.LOSSES_IN_A_ROW


def mark(at: datetime, made: str = "-10", **by_trade: str) -> Marked:
    by_key = {int(key[1:]): Decimal(value) for key, value in by_trade.items()}
    return Marked(at, Decimal(made), MarkRole.BREACH, by_key)


def breach(
    cause: HaltCause, at: datetime = NOW, until: datetime | None = None
) -> Breach:
    return Breach(cause, at, until, "a floor")


# Suspicion


@pytest.mark.parametrize(
    ("later", "confirmed"),
    [(SECOND_MARK_AFTER, True), (SECOND_MARK_AFTER - TICK, False)],
)
def test_a_second_mark_confirms_what_both_show(
    later: timedelta, *, confirmed: bool
) -> None:
    suspicion, second = Suspicion(), NOW + later
    assert suspicion.see(mark(NOW), [breach(HARD)]) == ()
    shown = [breach(HARD, second), breach(DAILY, second, NOW + HOUR)]
    found = suspicion.see(mark(second), shown)
    assert list(found) == ([breach(HARD, second)] if confirmed else [])
    assert (suspicion.mark is None) == confirmed


def test_a_mark_that_nothing_contradicts_is_confirmed_by_time() -> None:
    suspicion = Suspicion()
    suspicion.see(mark(NOW), [breach(HARD)])
    assert suspicion.stand_until(NOW + CONFIRMED_AFTER - TICK) == ()
    found = suspicion.stand_until(NOW + CONFIRMED_AFTER)
    assert list(found) == [breach(HARD, NOW + CONFIRMED_AFTER)]
    assert suspicion.stand_until(None) == ()


def test_a_days_floor_that_was_only_suspected_ends_with_its_day() -> None:
    suspicion = Suspicion()
    suspicion.see(mark(NOW), [breach(HARD), breach(DAILY, until=NOW + HOUR)])
    suspicion.begin_day()
    assert [one.cause for one in suspicion.stand_until(None)] == [HARD]


# Halts


def test_a_day_ends_its_own_halt_and_a_resume_every_one() -> None:
    halts = Halts()
    halts.add([breach(HARD), breach(DAILY, until=NOW + HOUR)])
    assert halts.by_floors.keys() == {HARD, DAILY}
    halts.begin_day()
    assert halts.by_floors.keys() == {HARD}
    halts.resume()
    assert not halts.by_floors


def test_a_halt_of_the_day_that_fails_goals_lasts_until_a_resume() -> None:
    halts = Halts()
    halts.add([breach(DAILY)])
    halts.begin_day()
    assert halts.by_floors.keys() == {DAILY}


def test_a_breach_of_a_day_that_was_over_first_is_none() -> None:
    halts = Halts()
    halts.add([breach(DAILY, NOW, NOW)])
    assert (halts.breaches, halts.by_floors) == ([], {})


def test_a_loss_in_a_pause_makes_it_last_longer_and_one_behind_it_is_another() -> None:
    halts, ends = Halts(), NOW + HOUR
    halts.add([breach(PAUSE, NOW, ends)])
    halts.add([breach(PAUSE, ends - TICK, ends + HOUR)])
    assert halts.breaches == [breach(PAUSE, NOW, ends + HOUR)]
    halts.add([breach(PAUSE, ends + HOUR, ends + 2 * HOUR)])
    assert len(halts.breaches) == 2


# Open profits


def test_a_mark_counts_without_the_trades_that_have_ended() -> None:
    open_profits = OpenProfits(lambda day: None, ended_at={1: NOW + HOUR})
    open_profits.follow(mark(NOW, "-7", t1="-10", t2="3"))
    assert open_profits.at(NOW) == -7
    assert open_profits.at(NOW + HOUR) == 3


@pytest.mark.parametrize(
    ("made", "by_trade"),
    [("-10", {}), ("-10", {"t1": "-10"})],
    ids=["unknown", "waits"],
)
def test_a_mark_that_may_be_gone_later_is_not_followed(
    made: str, by_trade: dict[str, str]
) -> None:
    open_profits = OpenProfits(lambda day: None)
    seen = mark(NOW, made, **by_trade)
    if by_trade:
        seen = Marked(NOW, seen.open_pnl, MarkRole.PENDING, seen.by_trade, waits=True)
    open_profits.follow(seen)
    assert open_profits.at(NOW) == 0
