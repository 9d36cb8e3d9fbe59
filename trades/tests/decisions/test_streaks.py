"""Rows of winning and of losing trades."""

import pytest

from trades.decisions.streaks import Streaks, find_streaks, tries_for_losses


@pytest.mark.parametrize(
    ("results", "wins", "losses", "now"),
    [
        ("", 0, 0, 0),
        ("+", 1, 0, 1),
        ("++-+", 2, 1, 1),
        ("+---+--", 1, 3, -2),
        ("--0", 0, 2, 0),
        ("-0-", 0, 1, -1),
        ("++0+++", 3, 0, 3),
    ],
)
def test_a_trade_that_breaks_even_ends_a_row(
    results: str, wins: int, losses: int, now: int
) -> None:
    found = find_streaks(results)

    assert (found.longest_wins, found.longest_losses) == (wins, losses)
    assert (found.now, found.trades) == (now, len(results))


def test_one_in_so_many_rows_loses_all() -> None:
    half = find_streaks("+-")

    assert tries_for_losses(half, 5) == 32
    assert tries_for_losses(half, 0) is None


@pytest.mark.parametrize("wins", [0, 4])
def test_nothing_is_said_where_all_won_or_none(wins: int) -> None:
    assert tries_for_losses(Streaks(4, 4, 0, wins, 4), 3) is None
