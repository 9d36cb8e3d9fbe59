"""Halts: trading stopped by a guard or by a person. Rows, so that they survive all."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q

from goals.decisions.guards.base import Halt
from goals.enums import HaltCause
from goals.models.portfolios import Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import (
    above,
    at_least,
    check,
    check_words,
    is_null,
    is_set,
)
from mastertrade.values.in_text import MINUTE, Text, instant, marks_of, say, unstopped

FOR_A_WHILE = (
    HaltCause.PROFIT_LOCK,
    HaltCause.TRADES_PER_DAY,
    HaltCause.LOSSES_IN_A_ROW,
)
LIMITS = {
    HaltCause.HARD_DRAWDOWN: "the hard floor",
    HaltCause.DAILY_LOSS: "the daily loss limit",
    HaltCause.PROFIT_LOCK: "the daily profit lock",
    HaltCause.TRADES_PER_DAY: "the limit of trades a day",
    HaltCause.LOSSES_IN_A_ROW: "the pause after losses",
}
WHAT_STOPS = "Entries stop; exits, stops and imports go on."
UNTIL_RESUMED = (HaltCause.HARD_DRAWDOWN, HaltCause.PERSON)


def is_unresumed(now: datetime) -> Q:
    """Neither resumed, nor withdrawn, nor over; whatever `now` says of its start.

    A request that waited for the portfolio's lock has read its clock before a halt that
    was written meanwhile.
    """
    runs = Q(halted_until=None) | Q(halted_until__gt=now)
    return Q(resumed_at=None, withdrawn_at=None) & runs


def is_in_force(at: datetime) -> Q:
    """Begun, and neither resumed nor over at that time; withdrawn ones never are."""
    return (
        Q(halted_at__lte=at, withdrawn_at=None)
        & (Q(resumed_at=None) | Q(resumed_at__gt=at))
        & (Q(halted_until=None) | Q(halted_until__gt=at))
    )


class TradingHaltQuerySet(models.QuerySet["TradingHalt"]):
    def unresumed(self, now: datetime) -> Self:
        """Those that stop entries now, the longest first; see `is_unresumed`."""
        return self.filter(is_unresumed(now))._longest_first()

    def in_force(self, at: datetime) -> Self:
        """Those that stop entries at that time, the longest first."""
        return self.filter(is_in_force(at))._longest_first()

    def _longest_first(self) -> Self:
        return self.order_by(F("halted_until").desc(nulls_first=True), "halt_id")


class TradingHalt(models.Model):
    """One halt of a portfolio, and how it was ended.

    It stops entries until a person resumes trading; one with `halted_until` ends by
    itself then. `halted_at` is the time of the breach. `halted_by` is empty where a
    limit halted. `resumed_unit_value` is what a unit was worth when it was resumed: the
    live value. A withdrawn one is kept to be read and is in force at no time.
    """

    halt_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="halts",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    cause = models.CharField(max_length=20, choices=columns.choices(HaltCause))
    halted_at = models.DateTimeField()
    halted_until = models.DateTimeField(null=True)
    halted_by = models.CharField(max_length=150, default="", blank=True)
    reason = models.TextField()
    # Of the figures in the reason (`mastertrade.values.in_text.Mark`).
    marks = models.JSONField(default=list, db_default=[])
    figures = models.JSONField()
    resumed_at = models.DateTimeField(null=True)
    resumed_by = models.CharField(max_length=150, default="", blank=True)
    resume_reason = models.TextField(default="", blank=True)
    resumed_unit_value = columns.unit_value(null=True)
    resumed_unit_run = models.IntegerField(null=True)
    # The ledger no longer shows its cause (a void, a correction, a late entry).
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_reason = models.TextField(default="", db_default="", blank=True)

    objects = TradingHaltQuerySet.as_manager()

    class Meta:
        db_table = "trading_halts"
        constraints = (
            check_words("trading_halts_cause", "cause", HaltCause),
            check("trading_halts_reason_not_empty", ~Q(reason="")),
            # What is only for the day, or a while, has an end; a daily loss that fails
            # waits for a person.
            check(
                "trading_halts_day_has_an_end",
                Q(cause=HaltCause.DAILY_LOSS)
                | (Q(cause__in=FOR_A_WHILE) & is_set("halted_until"))
                | (Q(cause__in=UNTIL_RESUMED) & is_null("halted_until")),
            ),
            check(
                "trading_halts_withdrawn_is_complete",
                (is_null("withdrawn_at") & Q(withdrawn_reason=""))
                | (is_set("withdrawn_at") & ~Q(withdrawn_reason="")),
            ),
            check(
                "trading_halts_ends_after_it_began",
                is_null("halted_until") | above("halted_until", "halted_at"),
            ),
            check(
                "trading_halts_person_is_named",
                (Q(cause="person") & ~Q(halted_by=""))
                | (~Q(cause="person") & Q(halted_by="")),
            ),
            check(
                "trading_halts_resumed_is_complete",
                (
                    is_null("resumed_at")
                    & Q(resumed_by="", resume_reason="")
                    & is_null("resumed_unit_value")
                    & is_null("resumed_unit_run")
                )
                | (
                    is_set("resumed_at")
                    & is_set("resumed_unit_value")
                    & is_set("resumed_unit_run")
                    & at_least("resumed_at", "halted_at")
                    & ~Q(resumed_by="")
                    & at_least("resumed_unit_value", 0)
                    & at_least("resumed_unit_run", 1)
                ),
            ),
            models.UniqueConstraint(
                fields=["portfolio", "cause"],
                condition=Q(
                    resumed_at__isnull=True,
                    halted_until__isnull=True,
                    withdrawn_at__isnull=True,
                ),
                name="trading_halts_one_in_force",
            ),
            models.UniqueConstraint(
                fields=["portfolio", "cause", "halted_until"],
                condition=Q(
                    resumed_at__isnull=True,
                    halted_until__isnull=False,
                    withdrawn_at__isnull=True,
                ),
                name="trading_halts_one_a_day",
            ),
        )
        indexes = (
            models.Index(
                fields=["portfolio", "-halt_id"], name="trading_halts_by_portfolio"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_cause_display()} since {self.halted_at:%Y-%m-%d %H:%M}"

    @property
    def why(self) -> Text:
        """The reason, without its full stop."""
        return unstopped(Text.of_stored(self.reason, self.marks))

    @property
    def words(self) -> Text:
        """Who halted trading, since and until when, why, and what that stops."""
        until: str = "it is resumed"
        if self.halted_until is not None:
            until = instant(self.halted_until, MINUTE)
        return say(
            "Halted by {} since {}, until {}: {}. {}",
            self.who,
            instant(self.halted_at, MINUTE),
            until,
            self.why,
            WHAT_STOPS,
        )

    @property
    def who(self) -> str:
        """The person, or the limit, that halted trading."""
        return str(self.halted_by or LIMITS.get(HaltCause(self.cause), "a limit"))

    def lasts_beyond(self, at: datetime | None) -> bool:
        """Whether it is still in force then, if nobody resumes trading before."""
        if self.halted_until is None or at is None:
            return self.halted_until is None
        return bool(self.halted_until >= at)

    def stops_at(self, at: datetime) -> bool:
        """Whether it is not over by itself then."""
        return self.halted_until is None or bool(self.halted_until > at)

    @property
    def value(self) -> Halt:
        """The halt as the pure decision sees it."""
        return Halt(
            cause=HaltCause(self.cause),
            since=self.halted_at,
            until=self.halted_until,
            reason=self.reason,
            marks=marks_of(self.why),
        )
