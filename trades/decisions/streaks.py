"""Rows of winning and of losing trades. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Streaks:
    """The longest rows, and the one that the newest trades are in.

    `now` counts winners, or negative losers; 0 where the newest trade broke even, which
    ends a row. `began` is the place of the first trade of that row.
    """

    longest_wins: int
    longest_losses: int
    now: int
    began: int | None
    wins: int
    trades: int


def find_streaks(profits: Sequence[Decimal]) -> Streaks:
    """Of trades in the order in which they ended."""
    longest = {1: 0, -1: 0}
    run = 0
    for profit in profits:
        sign = (profit > 0) - (profit < 0)
        run = run + sign if sign and run * sign >= 0 else sign
        if sign:
            longest[sign] = max(longest[sign], abs(run))
    return Streaks(
        longest_wins=longest[1],
        longest_losses=longest[-1],
        now=run,
        began=len(profits) - abs(run) if run else None,
        wins=sum(profit > 0 for profit in profits),
        trades=len(profits),
    )


def tries_for_losses(streaks: Streaks, length: int) -> int | None:
    """About one in so many rows of `length` trades loses all, by the wins so far.

    1 / (1 - share of winners)^length; None where nothing, or everything, won.
    """
    if not length or not 0 < streaks.wins < streaks.trades:
        return None
    share = 1 - streaks.wins / streaks.trades
    tries = share**-length
    return round(tries) if tries < 1e9 else None
