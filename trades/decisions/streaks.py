"""Rows of winning and of losing trades. Pure."""

import re
from dataclasses import dataclass
from itertools import takewhile

WON, LOST, EVEN = "+", "-", "0"


@dataclass(frozen=True, slots=True)
class Streaks:
    """The longest rows, and the one that the newest trades are in.

    `now` counts winners, or negative losers; 0 where the newest trade broke even, which
    ends a row.
    """

    longest_wins: int
    longest_losses: int
    now: int
    wins: int
    trades: int


def find_streaks(results: str) -> Streaks:
    """Of trades in the order in which they ended: each `WON`, `LOST` or `EVEN`."""
    newest = results[-1:]
    now = sum(1 for _ in takewhile(newest.__eq__, reversed(results)))
    return Streaks(
        longest_wins=_longest(WON, results),
        longest_losses=_longest(LOST, results),
        now={WON: now, LOST: -now}.get(newest, 0),
        wins=results.count(WON),
        trades=len(results),
    )


def _longest(result: str, results: str) -> int:
    rows = re.findall(f"{re.escape(result)}+", results)
    return max(map(len, rows), default=0)


def tries_for_losses(streaks: Streaks, length: int) -> int | None:
    """About one in so many rows of `length` trades loses all, by the wins so far.

    1 / (1 - share of winners)^length; None where nothing, or everything, won.
    """
    if not length or not 0 < streaks.wins < streaks.trades:
        return None
    share = 1 - streaks.wins / streaks.trades
    tries = share**-length
    return round(tries) if tries < 1e9 else None
