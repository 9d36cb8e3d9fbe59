"""Strategies: how a choice among them would go now, and what is done to one."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from io import BytesIO
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)
from rest_framework.exceptions import ParseError

from goals.decisions.trade_record import FEWEST_TRADES, GrowthRecord
from goals.enums import PortfolioKind
from goals.models import Portfolio, User
from mastertrade.site import figures
from mastertrade.site.forms import CallForm, compare_with_page
from mastertrade.site.goal_lines import title_of
from mastertrade.site.performance import about_strategy, record_words, show_interval
from mastertrade.site.performance_chart import draw_interval
from mastertrade.site.shell import choose_portfolio, page
from mastertrade.site.wording import kind_notice, name_strategies
from mastertrade.values.money import HUNDRED, exactly
from mastertrade.web.api_fields import JSONObjectField
from mastertrade.web.json_parser import ExactJSONParser, NestedTooDeep
from strategies.api.serializers import (
    StrategyChangeSerializer,
    StrategyCreationSerializer,
)
from strategies.decisions.selection import RankedStrategy, explain_place
from strategies.enums import Placing, RiskProfile, StrategyStatus
from strategies.models import StrategyInstance
from strategies.services import create_strategy, update_strategy
from trades.enums import TradeStatus
from trades.models import Trade
from trades.sizing_calls.ranking import GoalChoice, StrategiesNow, rank_strategies

MOST_SHOWN = 50
STATUSES = {"pause": StrategyStatus.PAUSED, "activate": StrategyStatus.ACTIVE}
DONE = {
    "pause": "{} is paused: it is not chosen until it is active again.",
    "activate": "{} is active: it takes part in the next choice.",
}
WHY = {
    Placing.CHOSEN: "chosen",
    Placing.DISPROVED: "ruled out: even the upper bound of its record is a loss",
    Placing.FITS_LESS: "fits less",
    Placing.GREW_LESS: "fits as well; its growth ranks lower",
    Placing.LATER_NAME: "the same figures; the first by name is chosen",
}
NO_GROWTH_YET = "fits as well; counts as no growth until it has a record"
NOT_COMPETING = {
    StrategyStatus.ACTIVE: "no goal takes part now",
    StrategyStatus.PAUSED: "paused: it takes no part",
    StrategyStatus.RETIRED: "retired: it takes no part",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A strategy with its evidence, and its place in the ranking where it has one.

    Of its trades, live and simulated, those are None that are not known now.
    """

    strategy: StrategyInstance
    about: str
    place: RankedStrategy | None
    is_chosen: bool
    why: str
    live: int | None
    simulated: int | None
    mean: str
    interval: str
    whisk: SafeString | None
    tone: str
    icon: str
    says: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A goal's choice in a sentence; `decides`: it chooses for the next trade."""

    goal_id: int
    title: SafeString
    chosen: str
    words: SafeString
    decides: bool
    is_shown: bool


@require_safe
@page
def list_strategies(request: HttpRequest) -> HttpResponse:
    """GET, `?portfolio=ID`, `?goal=ID` whose ranking is shown, `?page=2`."""
    portfolio, portfolios = choose_portfolio(request)
    if portfolio is None:
        return redirect("site:welcome")
    portfolio.user, now = cast(User, request.user), timezone.now()
    found = rank_strategies(portfolio, now)
    shown = _shown_choice(request.GET.get("goal", ""), found)
    ordered = Paginator(_in_order(found, shown), MOST_SHOWN)
    page_of = ordered.get_page(request.GET.get("page"))
    context = {
        "portfolio": portfolio,
        "portfolios": portfolios,
        "notice": kind_notice(portfolio),
        "found": found,
        "has_active": any(
            one.status == StrategyStatus.ACTIVE for one in found.strategies
        ),
        "choices": _choices(portfolio, found, shown, now),
        "shown": None if shown is None else title_of(shown.goal),
        "query": "" if shown is None else f"goal={shown.goal.pk}&",
        "page": page_of,
        "rows": _rows(portfolio, found, shown, list(page_of)),
        "fewest": FEWEST_TRADES,
    }
    return render(request, "site/strategies.html", context)


def _shown_choice(asked: str, found: StrategiesNow) -> GoalChoice | None:
    """The goal asked for, or the one that decides."""
    for one in found.choices:
        if str(one.goal.pk) == asked:
            return one
    if asked:
        raise Http404
    return found.choices[0] if found.choices else None


def _in_order(found: StrategiesNow, shown: GoalChoice | None) -> list[StrategyInstance]:
    """As they are ranked; behind them those that take no part."""
    places = {one.strategy_id: one.rank for one in _ranking(shown)}
    states = list(StrategyStatus)

    def place(one: StrategyInstance) -> tuple[int, int]:
        last = len(places) + 1 + states.index(StrategyStatus(one.status))
        return places.get(one.strategy_id, last), one.pk

    return sorted(found.strategies, key=place)


def _ranking(shown: GoalChoice | None) -> tuple[RankedStrategy, ...]:
    return () if shown is None else shown.selection.ranking


def _choices(
    portfolio: Portfolio,
    found: StrategiesNow,
    shown: GoalChoice | None,
    now: datetime,
) -> list[Choice]:
    names = name_strategies(
        (one.strategy_id, one.strategy_name) for one in found.strategies
    )
    lines = []
    for place, one in enumerate(found.choices):
        one.goal.portfolio = portfolio
        chosen = one.selection.selected.strategy_id
        lines.append(
            Choice(
                goal_id=one.goal.pk,
                title=title_of(one.goal),
                chosen=names.get(chosen, chosen),
                words=figures.show(one.selection.reason, now),
                decides=place == 0,
                is_shown=one is shown,
            )
        )
    return lines


def _rows(
    portfolio: Portfolio,
    found: StrategiesNow,
    shown: GoalChoice | None,
    strategies: list[StrategyInstance],
) -> list[Row]:
    others = _count_others(portfolio, strategies)
    places = {one.strategy_id: one for one in _ranking(shown)}
    records = found.records or {}
    judged = [one for one in records.values() if one.judged]
    ends = [abs(end) for one in judged for end in (one.lower, one.upper)]
    widest = max(ends, default=Decimal(0))
    return [
        _row(
            one,
            places.get(one.strategy_id),
            shown,
            records.get(one.strategy_id),
            others.get(one.strategy_id, 0),
            widest,
            is_live=portfolio.is_live,
        )
        for one in strategies
    ]


@exactly
def _row(
    strategy: StrategyInstance,
    place: RankedStrategy | None,
    shown: GoalChoice | None,
    record: GrowthRecord | None,
    others: int,
    widest: Decimal,
    *,
    is_live: bool,
) -> Row:
    why = NOT_COMPETING[StrategyStatus(strategy.status)]
    first = None
    if place is not None and shown is not None:
        first = shown.selection.selected
        placing = explain_place(place, first)
        why = WHY[placing]
        if placing is Placing.GREW_LESS and place.mean is None:
            why = NO_GROWTH_YET
    own = None if record is None else record.trades
    mean, interval, whisk = "", "", None
    tone, icon, says = "", "", "being worked out anew"
    if record is not None:
        tone, icon, says = record_words(record)
    if record is not None and record.judged:
        low, high = record.lower * HUNDRED, record.upper * HUNDRED
        mean = figures.fine_percent(record.mean * HUNDRED, signed=True)
        interval = show_interval(low, high)
        sure = record.allows_more or record.disproved
        whisk = draw_interval(
            record.mean * HUNDRED, low, high, widest * HUNDRED, sure=sure
        )
    return Row(
        strategy=strategy,
        about=about_strategy(strategy),
        place=place,
        is_chosen=place is not None and place is first,
        why=why,
        live=own if is_live else others,
        simulated=others if is_live else own,
        mean=mean,
        interval=interval,
        whisk=whisk,
        tone=tone,
        icon=icon,
        says=says,
    )


def _count_others(
    portfolio: Portfolio, strategies: list[StrategyInstance]
) -> dict[str, int]:
    """Trades that have wholly ended and are no evidence here: of the other kind."""
    is_live = Q(kind=PortfolioKind.LIVE)
    others = Portfolio.objects.filter(
        ~is_live if portfolio.is_live else is_live, user_id=portfolio.user_id
    )
    ended = Trade.objects.filter(
        # By their keys, as statistics know how few trades these have.
        portfolio_id__in=list(others.values_list("pk", flat=True)),
        strategy_id__in=[one.strategy_id for one in strategies],
        status=TradeStatus.CLOSED,
        parent_trade=None,
    )
    return dict(ended.values_list("strategy_id").annotate(Count("pk")))


class StrategyForm(CallForm):
    """A strategy in a trader's words; the API's own rules read it."""

    strategy_id = forms.CharField(
        max_length=100,
        label="Short name",
        help_text="As your bot sends it: letters, digits, and _ . : - after the first. "
        "It cannot be changed later.",
    )
    strategy_name = forms.CharField(
        max_length=200,
        required=False,
        label="Name",
        help_text="As pages show it. Default: the short name.",
    )
    strategy_type = forms.CharField(
        max_length=50,
        label="Type",
        help_text="momentum and breakout fit a goal that is behind, mean_reversion one "
        "that is near its target; any other word stands between them.",
    )
    risk_profile = forms.ChoiceField(
        choices=[(str(one), one.capitalize()) for one in RiskProfile],
        initial=str(RiskProfile.MODERATE),
        label="Risk profile",
        help_text="Aggressive fits a goal that is behind a little more, conservative "
        "one that is near its target.",
    )
    status = forms.ChoiceField(
        choices=[(str(one), one.capitalize()) for one in StrategyStatus],
        label="State",
        help_text="Only an active one is chosen. A retired one stays with its trades.",
    )
    parameters = forms.CharField(
        required=False,
        label="Parameters",
        widget=forms.Textarea({"rows": 4}),
        help_text='A JSON object that your bot reads, such as {"period": 20}. '
        "MasterTrade does not look at it.",
    )

    @classmethod
    def of(cls, strategy: StrategyInstance, data: Any = None) -> "StrategyForm":
        """Of one that there is: its short name stays."""
        names = [name for name in cls.base_fields if name != "strategy_id"]
        stored = {name: getattr(strategy, name) for name in names}
        stored["parameters"] = json.dumps(strategy.parameters, ensure_ascii=False)
        form = cls(data, initial=stored)
        del form.fields["strategy_id"]
        form.fields["strategy_name"].required = True
        compare_with_page(form)
        return form

    @classmethod
    def new(cls, data: Any = None) -> "StrategyForm":
        form = cls(data)
        del form.fields["status"]
        return form

    def clean_parameters(self) -> Any:
        text = self.cleaned_data["parameters"] or "{}"
        try:
            return ExactJSONParser().parse(BytesIO(text.encode()))
        except NestedTooDeep as error:
            words = JSONObjectField.default_error_messages["too_deep"]
            raise forms.ValidationError(words) from error
        except ParseError as error:
            raise forms.ValidationError(str(error.detail)) from error

    def create(self, user: User, now: datetime) -> StrategyInstance | None:
        asked = self.read(StrategyCreationSerializer, self.cleaned_data, user)
        if asked is None:
            return None
        return self.call(create_strategy, user=user, now=now, **asked)

    def change(
        self, strategy: StrategyInstance, user: User, now: datetime
    ) -> StrategyInstance | None:
        """Only what was changed on the page: the rest may have changed since."""
        asked = self.read(StrategyChangeSerializer, self.cleaned_data, user)
        if asked is None:
            return None
        return self.call(
            update_strategy,
            user=user,
            strategy_id=strategy.strategy_id,
            now=now,
            **{name: asked[name] for name in self.changed_data if name in asked},
        )


@require_http_methods(["GET", "HEAD", "POST"])
@page
def make_strategy(request: HttpRequest) -> HttpResponse:
    """GET /strategies/new/ asks, POST makes it."""
    user = cast(User, request.user)
    posted = request.POST if request.method == "POST" else None
    form = StrategyForm.new(posted)
    if posted is not None and form.is_valid():
        made = form.create(user, timezone.now())
        if made is not None:
            messages.success(request, f"{made.strategy_name} is there, and active.")
            return redirect("site:strategies")
    return _show_form(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@page
def change_strategy(request: HttpRequest, strategy_pk: int) -> HttpResponse:
    """GET /strategies/{strategy_pk}/edit/ asks, POST changes it."""
    strategy = _find(request, strategy_pk)
    posted = request.POST if request.method == "POST" else None
    form = StrategyForm.of(strategy, posted)
    if posted is not None and form.is_valid():
        user = cast(User, request.user)
        changed = form.change(strategy, user, timezone.now())
        if changed is not None:
            messages.success(request, f"{changed.strategy_name} is changed.")
            return redirect("site:strategies")
    return _show_form(request, form, strategy)


def _show_form(
    request: HttpRequest, form: StrategyForm, strategy: StrategyInstance | None
) -> HttpResponse:
    context = {"form": form, "strategy": strategy}
    status = 422 if form.errors else 200
    return render(request, "site/strategy_form.html", context, status=status)


@require_POST
@page
def act_on_strategy(
    request: HttpRequest, strategy_pk: int, action: str
) -> HttpResponse:
    """POST /strategies/{strategy_pk}/pause/ or activate/."""
    strategy = _find(request, strategy_pk)
    update_strategy(
        user=cast(User, request.user),
        strategy_id=strategy.strategy_id,
        now=timezone.now(),
        status=STATUSES[action],
    )
    messages.success(request, DONE[action].format(strategy.strategy_id))
    return redirect("site:strategies")


def _find(request: HttpRequest, strategy_pk: int) -> StrategyInstance:
    """By its key: a short name that came with trades may be no part of an address."""
    mine = StrategyInstance.objects.filter(user_id=request.user.get_username())
    return get_object_or_404(mine, pk=strategy_pk)
