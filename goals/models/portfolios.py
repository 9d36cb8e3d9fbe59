"""Portfolios."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from goals.decisions.accounting import Account, measure_live_drawdown_pct
from goals.decisions.limits import FloorReference, Limits
from goals.decisions.live_highs import Seen
from goals.decisions.periods import (
    DayPart,
    day_part,
    day_start,
    first_part,
    part_start,
    trading_day,
)
from goals.decisions.progress import PortfolioFigures
from goals.enums import (
    DailyLossAnchor,
    DailyLossOf,
    DailyOnBreach,
    DrawdownMode,
    DrawdownOf,
    EdgeGuard,
    FloorIn,
    OnBreach,
    PortfolioKind,
    TradingState,
    ValuedBy,
)
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import (
    above,
    at_least,
    at_most,
    check,
    check_words,
    is_null,
    is_set,
    is_whole_minute,
)
from mastertrade.values.money import MONEY, ZERO, exactly, round_to
from mastertrade.values.validation import CURRENCY_PATTERN

# A ratio of the start: firms lock at it, or a little above.
HIGHEST_LOCK = 1000
LARGEST_COUNT = 1_000_000


def _word(words: type[StrEnum], default: StrEnum) -> "models.CharField[Any, Any]":
    """A column that holds one of the words."""
    return models.CharField(
        max_length=20,
        default=default,
        db_default=str(default),
        choices=columns.choices(words),
    )


def _share(field: str) -> Q:
    """Off, or a percentage above 0 and up to 100."""
    return is_null(field) | (above(field, 0) & at_most(field, 100))


def _count(field: str) -> Q:
    return is_null(field) | (at_least(field, 1) & at_most(field, LARGEST_COUNT))


# The settings of the limits, and of each that is one of a few words, which words.
LIMIT_KINDS: dict[str, type[StrEnum] | None] = {
    one.name: one.type
    if isinstance(one.type, type) and issubclass(one.type, StrEnum)
    else None
    for one in fields(Limits)
}


def account_of(row: Any) -> Account:
    """The figures of a portfolio, or of one of its days."""
    return Account(
        equity=row.equity,
        units=row.units,
        unit_value=row.unit_value,
        realized_pnl=row.realized_pnl,
        peak_unit_value=row.peak_unit_value,
        run=row.unit_run,
        carried=row.carried,
        redeemed_value=row.redeemed_value,
    )


class PortfolioQuerySet(models.QuerySet["Portfolio"]):
    def locked(self) -> Self:
        """Lock in key order, so that two writers cannot deadlock.

        `no_key` lets other transactions still add rows that point here.
        """
        return self.order_by("pk").select_for_update(of=("self",), no_key=True)


class Portfolio(models.Model):
    """Money a user trades with; its figures are always what the ledger says."""

    portfolio_id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        to_field="username",
        db_column="user_id",
        related_name="portfolios",
        db_constraint=False,  # named, and immediate, in the migration
        db_index=False,  # portfolios_name_unique begins with it
    )
    name = models.CharField(max_length=100)
    # Never changed: a trigger refuses it, or simulated trades became live evidence.
    kind = models.CharField(
        max_length=10,
        default=PortfolioKind.LIVE,
        db_default=str(PortfolioKind.LIVE),
        choices=columns.choices(PortfolioKind),
        editable=False,
    )
    # When the replay that made it was ready: from then on nothing is booked in it.
    finished_at = models.DateTimeField(null=True, editable=False)
    currency = models.CharField(max_length=10, default="USD")
    time_zone = models.CharField(max_length=64, default="UTC")
    opening_balance = columns.money(default=Decimal(0))

    equity = columns.money(default=Decimal(0), editable=False)
    unrealized_pnl = columns.money(default=Decimal(0), editable=False)
    units = columns.units(default=Decimal(0), editable=False)
    unit_value = columns.unit_value(default=Decimal(1), editable=False)
    unit_run = models.PositiveIntegerField(default=1, editable=False)
    realized_pnl = columns.money(default=Decimal(0), editable=False)
    peak_unit_value = columns.unit_value(default=Decimal(1), editable=False)
    # See `goals.decisions.accounting`: what open trades carry since a cash flow, and
    # what the last unit was worth where all were withdrawn while trades were open.
    carried = columns.carried(default=Decimal(0), db_default=Decimal(0), editable=False)
    redeemed_value = columns.unit_value(null=True, editable=False)
    drawdown_pct = columns.percent(default=Decimal(0), editable=False)
    # The newest ledger entry's time; None while there is none.
    last_entry_at = models.DateTimeField(null=True, editable=False)
    # The newest mark that `unrealized_pnl` contains.
    marked_at = models.DateTimeField(null=True, editable=False)
    # The newest trading day on which it moved, and what it was when that day began.
    revalued_day = models.DateField(null=True, editable=False)
    midnight_unrealized_pnl = columns.money(default=Decimal(0), editable=False)

    trading_state = models.CharField(
        max_length=10,
        default=TradingState.ACTIVE,
        choices=columns.choices(TradingState),
    )
    # The portfolio of a challenge's next phase. Only a later one can be, so that phases
    # never go in a circle.
    successor = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="predecessors",
        db_constraint=False,  # composite with the user, in the migration
        db_index=False,  # portfolios_one_predecessor begins with it
    )
    # When a halt last began or was resumed. None: it never was, so no time needs to be
    # looked up.
    last_halted_at = models.DateTimeField(null=True, editable=False)
    # The limits, see `goals.decisions.limits`. Dated changes are in `limit_changes`.
    drawdown_mode = _word(DrawdownMode, DrawdownMode.TRAILING_CLOSED)
    end_of_day_of = _word(ValuedBy, ValuedBy.CLOSED)
    soft_drawdown_pct = columns.percent(default=Decimal(10))
    hard_drawdown_pct = columns.percent(default=Decimal(20))
    drawdown_of = _word(DrawdownOf, DrawdownOf.PEAK)
    drawdown_locks_at = columns.ratio(null=True, blank=True)
    floor_in = _word(FloorIn, FloorIn.UNITS)
    daily_loss_limit_pct = columns.percent(null=True, blank=True)
    daily_loss_of = _word(DailyLossOf, DailyLossOf.DAY_START)
    daily_loss_anchor = _word(DailyLossAnchor, DailyLossAnchor.EQUITY)
    day_starts_at = models.TimeField(default=time.min, db_default=time.min)
    daily_profit_lock_pct = columns.percent(null=True, blank=True)
    max_trades_per_day = models.PositiveIntegerField(null=True, blank=True)
    pause_after_losses = models.PositiveIntegerField(null=True, blank=True)
    pause_minutes = models.PositiveIntegerField(null=True, blank=True)
    headroom_share_pct = columns.percent(null=True, blank=True)
    on_breach = _word(OnBreach, OnBreach.HALT)
    daily_on_breach = _word(DailyOnBreach, DailyOnBreach.HALT_DAY)
    # What the floor is measured from now: the reference in force, as the ledger and
    # the marks have raised it. Values by `floor_in`.
    floor_set_at = models.DateTimeField(null=True, editable=False)
    floor_start_value = columns.unit_value(
        default=Decimal(1), db_default=Decimal(1), editable=False
    )
    floor_peak_value = columns.unit_value(
        default=Decimal(1), db_default=Decimal(1), editable=False
    )
    floor_locked = models.BooleanField(default=False, db_default=False, editable=False)
    # In money: what was paid in when it was set.
    floor_paid_in = columns.money(
        default=Decimal(0), db_default=Decimal(0), editable=False
    )
    # What trades that are still open had made when it was taken from the present value.
    floor_held_pnl = columns.money(null=True, editable=False)
    # The newest dated change, or resume: what is booked before it is judged again.
    limits_changed_at = models.DateTimeField(null=True, editable=False)
    # The newest mark above the peak, while no second one has confirmed it.
    pending_high_at = models.DateTimeField(null=True, editable=False)
    pending_high_pnl = columns.money(null=True, editable=False)
    # The first mark at or below a floor, while no second one has confirmed it.
    suspected_at = models.DateTimeField(null=True, editable=False)
    # What was alerted and not come back from: since when the soft floor, and 80 % of
    # the way to the hard one; and of which day that 80 % of its limit are used up.
    alerted_soft_at = models.DateTimeField(null=True, editable=False)
    alerted_near_at = models.DateTimeField(null=True, editable=False)
    alerted_day = models.DateTimeField(null=True, editable=False)
    max_position_pct = columns.percent(null=True, blank=True)
    edge_guard = models.CharField(
        max_length=20,
        default=EdgeGuard.BENEFIT_OF_DOUBT,
        choices=columns.choices(EdgeGuard),
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    # Not saved: the profit by trade that came since a new trading day began, or that
    # turns out to have been there before (of no trade: None).
    since_midnight: dict[int, Decimal] | None = None
    before_midnight: dict[int | None, Decimal] | None = None
    # The newest day that began with what is stored of it, or with nothing, so far.
    day_before: date | None = None

    objects = PortfolioQuerySet.as_manager()

    class Meta:
        db_table = "portfolios"
        constraints = (
            models.UniqueConstraint(
                fields=["user", "name"], name="portfolios_name_unique"
            ),
            # What composite foreign keys point to: a goal's owner is its portfolio's.
            models.UniqueConstraint(
                fields=["portfolio_id", "user"], name="portfolios_owner_unique"
            ),
            models.UniqueConstraint(
                fields=["successor", "user"], name="portfolios_one_predecessor"
            ),
            check(
                "portfolios_successor_is_later",
                is_null("successor") | above("successor", "portfolio_id"),
            ),
            check("portfolios_name_not_empty", ~Q(name="")),
            check_words("portfolios_kind", "kind", PortfolioKind),
            check(
                "portfolios_live_never_finished",
                is_null("finished_at") | ~Q(kind=PortfolioKind.LIVE),
            ),
            check("portfolios_currency", Q(currency__regex=CURRENCY_PATTERN)),
            check("portfolios_time_zone_not_empty", ~Q(time_zone="")),
            check(
                "portfolios_opening_balance_not_negative",
                at_least("opening_balance", 0),
            ),
            check("portfolios_units_not_negative", at_least("units", 0)),
            check("portfolios_unit_value_not_negative", at_least("unit_value", 0)),
            check(
                "portfolios_peak_not_below", at_least("peak_unit_value", "unit_value")
            ),
            check("portfolios_unit_run_positive", at_least("unit_run", 1)),
            check(
                "portfolios_redeemed_value",
                is_null("redeemed_value") | (Q(units=0) & above("redeemed_value", 0)),
            ),
            check(
                "portfolios_drawdown_range",
                at_least("drawdown_pct", 0) & at_most("drawdown_pct", 100),
            ),
            check_words("portfolios_trading_state", "trading_state", TradingState),
            check_words("portfolios_edge_guard", "edge_guard", EdgeGuard),
            check(
                "portfolios_drawdown_limits",
                above("soft_drawdown_pct", 0)
                & at_least("hard_drawdown_pct", "soft_drawdown_pct")
                & at_most("hard_drawdown_pct", 100),
            ),
            check(
                "portfolios_daily_loss_limit_range",
                is_null("daily_loss_limit_pct")
                | (
                    above("daily_loss_limit_pct", 0)
                    & at_most("daily_loss_limit_pct", 100)
                ),
            ),
            check_words("portfolios_drawdown_mode", "drawdown_mode", DrawdownMode),
            check_words("portfolios_end_of_day_of", "end_of_day_of", ValuedBy),
            check_words("portfolios_drawdown_of", "drawdown_of", DrawdownOf),
            check_words("portfolios_floor_in", "floor_in", FloorIn),
            check_words("portfolios_daily_loss_of", "daily_loss_of", DailyLossOf),
            check_words(
                "portfolios_daily_loss_anchor", "daily_loss_anchor", DailyLossAnchor
            ),
            check_words("portfolios_on_breach", "on_breach", OnBreach),
            check_words("portfolios_daily_on_breach", "daily_on_breach", DailyOnBreach),
            check(
                "portfolios_drawdown_locks_at_range",
                is_null("drawdown_locks_at")
                | (
                    above("drawdown_locks_at", 0)
                    & at_most("drawdown_locks_at", HIGHEST_LOCK)
                ),
            ),
            check(
                "portfolios_profit_lock_positive",
                is_null("daily_profit_lock_pct") | above("daily_profit_lock_pct", 0),
            ),
            check("portfolios_max_trades_range", _count("max_trades_per_day")),
            check("portfolios_pause_after_range", _count("pause_after_losses")),
            check(
                "portfolios_pause_minutes_range",
                _count("pause_minutes")
                & (is_null("pause_minutes") | is_set("pause_after_losses")),
            ),
            check("portfolios_headroom_share_range", _share("headroom_share_pct")),
            check(
                "portfolios_floor_values",
                at_least("floor_start_value", 0)
                & at_least("floor_peak_value", "floor_start_value"),
            ),
            check(
                "portfolios_pending_high_is_complete",
                (is_null("pending_high_at") & is_null("pending_high_pnl"))
                | (is_set("pending_high_at") & is_set("pending_high_pnl")),
            ),
            check(
                "portfolios_day_starts_at_a_minute",
                is_whole_minute("day_starts_at"),
            ),
            check(
                "portfolios_max_position_positive",
                is_null("max_position_pct") | above("max_position_pct", 0),
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_id}/{self.name}"

    @property
    def shown_kind(self) -> PortfolioKind:
        """Its kind to a person, for whom the demo's replays are simulations."""
        if self.kind == PortfolioKind.DEMO and self.finished_at is not None:
            return PortfolioKind.SIMULATION
        return PortfolioKind(self.kind)

    @property
    def is_live(self) -> bool:
        return self.kind == PortfolioKind.LIVE

    @property
    def limits(self) -> Limits:
        """The limits in force, as the pure rules take them."""
        # A column's word comes from the database as text.
        given: dict[str, Any] = {
            name: getattr(self, name) if kind is None else kind(getattr(self, name))
            for name, kind in LIMIT_KINDS.items()
        }
        return Limits(**given)

    @property
    def floor_reference(self) -> FloorReference:
        """What the floor is measured from now."""
        return FloorReference(
            set_at=self.floor_set_at,
            start=self.floor_start_value,
            peak=self.floor_peak_value,
            run=self.unit_run,
            locked=self.floor_locked,
            paid_in=self.floor_paid_in,
            held=self.floor_held_pnl,
        )

    @property
    def waiting_high(self) -> Seen | None:
        """The mark above the peak that waits for a second one."""
        if self.pending_high_at is None:
            return None
        return Seen(self.pending_high_at, self.pending_high_pnl)

    @waiting_high.setter
    def waiting_high(self, seen: Seen | None) -> None:
        self.pending_high_at, self.pending_high_pnl = seen or (None, None)

    @property
    def live_equity(self) -> Decimal:
        """Equity plus the unrealised profit and loss of open positions."""
        live: Decimal = self.equity + self.unrealized_pnl
        return live

    def day_part(self, at: datetime) -> DayPart:
        """The row of the ledger's days that an entry of then belongs to."""
        return day_part(at, self.time_zone, self.day_starts_at)

    def part_start(self, part: DayPart) -> datetime:
        """The first instant of such a row."""
        return part_start(part, self.time_zone, self.day_starts_at)

    def trading_day(self, at: datetime) -> date:
        """The local date on which the trading day of then began."""
        return trading_day(at, self.time_zone, self.day_starts_at)

    def day_start(self, day: date) -> datetime:
        """The first instant of the trading day that begins on this local date."""
        return day_start(day, self.time_zone, self.day_starts_at)

    def first_part(self, day: date) -> DayPart:
        """The row that this trading day begins with."""
        return first_part(day, self.day_starts_at)

    def revalue(
        self, changes: Mapping[int, Decimal], at: datetime, *, is_exit: bool = False
    ) -> None:
        """Add to the unrealised profit, by trade; keep what the day began with.

        Unsaved. A change of an earlier day was there when the day began; an exit then
        is found in the trade's times, with what it had made by then.
        """
        change = sum(changes.values(), Decimal(0))
        day = self.trading_day(at)
        if self.revalued_day is None or day > self.revalued_day:
            was_flat = self.midnight_unrealized_pnl == 0
            self.day_before = self.revalued_day if was_flat else None
            self.revalued_day = day
            self.midnight_unrealized_pnl = self.unrealized_pnl
            self.since_midnight = {}
        if day == self.revalued_day and self.since_midnight is not None:
            for trade_id, made in changes.items():
                self.since_midnight[trade_id] = made + self.since_midnight.get(
                    trade_id, Decimal(0)
                )
        elif day < self.revalued_day and not is_exit:
            self.day_before = day
            self._add_before_midnight(changes)
        self.unrealized_pnl += change

    def _add_before_midnight(self, changes: Mapping[Any, Decimal]) -> None:
        before = self.before_midnight or {}
        for trade_id, made in changes.items():
            before[trade_id] = before.get(trade_id, Decimal(0)) + made
            self.midnight_unrealized_pnl += made
        self.before_midnight = before

    @exactly
    def keep_midnight(
        self,
        was: Account,
        is_now: Account,
        at: datetime,
        shares: Mapping[int, Decimal],
        *,
        is_void: bool,
    ) -> None:
        """Let a flow of before the day count as one at what was open when it began.

        The accounts of then, without the flow and with it (one that is void: with it
        and without it); the time of the flow, and what each trade that it was valued by
        carries since. Unsaved.
        """
        if was.units == is_now.units or was.units == 0 or was.run != is_now.run:
            return
        began_with, total = self.midnight_unrealized_pnl, sum(shares.values(), ZERO)
        if is_void:
            grown = was.units / is_now.units - 1 if is_now.units else ZERO
            made = (began_with - total + grown * is_now.carried) / (1 + grown)
        else:
            grown = is_now.units / was.units - 1
            made = began_with + total + grown * (began_with - was.carried)
        change = left = round_to(made, MONEY) - began_with
        if (
            not shares or change == 0
        ):  # no open trade was in what the flow was valued by
            return
        by_trade: dict[int | None, Decimal] = {}
        for trade_id, carried in shares.items() if total else ():
            by_trade[trade_id] = round_to(change * carried / total, MONEY)
            left -= by_trade[trade_id]
        self.day_before = self.trading_day(at)
        self._add_before_midnight({**by_trade, None: left} if left else by_trade)

    def unrealized_at_midnight(self, day: date) -> Decimal:
        """The unrealised profit when the trading day began, if it is none before."""
        if self.revalued_day == day:
            return Decimal(self.midnight_unrealized_pnl)
        return Decimal(self.unrealized_pnl)

    @property
    def account(self) -> Account:
        """The cached figures, as `goals.decisions.accounting` takes them."""
        return account_of(self)

    def apply_figures(self, account: Account) -> None:
        """Set the cached figures, beside the present `unrealized_pnl`; not saved."""
        self.equity = account.equity
        self.units = account.units
        self.unit_value = account.unit_value
        self.realized_pnl = account.realized_pnl
        self.peak_unit_value = account.peak_unit_value
        self.unit_run = account.run
        self.carried = account.carried
        self.redeemed_value = account.redeemed_value
        self.drawdown_pct = measure_live_drawdown_pct(account, self.unrealized_pnl)

    @property
    def portfolio_figures(self) -> PortfolioFigures:
        """What goals are measured by, now."""
        return PortfolioFigures(
            unit_value=self.unit_value,
            realized_pnl=self.realized_pnl,
            live_equity=self.live_equity,
            run=self.unit_run,
        )
