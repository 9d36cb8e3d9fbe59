"""What a replay, or a comparison of the policies, is asked; the API's rules read it."""

from datetime import datetime
from typing import Any, ClassVar

from django import forms
from django.utils.safestring import SafeString

from goals.decisions.policies import PolicyName
from goals.enums import GoalType, Measure
from goals.models import Portfolio, User
from goals.projection.comparison_cases import CASES
from goals.projection.presets import PRESETS, find_preset
from mastertrade.db.transactions import atomic
from mastertrade.site.figures import show
from mastertrade.site.forms import (
    NO_WHOLE_NUMBER,
    CallForm,
    decimal_field,
    read_by,
    read_number,
)
from mastertrade.site.goal_forms import AFTER, POLICIES
from mastertrade.site.limit_words import CHOICES, WORDS
from mastertrade.site.shell import portfolios_of
from mastertrade.values.money import FACTOR, MONEY, PERCENT, format_plain
from trades.api.serializers.comparisons import ComparisonRequestSerializer
from trades.api.serializers.replays import (
    ReplayRequestSerializer,
    ReplayUploadSerializer,
)
from trades.api.views.jobs import ask_replay, plain_arguments
from trades.enums import JobKind
from trades.jobs.kinds.comparisons import DEFAULTS
from trades.models import UserJob
from trades.replay.options import Costs, ReplaySettings
from trades.replay.reading import BUILT_IN_NAMES
from trades.services.comparisons import world_of_own
from trades.services.jobs import create_job

OWN_FILE = ""
PRICES = [
    *((name, f"{name}, daily, as recorded") for name in BUILT_IN_NAMES),
    (OWN_FILE, "A file of my own"),
]
OF_MEASURE = {Measure.RETURN: "% return", Measure.INCOME: "of income"}
GOAL_TYPES = [
    (str(kind), f"{OF_MEASURE[kind.measures]} a {kind.calendar}")
    for kind in GoalType
    if kind.calendar is not None
]
MOST_PORTFOLIOS = 100
OF_CASE, OF_PORTFOLIO = "case", "portfolio"
# The fields of a replay as they stand together.
OF_PRICES = ("prices", "file", "start_date", "end_date")
OF_GOAL = ("goal_type", "target_value")
OF_CHALLENGE = ("preset", "phase")
OF_LIMITS = (
    "opening_balance",
    "base_size_pct",
    "soft_drawdown_pct",
    "hard_drawdown_pct",
    "daily_loss_limit_pct",
    "max_trades_per_day",
    "resume_after_days",
)
OF_COSTS = ("fee_bps", "slippage_bps")
READING = (
    "time_zone",
    "raw_prices",
    "allow_gaps",
    "skip_null_rows",
    "tolerate_closes",
    "decimal_comma",
)
OF_MOVES = ("min_factor", "max_factor", "after_achieved", "edge_guard", "paths")


def _usual(limit: str) -> str:
    """What a new portfolio has."""
    return format_plain(getattr(Portfolio(), limit))


def whole_number(label: str, **more: Any) -> forms.IntegerField:
    widget = forms.TextInput({"inputmode": "numeric", "autocomplete": "off"})
    wrong = {"invalid": NO_WHOLE_NUMBER}
    field = forms.IntegerField(
        label=label, required=False, widget=widget, error_messages=wrong, **more
    )
    read_by(read_number, field)
    return field


def day(label: str, **more: Any) -> forms.DateField:
    widget = forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    return forms.DateField(label=label, required=False, widget=widget, **more)


class ReplayForm(CallForm):
    """Prices, a goal or a challenge, policies, limits and costs."""

    field_names: ClassVar[dict[str, str]] = {"policy": "policies"}
    prices = forms.ChoiceField(
        choices=PRICES,
        initial=BUILT_IN_NAMES[0],
        required=False,
        label="Prices",
        help_text="AAPL, GOOG, IBM and MSFT of March 2000 to March 2013 (GOOG from "
        "August 2004), FB from May 2012.",
    )
    file = forms.FileField(
        required=False,
        label="Or a file of prices",
        help_text="A CSV of bars as venues and tools write them, gzip too.",
        error_messages={"empty": "The file is empty."},
    )
    start_date = day("From", help_text="Default: the first bar.")
    end_date = day("To", help_text="Default: the last bar.")
    goal_type = forms.ChoiceField(
        choices=GOAL_TYPES,
        initial=str(GoalType.MONTHLY_RETURN),
        required=False,
        label="Goal",
    )
    target_value = decimal_field(
        "How much", MONEY, required=False, initial=3, help_text="Period after period."
    )
    preset = forms.ChoiceField(
        choices=[("", "None"), *((one, find_preset(one).firm) for one in PRESETS)],
        required=False,
        label="A firm's challenge in its place",
        help_text="Its target, conditions, account and limits, until it is passed or "
        "failed.",
    )
    phase = whole_number("Phase", help_text="Of the challenge. Default: the first.")
    policies = forms.MultipleChoiceField(
        choices=POLICIES,
        initial=[str(PolicyName.LADDER)],
        widget=forms.CheckboxSelectMultiple,
        label="How sizes follow the goal",
        help_text="Each is a replay of its own, next to the same strategies at the "
        "base size.",
    )
    opening_balance = decimal_field(
        "Money at the start",
        MONEY,
        required=False,
        help_text="Default: 10,000, or the challenge's account.",
    )
    base_size_pct = decimal_field(
        "Base size, % of equity",
        PERCENT,
        required=False,
        initial=ReplaySettings().base_size_pct,
    )
    soft_drawdown_pct = decimal_field(
        WORDS["soft_drawdown_pct"][0],
        PERCENT,
        required=False,
        help_text=f"Default: {_usual('soft_drawdown_pct')}, or the challenge's.",
    )
    hard_drawdown_pct = decimal_field(
        WORDS["hard_drawdown_pct"][0],
        PERCENT,
        required=False,
        help_text=f"Default: {_usual('hard_drawdown_pct')}, or the challenge's.",
    )
    daily_loss_limit_pct = decimal_field(
        WORDS["daily_loss_limit_pct"][0],
        PERCENT,
        required=False,
        help_text="Default: off, or the challenge's.",
    )
    max_trades_per_day = whole_number(
        WORDS["max_trades_per_day"][0], help_text="Default: off, or the challenge's."
    )
    resume_after_days = whole_number(
        "Days until trading goes on",
        help_text="After a halt that lasts. Default: it never does.",
    )
    fee_bps = decimal_field(
        "Fees, basis points", PERCENT, required=False, initial=Costs().fee_bps
    )
    slippage_bps = decimal_field(
        "Slippage, basis points",
        PERCENT,
        required=False,
        initial=Costs().slippage_bps,
        help_text="Of the notional, at the entry and at the exit; 1 is 0.01 %.",
    )
    time_zone = forms.CharField(
        max_length=50,
        required=False,
        label="Time zone of the bars",
        help_text="Such as America/New_York. Default: the file's one offset, or UTC.",
    )
    raw_prices = forms.BooleanField(
        required=False, label="Take prices as quoted, without Adj Close"
    )
    allow_gaps = forms.BooleanField(required=False, label="Take missing bars")
    skip_null_rows = forms.BooleanField(
        required=False, label="Skip rows without a price"
    )
    tolerate_closes = forms.BooleanField(
        required=False, label="Widen low and high to closes outside them"
    )
    decimal_comma = forms.BooleanField(
        required=False, label="Read 1,234 as 1.234 where nothing shows which it is"
    )

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if {"file", "prices"} & set(self.errors):
            return given
        if given.get("prices") and given.get("file"):
            given["prices"] = OWN_FILE  # a file is chosen by choosing one
        if not given.get("prices") and not given.get("file"):
            self.add_error("file", "Choose a file, or prices that are here.")
        return given

    def ask(self, user: User, now: datetime) -> list[UserJob]:
        """A job for each policy; none where one is refused, and the form says why."""
        asked = []
        for policy in self.cleaned_data["policies"]:
            one = self._read(policy, user)
            if one is None:
                return []
            asked.append(one)
        return self.call(self._create, user=user, now=now, asked=asked) or []

    def _read(self, policy: str, user: User) -> dict[str, Any] | None:
        given = {**self.cleaned_data, "policy": policy}
        left_out = {"policies", *(name for name in READING if given[name] is False)}
        if given["preset"]:  # it has its own
            left_out |= {*OF_GOAL}
        body: Any = ReplayRequestSerializer
        if given["file"] is not None:
            body = ReplayUploadSerializer
            left_out.add("prices")
        asked = {name: one for name, one in given.items() if name not in left_out}
        return self.read(body, asked, user)

    @atomic
    def _create(
        self, user: User, now: datetime, asked: list[dict[str, Any]]
    ) -> list[UserJob]:
        return [ask_replay(user, one, now) for one in asked]


def in_replay_words(said: str) -> SafeString:
    """What is said of a file of prices, with the options of its reading by label."""
    return show(said, labels=reading_labels())


def reading_labels() -> dict[str, str]:
    fields = ReplayForm.base_fields
    return {name: str(fields[name].label) for name in READING}


class ComparisonForm(CallForm):
    """One goal with every policy, on the same luck."""

    field_names: ClassVar[dict[str, str]] = {
        "case": "source",
        "portfolio": "source",
        "strategy_id": "source",
    }
    source = forms.ChoiceField(
        label="On the outcomes of",
        help_text="The closed trades of a portfolio, or a made-up distribution whose "
        "edge is known.",
    )
    trades = whole_number("Trades until the deadline", initial=DEFAULTS["trades"])
    goal_pct = decimal_field(
        "Goal, %", PERCENT, required=False, initial=DEFAULTS["goal_pct"]
    )
    stop_pct = decimal_field(
        "Trading stops at a drawdown of, %",
        PERCENT,
        required=False,
        initial=DEFAULTS["stop_pct"],
        help_text="0: it never does.",
    )
    min_factor = decimal_field("Smallest factor", FACTOR, required=False)
    max_factor = decimal_field("Largest factor", FACTOR, required=False)
    after_achieved = forms.ChoiceField(
        choices=AFTER, required=False, label="Once it is reached"
    )
    edge_guard = forms.ChoiceField(
        choices=list(CHOICES["edge_guard"].items()),
        required=False,
        label=WORDS["edge_guard"][0],
    )
    paths = whole_number(
        "Simulated walks of each",
        help_text="More are closer to the truth and take longer. Default: 100,000.",
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = portfolios_of(owner)[:MOST_PORTFOLIOS]
        own = [(f"{OF_PORTFOLIO}:{one.pk}", f"{one.name}'s trades") for one in mine]
        cases = [(f"{OF_CASE}:{one.name}", one.meaning) for one in CASES.values()]
        source = self.fields["source"]
        source.choices = [("Your record", own), ("Made up", cases)]  # type: ignore[attr-defined]

    def ask(self, user: User, now: datetime) -> UserJob | None:
        """A job; None where it is refused, and the form says why."""
        given = dict(self.cleaned_data)
        kind, _, of = given.pop("source").partition(":")
        given[kind] = int(of) if kind == OF_PORTFOLIO else of
        asked = self.read(ComparisonRequestSerializer, given, user)
        if asked is None:
            return None
        return self.call(self._create, user=user, now=now, asked=asked)

    def _create(self, user: User, now: datetime, asked: dict[str, Any]) -> UserJob:
        if OF_PORTFOLIO in asked:
            world_of_own(user, asked, now)  # too few trades are refused now
        return create_job(
            user=user,
            kind=JobKind.COMPARISON,
            arguments=plain_arguments(asked),
            now=now,
        )
