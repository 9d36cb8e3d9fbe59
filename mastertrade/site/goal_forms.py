"""A goal in the user's words: made, changed, and looked ahead before it is saved."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import expm1
from typing import Any, ClassVar, TypeVar

from django import forms
from django.db import transaction
from django.http import QueryDict
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from goals.decisions.policies import PolicyName
from goals.decisions.trade_record import FEWEST_TRADES
from goals.enums import AfterAchieved, CalendarPeriod, GoalType, Measure
from goals.models import FinancialGoal
from goals.projection.forecast import required_growth
from goals.services.funding import find_lack_of_money
from goals.services.goals import create_goal, update_goal
from goals.services.trade_forecasts import goal_path_of
from mastertrade.site import figures
from mastertrade.site.forms import decimal_field
from mastertrade.site.service_forms import ServiceForm
from mastertrade.values.money import PERCENT, exactly
from trades.sizing_calls.what_if import Change, WhatIf, ask_what_if

MEASURES = (
    (Measure.RETURN.value, "a percentage"),
    (Measure.INCOME.value, "an income"),
    (Measure.VALUE.value, "a portfolio worth"),
)
PERIODS = (
    (CalendarPeriod.DAY.value, "this day"),
    (CalendarPeriod.WEEK.value, "this week"),
    (CalendarPeriod.MONTH.value, "this month"),
    (CalendarPeriod.QUARTER.value, "this quarter"),
    (CalendarPeriod.YEAR.value, "this year"),
)
# Short, so that a telephone shows them whole; `HINTS` has the rest.
POLICIES = (
    (PolicyName.LADDER.value, "Ladder: smaller near the target"),
    (PolicyName.PACE.value, "Pace: as large as the time left needs"),
    (PolicyName.DEADLINE_OPTIMAL.value, "Deadline optimal: most likely in time"),
    (PolicyName.CONSTANT.value, "Constant: always the base size"),
)
AFTER = (
    (AfterAchieved.PROTECT.value, "Protect it: half the base size"),
    (AfterAchieved.CONTINUE.value, "Continue at the base size"),
    (AfterAchieved.STOP.value, "Stop until its period ends"),
)
CHOICES = {"policy": POLICIES, "after_achieved": AFTER}
LABELS = {
    "target_value": "How much",
    "recurring": "And again every period",
    "target_date": "By",
    "policy": "How sizes follow the goal",
    "stop_penalty": "Cost of hitting a floor, in reached goals",
    "min_factor": "Smallest factor",
    "max_factor": "Largest factor",
    "after_achieved": "Once it is reached",
    "priority": "Priority",
    "min_trading_days": "Trading days at least",
    "best_day_max_pct": "Best day at most, in % of the profit",
}
HINTS = {
    "recurring": "The next period's goal begins when this one ends.",
    "target_date": "Its last day.",
    "policy": "Ladder: 1.3 below 30 % of the way, 1.0 up to 80 %, 0.7 from there. "
    "Pace: as large as the time left asks for, by the edge of your trades. "
    "Deadline optimal: the sizes that most probably arrive in time, less what a hit "
    "floor costs.",
    "stop_penalty": "Only for deadline optimal. 0: only arriving counts.",
    "min_factor": "Of base; from 0.1.",
    "max_factor": "Of base; at most 2.",
    "priority": "1 is the highest: that goal sets the factor.",
    "min_trading_days": "Days with an entry before it counts as reached. Empty: off.",
    "best_day_max_pct": "For challenges with a consistency rule. Empty: off.",
}
MAIN = ("target_value", "target_date", "recurring")
CHANGEABLE = tuple(LABELS)
MOST_TRADES_A_MONTH = 10_000
MONTH = timedelta(days=365.25) / 12
PLACES = 8
Form = TypeVar("Form", bound="GoalForm")


class GoalForm(ServiceForm[FinancialGoal]):
    """What of a running goal can be changed, in a trader's words."""

    class Meta:
        model = FinancialGoal
        fields: tuple[str, ...] = CHANGEABLE
        labels = LABELS
        help_texts = HINTS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            if name in CHOICES:
                field.choices = CHOICES[name]  # type: ignore[attr-defined]
            if isinstance(field, forms.DateField):  # 03/04/2026 is two days
                field.input_formats = ["%Y-%m-%d"]
                field.widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
                field.error_messages["invalid"] = "Must be a date, such as 2026-03-31."
            elif isinstance(field, forms.IntegerField):  # decimals are such fields too
                field.widget = forms.TextInput({"inputmode": "decimal"})
        if "stop_penalty" in self.fields:
            self.fields["stop_penalty"].required = False
        self._explain(self.fields["target_value"], self.fields["target_date"])

    def _explain(self, target: forms.Field, date: forms.Field) -> None:
        """Only a new goal's date is chosen for the user, and only some have none."""
        currency = self.instance.portfolio.currency
        if self.is_new:
            target.help_text = f"Percent, or money in {currency}."
            date.help_text += " Default: the end of the period."
        else:
            kind = self.instance.kind
            unit = "%" if kind.measures is Measure.RETURN else currency
            target.label = f"{target.label}, in {unit}"
            date.required = kind.calendar is not None

    def clean_stop_penalty(self) -> Decimal:
        """An empty field leaves it."""
        given: Decimal | None = self.cleaned_data["stop_penalty"]
        return self.instance.stop_penalty if given is None else given

    def call_service(self) -> FinancialGoal:
        return update_goal(
            user=self.instance.portfolio.user,
            goal_id=self.instance.pk,
            as_of=self.now,
            **self.changes,
        )


class NewGoalForm(GoalForm):
    """ "I want to make 5 % this month, and again every month."."""

    field_names: ClassVar[dict[str, str]] = {
        "goal_type": "period",
        "start_value": "target_value",
    }
    measure = forms.ChoiceField(
        choices=MEASURES,
        widget=forms.RadioSelect,
        label="I want",
        initial=Measure.RETURN,
    )
    period = forms.ChoiceField(
        choices=PERIODS,
        required=False,
        label="When",
        initial=CalendarPeriod.MONTH,
        help_text="Or give its last day.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        has_period = cleaned.get("measure") == Measure.VALUE or cleaned.get("period")
        if not has_period and "period" not in self.errors:
            self.add_error("period", "Choose one.")
        return dict(cleaned)

    def call_service(self) -> FinancialGoal:
        given, portfolio = self.cleaned_data, self.instance.portfolio
        measure = Measure(given["measure"])
        period = None if measure is Measure.VALUE else given["period"]
        kinds = {(kind.measures, kind.calendar): kind for kind in GoalType}
        ends = period is not None or given["target_date"] is not None
        asked = {name: given[name] for name in self._meta.fields or ()}
        return create_goal(
            user=portfolio.user,
            portfolio=portfolio.pk,
            goal_type=kinds[measure, period],
            as_of=self.now,
            **{**asked, "recurring": given["recurring"] and ends},
        )


class FirstGoalForm(NewGoalForm):
    """The first one: all else as it is by default.

    What a trade is like says what is needed of each, before any is closed.
    """

    risk_pct = decimal_field(
        "Risk of a trade at its stop, in %",
        PERCENT,
        required=False,
        initial=1,
        min_value=0,
    )
    trades_a_month = forms.IntegerField(
        label="Trades a month, about",
        required=False,
        min_value=1,
        max_value=MOST_TRADES_A_MONTH,
        initial=20,
    )

    class Meta(GoalForm.Meta):
        fields = MAIN


def make_form(
    kind: type[Form],
    goal: FinancialGoal,
    now: datetime,
    data: QueryDict | None = None,
    prefix: str | None = None,
) -> Form:
    """The form, of the goal's owner, with the request's clock."""
    given = {"now": now, "by": goal.portfolio.user_id}
    made: type[Form] = type(kind.__name__, (kind,), given)
    return made(data, instance=goal, prefix=prefix)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a goal would ask for and come to, before it is saved.

    A trade is to grow the equity by `per_trade_pct` on average, that is by
    `per_trade_risks` of what it risks at its stop (R), over so many `trades`. None is
    not known.
    """

    goal: FinancialGoal
    found: WhatIf
    per_trade_pct: Decimal | None
    per_trade_risks: Decimal | None
    trades: Decimal | None

    @property
    def lacks_money(self) -> bool:
        return find_lack_of_money(self.goal.portfolio) is not None

    @property
    def needs_trades(self) -> bool:
        """Whether only closed trades are missing to a probability."""
        has_end = self.goal.period_ends_at is not None
        return has_end and self.found.trades < FEWEST_TRADES


def look_ahead(form: GoalForm, now: datetime) -> Forecast | None:
    """The forecast of the goal that the form would save; nothing is saved.

    The service itself makes it, and what it wrote is undone before anything is worked
    out. None where it refuses; the form says why.
    """
    with transaction.atomic():
        valid = form.is_valid()
        transaction.set_rollback(True)
    if not valid:
        return None
    goal: FinancialGoal = form.instance
    found = ask_what_if(goal, Change(), now, compared=False)
    given = form.cleaned_data
    trades, a_month = found.trades_left, given.get("trades_a_month")
    if a_month is not None and goal.period_ends_at is not None:
        left = goal.period_ends_at - max(now, goal.period_starts_at)
        trades = Decimal(str(round(a_month * (left / MONTH), PLACES)))
    per_trade = _needed_of_each(goal, trades)
    return Forecast(
        goal, found, per_trade, _in_risks(per_trade, given.get("risk_pct")), trades
    )


def _needed_of_each(goal: FinancialGoal, trades: Decimal | None) -> Decimal | None:
    """By how much each of the trades is to grow the equity, in percent."""
    at = goal.portfolio.portfolio_figures
    path = goal_path_of(goal, goal.measure_by(at), at.live_equity)
    if path is None or not trades:
        return None
    needed = required_growth(float(trades), float(path.goal_return), float(path.equity))
    return None if needed is None else Decimal(str(round(100 * expm1(needed), PLACES)))


@exactly
def _in_risks(pct: Decimal | None, risk_pct: Decimal | None) -> Decimal | None:
    return None if pct is None or not risk_pct else pct / risk_pct


def wrong_in(form: GoalForm) -> list[tuple[str, SafeString]]:
    """Labels and errors; none while nothing was said yet of how much."""
    if not (form["target_value"].data or "").strip():
        return []
    return [
        (
            str(form[name].label) if name in form.fields else "",
            format_html_join(" ", "{}", ((error,) for error in errors)),
        )
        for name, errors in form.errors.items()
    ]


def value_of(
    goal: FinancialGoal, value: Decimal | None, *, signed: bool = False
) -> SafeString:
    """A value in the goal's measure: percent, or money and its currency.

    What a portfolio is worth has no sign: it is no change.
    """
    kind, currency = goal.kind.measures, goal.portfolio.currency
    signed = signed and kind is not Measure.VALUE
    return figures.in_measure(value, kind, currency, signed=signed)
