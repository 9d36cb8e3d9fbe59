"""What a portfolio's limits were at any time, and the marks they were judged by."""

from dataclasses import fields
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q

from goals.decisions.limits import Limits
from goals.enums import LimitCause, MarkRole
from goals.models.portfolios import Portfolio
from mastertrade.db import model_fields as columns
from mastertrade.db.model_fields import (
    at_least,
    check,
    check_words,
    is_null,
    is_object,
    is_set,
)
from mastertrade.values.jsonable import from_plain
from mastertrade.values.money import format_plain


def _written(value: Any) -> str:
    if value is None:
        return "off"
    return format_plain(value) if isinstance(value, Decimal) else str(value)


class LimitChange(models.Model):
    """The limits in force from a time on, and the reference that it set, if any.

    A past floor is judged by the newest change up to then. `effective_at` None is the
    opening: in force before any entry. Values by `floor_in` of `settings`. A
    reference `of_present` is taken from the value of then, with the open profit that
    the mark of role `reference` of then holds: a late entry makes it again. Else a
    person gave its values.
    """

    limit_change_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="limit_changes",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    cause = models.CharField(max_length=10, choices=columns.choices(LimitCause))
    effective_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150)
    settings = models.JSONField()  # `goals.decisions.limits.Limits` as plain JSON
    start_value = columns.unit_value(null=True)
    peak_value = columns.unit_value(null=True)
    unit_run = models.PositiveIntegerField(null=True)
    of_present = models.BooleanField(default=False, db_default=False)

    class Meta:
        db_table = "limit_changes"
        constraints = (
            check_words("limit_changes_cause", "cause", LimitCause),
            check(
                "limit_changes_opening_is_undated",
                (Q(cause=LimitCause.OPENING) & is_null("effective_at"))
                | (~Q(cause=LimitCause.OPENING) & is_set("effective_at")),
            ),
            check(
                "limit_changes_reference_is_complete",
                (
                    is_null("start_value")
                    & is_null("peak_value")
                    & is_null("unit_run")
                    & Q(of_present=False)
                    & Q(cause=LimitCause.CHANGE)
                )
                | (
                    is_set("start_value")
                    & is_set("peak_value")
                    & is_set("unit_run")
                    & at_least("start_value", 0)
                    & at_least("peak_value", "start_value")
                    & at_least("unit_run", 1)
                ),
            ),
            check("limit_changes_settings_are_an_object", is_object("settings")),
            models.UniqueConstraint(
                fields=["portfolio"],
                condition=Q(cause=LimitCause.OPENING),
                name="limit_changes_one_opening",
            ),
        )
        indexes = (
            models.Index(
                fields=["portfolio", "-effective_at", "-limit_change_id"],
                name="limit_changes_by_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.cause} of portfolio {self.portfolio_id}"

    @property
    def words(self) -> str:
        """The settings that were then in force and are not what they are by default."""
        limits, usual = from_plain(Limits, self.settings), Limits()
        names = [one.name for one in fields(Limits)]
        found = [
            f"{name} {_written(getattr(limits, name))}"
            for name in names
            if getattr(limits, name) != getattr(usual, name)
        ]
        return ", ".join(found) or "as by default"


class LimitMark(models.Model):
    """What open trades had made at a mark that a limit was judged by.

    Stored, so that a rebuild judges as it was judged: the value at a trading day's
    start, confirmed live highs, the two marks of a breach, what was open at a close
    below a floor, or where a floor or a day is measured from the value of then.
    `by_trade` holds the open profit of each trade at that instant by its key,
    `open_pnl` their sum: a trade that is void, or turns out to have closed before,
    counts no more. A live high is dated at the mark that confirmed it; `first_*` are
    of the mark that waited for that.
    """

    limit_mark_id = models.BigAutoField(primary_key=True)
    portfolio = models.ForeignKey(
        Portfolio,
        models.CASCADE,
        related_name="limit_marks",
        db_constraint=False,  # ON DELETE CASCADE in the migration
        db_index=False,
    )
    role = models.CharField(max_length=10, choices=columns.choices(MarkRole))
    at = models.DateTimeField()
    open_pnl = columns.money(default=Decimal(0))
    by_trade = models.JSONField(default=dict)
    first_at = models.DateTimeField(null=True)
    first_open_pnl = columns.money(null=True)
    first_by_trade = models.JSONField(null=True)

    class Meta:
        db_table = "limit_marks"
        constraints = (
            check_words("limit_marks_role", "role", MarkRole),
            check("limit_marks_by_trade_is_an_object", is_object("by_trade")),
            check(
                "limit_marks_first_is_complete",
                (
                    ~Q(role=MarkRole.HIGH)
                    & is_null("first_at")
                    & is_null("first_open_pnl")
                    & is_null("first_by_trade")
                )
                | (
                    Q(role=MarkRole.HIGH, first_at__lt=F("at"))
                    & is_set("first_at")
                    & is_set("first_open_pnl")
                    & is_set("first_by_trade")
                    & is_object("first_by_trade")
                ),
            ),
            models.UniqueConstraint(
                fields=["portfolio", "at"],
                condition=Q(role=MarkRole.DAY_START),
                name="limit_marks_one_day_start",
            ),
            models.UniqueConstraint(
                fields=["portfolio"],
                condition=Q(role=MarkRole.PENDING),
                name="limit_marks_one_pending",
            ),
        )
        indexes = (
            models.Index(
                fields=["portfolio", "role", "-at", "-limit_mark_id"],
                name="limit_marks_by_time",
            ),
        )

    def __str__(self) -> str:
        return f"{self.role} of portfolio {self.portfolio_id} at {self.at}"
