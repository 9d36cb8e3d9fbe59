"""Rows of winning and of losing trades."""

from decimal import Decimal

import pytest

from trades.decisions.streaks import Streaks, find_streaks, tries_for_losses


@pytest.mark.parametrize(
    ("profits", "wins", "losses", "now", "began"),
    [
        ([], 0, 0, 0, None),
        ([1], 1, 0, 1, 0),
        ([1, 1, -1, 1], 2, 1, 1, 3),
        ([1, -1, -1, -1, 1, -1, -1], 1, 3, -2, 5),
        ([-1, -1, 0], 0, 2, 0, None),
        ([-1, 0, -1], 0, 1, -1, 2),
        ([1, 1, 0, 1, 1, 1], 3, 0, 3, 3),
    ],
)
def test_a_trade_that_breaks_even_ends_a_row(
    profits: list[int], wins: int, losses: int, now: int, began: int | None
) -> None:
    found = find_streaks([Decimal(one) for one in profits])

    assert (found.longest_wins, found.longest_losses) == (wins, losses)
    assert (found.now, found.began) == (now, began)


def test_one_in_so_many_rows_loses_all() -> None:
    half = find_streaks([Decimal(1), Decimal(-1)])

    assert tries_for_losses(half, 5) == 32
    assert tries_for_losses(half, 0) is None


@pytest.mark.parametrize("wins", [0, 4])
def test_nothing_is_said_where_all_won_or_none(wins: int) -> None:
    assert tries_for_losses(Streaks(4, 4, 0, None, wins, 4), 3) is None
