"""A goal in the user's words: made, changed, and looked ahead before it is saved."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.db import transaction
from django.http import QueryDict
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.decisions.policies import PolicyName
from goals.enums import AfterAchieved, CalendarPeriod, GoalType, Measure
from goals.models import FinancialGoal, Portfolio
from goals.services.goals import update_goal
from mastertrade.site import figures
from mastertrade.site.service_forms import GoalForm
from trades.sizing_calls.what_if import Change, WhatIf, ask_what_if

MEASURES = (
    (Measure.RETURN.value, "to make a percentage"),
    (Measure.INCOME.value, "to make money"),
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
    "target_value": "Percent for a percentage, else in the portfolio's currency.",
    "recurring": "The next period's goal begins when this one ends.",
    "target_date": "Its last day. Default: the end of the period.",
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
SIZES = ("policy", "stop_penalty", "min_factor", "max_factor")
FURTHER = ("after_achieved", "priority")
CONDITIONS = ("min_trading_days", "best_day_max_pct")
FIELDS = (*MAIN, *SIZES, *FURTHER, *CONDITIONS)


class _WordedForm(GoalForm):
    """A goal's form with labels and hints in a trader's words."""

    policy = forms.ChoiceField(choices=POLICIES)
    after_achieved = forms.ChoiceField(choices=AFTER)

    class Meta(GoalForm.Meta):
        fields = FIELDS  # type: ignore[assignment]  # fewer than the admin's
        labels = LABELS
        help_texts = HINTS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.label = LABELS.get(name, field.label)
            field.help_text = HINTS.get(name, field.help_text)
            if isinstance(field, forms.DecimalField | forms.IntegerField):
                field.widget = forms.TextInput({"inputmode": "decimal"})
        self.fields["target_date"].widget = forms.DateInput(
            {"type": "date"}, format="%Y-%m-%d"
        )

    def group(self, names: tuple[str, ...]) -> list[Any]:
        return [self[name] for name in names]

    @property
    def main(self) -> list[Any]:
        return self.group(MAIN)

    @property
    def sizes(self) -> list[Any]:
        return self.group(SIZES)

    @property
    def further(self) -> list[Any]:
        return self.group(FURTHER)

    @property
    def conditions(self) -> list[Any]:
        return self.group(CONDITIONS)


class NewGoalForm(_WordedForm):
    """ "I want to make 5 % this month, and again every month."."""

    field_names: ClassVar[dict[str, str]] = {"goal_type": "period"}
    measure = forms.ChoiceField(
        choices=MEASURES, widget=forms.RadioSelect, label="I want"
    )
    period = forms.ChoiceField(
        choices=PERIODS,
        required=False,
        label="When",
        help_text="Of its own last day, give that below.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        measure = cleaned.get("measure")
        if measure is not None and measure != Measure.VALUE and not self.errors:
            period = cleaned.get("period")
            if not period:
                self.add_error("period", "Choose one.")
        return dict(cleaned)

    def call_service(self) -> FinancialGoal:
        measure = Measure(self.cleaned_data.pop("measure"))
        period = self.cleaned_data.pop("period", None)
        self.cleaned_data["goal_type"] = goal_type_of(measure, period)
        return super().call_service()


class ChangedGoalForm(_WordedForm):
    """What of a running goal can be changed."""

    def call_service(self) -> FinancialGoal:
        return update_goal(
            user=self.instance.user,
            goal_id=self.instance.pk,
            as_of=self.now,
            **self.changes,
        )


def goal_type_of(measure: Measure, period: str | None) -> GoalType:
    for kind in GoalType:
        calendar = None if measure is Measure.VALUE else period
        if kind.measures is measure and kind.calendar == (calendar or None):
            return kind
    return GoalType.MONTHLY_RETURN


def new_form(
    portfolio: Portfolio, now: datetime, by: str, data: QueryDict | None
) -> NewGoalForm:
    first = {"measure": Measure.RETURN, "period": CalendarPeriod.MONTH}
    goal = FinancialGoal(portfolio=portfolio)
    found: NewGoalForm = _form(NewGoalForm, goal, now, by, data, first)
    return found


def change_form(
    goal: FinancialGoal, now: datetime, by: str, data: QueryDict | None
) -> ChangedGoalForm:
    found: ChangedGoalForm = _form(ChangedGoalForm, goal, now, by, data, {})
    return found


def _form(
    kind: type[Any],
    goal: FinancialGoal,
    now: datetime,
    by: str,
    data: QueryDict | None,
    first: dict[str, Any],
) -> Any:
    """The form with the request's clock, and who fills it in."""
    made = type(kind.__name__, (kind,), {"now": now, "by": by})
    return made(data, instance=goal, initial=first)


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a goal would ask for and come to, before it is saved; or why not."""

    goal: FinancialGoal | None
    found: WhatIf | None
    required: SafeString
    wrong: tuple[str, ...]


def look_ahead(form: Any, now: datetime) -> Forecast:
    """The forecast of the goal that the form would save; nothing is saved.

    The service itself makes it, and what it wrote is undone before anything is worked
    out.
    """
    with transaction.atomic():
        valid = form.is_valid()
        transaction.set_rollback(True)
    if not valid:
        wrong = () if _is_empty(form) else tuple(_wrong(form))
        return Forecast(None, None, SafeString(""), wrong)
    goal: FinancialGoal = form.instance
    found = ask_what_if(goal, Change(), now, compared=False)
    return Forecast(goal, found, required_words(goal, found), ())


def required_words(goal: FinancialGoal, found: WhatIf) -> SafeString:
    """ "0.35 % a day", or that there is no deadline."""
    if found.required_per_day is None:
        return SafeString("no deadline")
    return format_html("{} a day", value_of(goal, found.required_per_day))


def value_of(
    goal: FinancialGoal, value: Decimal | None, *, signed: bool = False
) -> SafeString:
    """A value in the goal's measure: percent, or money and its currency.

    What a portfolio is worth has no sign: it is no change.
    """
    kind, currency = goal.kind.measures, goal.portfolio.currency
    signed = signed and kind is not Measure.VALUE
    return figures.in_measure(value, kind, currency, signed=signed)


def _is_empty(form: Any) -> bool:
    """Whether nothing was said yet of how much."""
    return not form.data.get("target_value", "").strip()


def _wrong(form: Any) -> list[str]:
    found = []
    for name, errors in form.errors.items():
        label = f"{form[name].label}: " if name in form.fields else ""
        found += [f"{label}{error}" for error in errors]
    return found
