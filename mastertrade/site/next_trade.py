"""The next trade: how large, with which strategy, and why; asked on the first page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from goals.decisions.size_request import BASES
from goals.models import GoalAdjustmentLog, Portfolio, User
from mastertrade.site.figures import show
from mastertrade.site.forms import decimal_field
from mastertrade.site.goal_decisions import DecisionLine, Why, lines_of, say_why
from mastertrade.site.goal_lines import title_of
from mastertrade.site.wording import name_strategies
from mastertrade.values.exceptions import (
    DomainError,
    InvalidInput,
    NoActiveGoal,
    PortfolioRuined,
    PortfolioUnfunded,
)
from mastertrade.values.in_text import cased
from mastertrade.values.money import MONEY, PERCENT, PRICE
from strategies.decisions.selection import Selection
from strategies.enums import StrategyStatus
from strategies.models import StrategyInstance
from trades.enums import Side
from trades.sizing_calls.decide import plan_next_trade, size_for_portfolio

MOST_STRATEGIES = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision as the panel shows it."""

    decision: GoalAdjustmentLog
    line: DecisionLine
    why: Why
    side: str
    quantity: Decimal | None
    risk_amount: Decimal | None
    risk_pct: Decimal | None
    strategy: str
    why_strategy: SafeString
    record: str
    goal: SafeString


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer, and the one action that mends it."""

    words: str | SafeString
    action: str = ""
    address: str = ""


class NextTradeForm(forms.Form):
    """What a trader says of the next trade; the services decide the rest.

    `risk_pct` of live equity is lost at the stop, or `base_size` is the notional asked
    about, as `size_by` says.
    """

    symbol = forms.CharField(
        max_length=50, widget=forms.TextInput({"autocomplete": "off"})
    )
    strategy = forms.ChoiceField(required=False)
    side = forms.ChoiceField(
        choices=[(str(Side.LONG), "Long"), (str(Side.SHORT), "Short")],
        widget=forms.RadioSelect,
        initial=str(Side.LONG),
    )
    price = decimal_field("Price", PRICE)
    stop_price = decimal_field("Stop", PRICE, required=False)
    size_by = forms.ChoiceField(
        label="Ask by",
        choices=[("risk", "Risk at the stop"), ("size", "Size")],
        widget=forms.RadioSelect,
        initial="risk",
    )
    risk_pct = decimal_field("Risk of equity", PERCENT, required=False)
    base_size = decimal_field("Size", MONEY, required=False)
    lot_step = decimal_field("Smallest step of the quantity", PRICE, required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        portfolio: Portfolio,
        now: datetime,
    ) -> None:
        super().__init__(data, auto_id="next_%s", initial={"risk_pct": "1"})
        self.portfolio, self.now = portfolio, now
        self.fields["strategy"] = forms.ChoiceField(
            required=False, choices=self._choices()
        )
        self.selection: Selection | None = None
        self.refusal: Refusal | None = None

    @cached_property
    def strategies(self) -> dict[str, str]:
        """Names of the active ones by their ids."""
        mine = StrategyInstance.objects.tradable_in(self.portfolio)
        active = mine.filter(status=StrategyStatus.ACTIVE).order_by("strategy_name")
        pairs = active.values_list("strategy_id", "strategy_name")
        return name_strategies(pairs[:MOST_STRATEGIES])

    def _choices(self) -> list[tuple[str, str]]:
        best = "Best fit" if self.strategies else "None yet"
        return [("", best), *self.strategies.items()]

    @property
    def labels(self) -> dict[str, str]:
        return {name: str(self[name].label) for name in self.fields}

    def ask(self, user: User) -> GoalAdjustmentLog | None:
        """The decision, logged; None where it is refused: the form says why."""
        if not self.is_valid():
            return None
        try:
            return self._ask(user, dict(self._asked()))
        except InvalidInput as wrong:
            for one in (wrong, *wrong.also):
                name = one.field if one.field in self.fields else None
                said = show(cased(one.detail), self.now, labels=self.labels)
                self.add_error(name, said)
        except DomainError as refusal:
            self.refusal = refuse(refusal, self.portfolio, self.now)
        return None

    def _asked(self) -> Iterator[tuple[str, Any]]:
        given = self.cleaned_data
        left_out = "base_size" if given["size_by"] == "risk" else "risk_pct"
        for name in ("symbol", "price", "stop_price", "lot_step", *BASES):
            value = given.get(name)
            if value not in (None, "") and name != left_out:
                yield name, value
        if given.get("stop_price") is not None:
            yield "side", given["side"]

    def _ask(self, user: User, asked: dict[str, Any]) -> GoalAdjustmentLog:
        """The choice of a strategy is the service's, where one is to be chosen."""
        call = {"user": user, "portfolio": self.portfolio.pk, "now": self.now, **asked}
        if self.cleaned_data["strategy"] or not self.strategies:
            named = self.cleaned_data["strategy"] or None
            decision, _ = size_for_portfolio(strategy_id=named, **call)
            return decision
        planned = plan_next_trade(**call)
        self.selection = planned.plan.selection
        return planned.decision


def refuse(refusal: DomainError, portfolio: Portfolio, now: datetime) -> Refusal:
    """A refusal in words for a page, with its one action where there is one."""
    if isinstance(refusal, NoActiveGoal):
        return Refusal(
            f"No goal of {portfolio.name} is running, so nothing says how large the "
            "next trade may be.",
            "Set a goal",
            reverse("site:goal-new"),
        )
    if isinstance(refusal, PortfolioUnfunded | PortfolioRuined):
        return Refusal(
            f"{portfolio.name} has no money to trade with, so there is no size.",
            "Deposit",
            reverse("site:deposit", args=[portfolio.pk]),
        )
    return Refusal(show(refusal.on_page, now))


def show_answer(form: NextTradeForm, decision: GoalAdjustmentLog) -> Answer:
    answer, side = decision.answer, form.cleaned_data["side"]
    selection = form.selection
    query = {"adjustment_id": decision.pk, "side": side}
    named, now = decision.strategy_id or "", form.now
    goal = decision.goal
    return Answer(
        decision=decision,
        line=lines_of(GoalAdjustmentLog.objects.filter(pk=decision.pk))[0],
        why=say_why(decision, goal, now),
        side=side,
        quantity=_figure(answer, "quantity"),
        risk_amount=_figure(answer, "risk_amount"),
        risk_pct=_figure(answer, "risk_pct"),
        strategy=form.strategies.get(named, named),
        why_strategy=show(selection.reason if selection else "", now),
        goal=title_of(goal),
        record=f"{reverse('site:trade-new')}?{urlencode(query)}",
    )


def _figure(answer: Mapping[str, Any], name: str) -> Decimal | None:
    return Decimal(answer[name]) if name in answer else None
