"""What happened to limits besides the ledger's entries, read for a walk."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Q

from goals.decisions.accounting import Account
from goals.decisions.limit_events import Event, Marked, Resumed
from goals.decisions.limits import FloorReference, Limits, Made, needs_day_start
from goals.enums import DrawdownMode, FloorIn, MarkRole
from goals.models import LimitMark, Portfolio, TradeEntry, TradingHalt
from goals.services.day_trades import read_traded
from goals.services.limit_history import LimitHistory
from goals.services.limit_marks import read_made
from mastertrade.values.money import ZERO

EARLIEST = datetime.min.replace(tzinfo=UTC)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


class Begin(NamedTuple):
    """Where a walk begins: the first trading day (None: all), what was known then."""

    day: date | None
    account: Account
    limits: Limits
    reference: FloorReference


class LimitEvents:
    """What happened besides the ledger's entries from the beginning of a walk on."""

    def __init__(
        self,
        portfolio: Portfolio,
        history: LimitHistory,
        begin: Begin,
        until: datetime | None,
        *,
        finds: bool,
    ) -> None:
        self.portfolio = portfolio
        self.from_at = EARLIEST if begin.day is None else portfolio.day_start(begin.day)
        self.is_past, self.until = until is not None, until or END_OF_TIME
        self.in_play = [begin.limits, *(change.limits for change in history.changes)]
        changes = [one for one in history.changes if one.at >= self.from_at]
        self.of_present = [change.at for change in changes if change.of_present]
        was_halted = finds and portfolio.last_halted_at is not None
        is_anew = was_halted or self.of_present or (finds and self.is_past)
        looks_at_marks = is_anew or _any_marks(self.in_play)
        marks = self._read_marks() if looks_at_marks else []
        self.starts = [mark for mark in marks if mark.role is MarkRole.DAY_START]
        others = [mark for mark in marks if mark.role is not MarkRole.DAY_START]
        resumes = self._read_resumes() if was_halted else []
        both: list[Event] = [*changes, *others, *resumes]
        self.events = [one for one in both if self.from_at <= one.at <= self.until]
        self.ended_at = _read_ends(marks)
        in_money = any(limits.floor_in is FloorIn.MONEY for limits in self.in_play)
        self.flow_days = self._read_flow_days() if finds and in_money else set()
        self.held_at: Mapping[datetime, Sequence[Made]] = {}

    def add_made(self) -> None:
        """Add what was open at references of the present value."""
        self.held_at = read_made(self.portfolio, self.of_present)

    def add_trades(self, finds_from: datetime) -> None:
        """Add what the rules of the days from there on count."""
        traded = read_traded(self.portfolio, self.in_play, finds_from)
        self.events += [one for one in traded if one.at <= self.until]

    def _read_flow_days(self) -> set[date]:
        flows = self.portfolio.cash_flows.filter(
            voided_at=None, flowed_at__gte=self.from_at, flowed_at__lte=self.until
        )
        times = flows.values_list("flowed_at", flat=True)
        return {self.portfolio.trading_day(at) for at in times}

    def _read_marks(self) -> list[Marked]:
        waits_since = self.portfolio.pending_high_at
        over = Q(role=MarkRole.PENDING) & ~Q(at=waits_since or END_OF_TIME)
        stored = LimitMark.objects.filter(
            portfolio=self.portfolio, at__gte=self.from_at
        ).exclude(over)
        marks = list(stored.order_by("at", "limit_mark_id"))
        if self.portfolio.suspected_at is not None:  # the newest waits for another one
            breaches = [mark for mark in marks if mark.role == MarkRole.BREACH]
            marks = [mark for mark in marks if mark not in breaches[-1:]]
        return [one for mark in marks for one in _marked(mark)]

    def _read_resumes(self) -> list[Event]:
        """Resumes, by the halts that they ended."""
        halts = TradingHalt.objects.filter(
            portfolio=self.portfolio, resumed_at__gte=self.from_at
        ).order_by("halt_id")
        resumed: dict[datetime, list[TradingHalt]] = {}
        for halt in halts:
            assert halt.resumed_at is not None  # by the filter
            resumed.setdefault(halt.resumed_at, []).append(halt)
        return [
            Resumed(
                at=at,
                keys=tuple(halt.halt_id for halt in ended),
                unit_value=ended[0].resumed_unit_value or ZERO,
            )
            for at, ended in resumed.items()
        ]

    def open_at_start(self, day: date) -> Marked | None:
        """What open trades had made when the day began, as far as marks are known.

        Marks are stored where a day's first one comes: until then all stood as before.
        """
        portfolio, began_at = self.portfolio, self.portfolio.day_start(day)
        later = bisect_left(self.starts, began_at, key=lambda mark: mark.at)
        if later < len(self.starts):
            return self.starts[later]
        if portfolio.revalued_day is None:
            return None
        is_past = day <= portfolio.revalued_day
        return Marked(
            began_at,
            portfolio.midnight_unrealized_pnl if is_past else portfolio.unrealized_pnl,
            MarkRole.DAY_START,
        )

    @property
    def start_days(self) -> set[date]:
        """The trading days whose beginning was marked."""
        times = [mark.at for mark in self.starts if mark.at <= self.until]
        return {self.portfolio.trading_day(at) for at in times}


def _any_marks(in_play: Iterable[Limits]) -> bool:
    return any(
        limits.drawdown_mode is DrawdownMode.TRAILING
        or limits.daily_loss_limit_pct is not None
        or needs_day_start(limits)
        for limits in in_play
    )


def _marked(mark: LimitMark) -> Iterator[Marked]:
    """A stored mark; of a live high both."""
    if mark.first_at is not None and mark.first_by_trade is not None:
        made, waited = _by_key(mark.first_by_trade), MarkRole.PENDING
        yield Marked(mark.first_at, mark.first_open_pnl, waited, made)
    role = MarkRole(mark.role)
    waits = role is MarkRole.PENDING
    yield Marked(mark.at, mark.open_pnl, role, _by_key(mark.by_trade), waits)


def _by_key(by_trade: Mapping[str, str]) -> dict[int, Decimal]:
    return {int(key): Decimal(made) for key, made in by_trade.items()}


def _read_ends(marks: Sequence[Marked]) -> dict[int, datetime]:
    """When the trades of stored marks ended, by their keys; void ones never were."""
    keys = {key for mark in marks for key in mark.by_trade}
    if not keys:
        return {}
    trades = TradeEntry.objects.filter(trade_id__in=keys)
    ended_at = {one.trade_id: one.ended_at for one in trades}
    ends = {key: ended_at.get(key, EARLIEST) for key in keys}
    return {key: at for key, at in ends.items() if at is not None}
