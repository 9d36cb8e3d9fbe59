"""Recording a trade by hand, or as the panel sized it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar, cast

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.enums import PortfolioKind
from goals.models import GoalAdjustmentLog, Portfolio, User
from goals.services.risk_state import find_halt
from mastertrade.site import figures
from mastertrade.site.asking import ASKS, bind
from mastertrade.site.forms import decimal_field, local_time
from mastertrade.site.goal_decisions import side_of
from mastertrade.site.service_forms import OnceForm
from mastertrade.site.shell import choose_portfolio, page, portfolios_of
from mastertrade.site.today import say_done
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.money import MONEY, format_plain
from mastertrade.values.validation import require_not_future, wrong_by
from strategies.models import StrategyInstance
from strategies.services import create_strategy
from trades.booking.exits import before_entry
from trades.booking.open import open_trade, record_closed_trade
from trades.booking.references import find_unknown
from trades.booking.trade_input import find_wrong_figures
from trades.models import Trade

# Of a strategy that a person names while recording a trade by hand.
BY_HAND = "discretionary"
# As they stand on the page.
PLAIN = ("symbol", "side", "quantity", "entry_price", "stop_price", "entry_time")
ENDED = ("exit_price", "exit_time")
RARE = (
    "leverage",
    "funding",
    "quote_currency",
    "fx_rate",
    "fee_currency",
    "fee_fx_rate",
)
OPTIONAL = ("strategy_id", "stop_price", "entry_time", *ENDED, *RARE)
MOST_STRATEGIES = 200


class RecordForm(OnceForm[Trade]):
    """A trade by hand, open or with `exit_price` over.

    Its strategy is one there is, or a new one by its name.
    """

    portfolio = forms.ModelChoiceField(
        Portfolio.objects.none(), widget=forms.HiddenInput
    )
    new_strategy = forms.CharField(
        required=False,
        max_length=100,
        label="Or a new strategy",
        help_text="By the name that you give it; its record begins with this trade.",
    )
    fees = decimal_field(
        "Fees",
        MONEY,
        required=False,
        help_text="In money: of the entry; for a closed trade, all of them.",
    )
    adjustment_id = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=2**63 - 1,
        label="Sized by decision",
        widget=forms.HiddenInput,
    )
    override = forms.BooleanField(
        required=False,
        help_text="Open it although trading is halted; the trade records this.",
    )

    class Meta:
        model = Trade
        fields = ("portfolio", "strategy_id", *PLAIN, *ENDED, *RARE)
        labels: ClassVar[dict[str, str]] = {
            "strategy_id": "Strategy",
            "stop_price": "Stop",
            "exit_price": "Exit price",
            "quote_currency": "Currency of the prices",
            "fx_rate": "Its rate",
            "fee_currency": "Currency of the fees",
            "fee_fx_rate": "Its rate, where it is a third currency",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "quantity": "In units of the symbol, the full one whatever the leverage.",
            "stop_price": "Where you get out at a loss.",
            "leverage": "Default: 1.",
            "funding": "Received so far, or paid (negative).",
            "quote_currency": "Default: the portfolio's.",
            "fx_rate": "What one of it is in the portfolio's currency.",
            "fee_currency": "Default: the portfolio's.",
        }
        widgets: ClassVar[dict[str, Any]] = {
            "entry_time": local_time(),
            "exit_time": local_time(),
            "side": forms.RadioSelect,
        }

    def __init__(self, *args: Any, owner: User, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The owner's alone, before anything is read of the one that was sent.
        cast(Any, self.fields["portfolio"]).queryset = portfolios_of(owner)
        for name in OPTIONAL:
            self.fields[name].required = False
        for name in (*RARE, *ENDED):
            self.initial[name] = None
        for name in ("entry_time", "exit_time"):
            self.fields[name].help_text = f"In {zone}. Default: now."
        self.fields["strategy_id"].widget = forms.Select(choices=self._strategies())
        self.fields["side"].choices = [("LONG", "Long"), ("SHORT", "Short")]  # type: ignore[attr-defined]

    def _strategies(self) -> list[tuple[str, str]]:
        """What the owner of the portfolio may trade there, active ones first."""
        asked = self.data.get("portfolio") or self.initial.get("portfolio")
        try:
            portfolio = self.fields["portfolio"].clean(asked)
        except forms.ValidationError:
            return [("", "Choose a portfolio first")]
        found = StrategyInstance.objects.filter(user_id=portfolio.user_id)
        if portfolio.is_live:
            found = found.filter(kind=PortfolioKind.LIVE)
        listed = [
            (one.strategy_id, f"{one.strategy_id} ({one.status})")
            for one in found.order_by("status", "strategy_id")[:MOST_STRATEGIES]
        ]
        none = "Choose a strategy" if listed else f"{portfolio.user_id} has no strategy"
        return [("", none), *listed]

    def find_wrong(self) -> Iterator[InvalidInput]:
        """As the API: all that is wrong with the fields, alone and together."""
        named = ("strategy_id", "new_strategy")
        chosen, new = (self.cleaned_data.get(one) for one in named)
        if bool(chosen) == bool(new):
            yield InvalidInput(
                "strategy_id", "Choose a strategy, or name a new one: one of the two."
            )
        given = self.given
        yield from find_wrong_figures(given)
        for name in ("entry_time", "exit_time"):
            if name in given:
                yield from wrong_by(require_not_future, name, given[name], self.now)
        if "exit_time" in given and "exit_price" not in given:
            yield InvalidInput("exit_time", "needs an exit price.")
        entered, left = given.get("entry_time"), given.get("exit_time")
        if entered is not None and left is not None and left < entered:
            yield before_entry(entered)
        portfolio = given.pop("portfolio", None)
        if portfolio is not None:
            named_in = {**given, "portfolio": portfolio.pk}
            yield from find_unknown(portfolio.user, named_in)

    @property
    def given(self) -> dict[str, Any]:
        given = super().given
        given.pop("new_strategy", None)
        return given

    def call_service(self) -> Trade:
        given, name = self.given, self.cleaned_data["new_strategy"]
        portfolio, override = given.pop("portfolio"), given.pop("override")
        call = {
            "user": portfolio.user,
            "portfolio": portfolio.pk,
            "now": self.now,
            "recorded_by": self.by,
            **given,
        }
        if not name:
            return _record(call, override)
        with transaction.atomic():
            try:
                create_strategy(
                    user=portfolio.user,
                    strategy_id=name,
                    strategy_type=BY_HAND,
                    now=self.now,
                )
            except InvalidInput as wrong:
                raise InvalidInput("new_strategy", wrong.detail) from wrong
            return _record({**call, "strategy_id": name}, override)


def _record(call: dict[str, Any], override: bool) -> Trade:
    if "exit_price" in call:
        closed, _ = record_closed_trade(**call)
        return closed.booked
    trade, _ = open_trade(override=override, **call)
    return trade


@ASKS
@page
def new_trade(request: HttpRequest) -> HttpResponse:
    """GET, `?adjustment_id=` of the decision that sized it; POST records it."""
    user, now = cast(User, request.user), timezone.now()
    decision = _decision_of(user, request.GET.get("adjustment_id"))
    portfolio = choose_portfolio(request)[0] if decision is None else decision.portfolio
    if portfolio is None:
        return redirect("site:welcome")
    initial = {"portfolio": portfolio.pk, **_prefill(decision, request.GET.get("side"))}
    form = bind(
        RecordForm, request, now, owner=user, zone=user.time_zone, initial=initial
    )
    if request.method == "POST" and form.is_valid():
        trade: Trade = form.instance
        return say_done(request, trade.portfolio, recorded_words(trade))
    context = {
        "form": form,
        "portfolio": portfolio,
        "decision": decision,
        "plain": [form[name] for name in PLAIN],
        "ended": [form[name] for name in ENDED],
        "rare": [form[name] for name in RARE],
        "shows_ended": _is_filled(form, ENDED),
        "shows_rare": _is_filled(form, RARE),
        "asks_override": portfolio.suspected_at is not None
        or find_halt(portfolio, now) is not None,
    }
    status = 422 if form.errors else 200
    return render(request, "site/new_trade.html", context, status=status)


def _decision_of(user: User, key: str | None) -> GoalAdjustmentLog | None:
    if key is None:
        return None
    whole = int(key) if key.isascii() and key.isdecimal() and len(key) < 19 else 0
    mine = GoalAdjustmentLog.objects.select_related("portfolio")
    of_open = mine.filter(portfolio__user=user, portfolio__finished_at=None)
    return get_object_or_404(of_open, pk=whole)


def _prefill(decision: GoalAdjustmentLog | None, side: str | None) -> dict[str, Any]:
    """What the decision says of the trade."""
    if decision is None:
        return {"side": "LONG"}
    asked = decision.asked
    figures_asked = {
        "entry_price": asked.get("price"),
        "stop_price": asked.get("stop_price"),
        "quantity": decision.answer.get("quantity"),
    }
    return {
        "adjustment_id": decision.pk,
        "symbol": decision.symbol,
        "strategy_id": decision.strategy_id,
        "side": side_of(asked) or (side if side in {"LONG", "SHORT"} else "LONG"),
        **{
            name: format_plain(Decimal(value))
            for name, value in figures_asked.items()
            if value is not None
        },
    }


def _is_filled(form: forms.BaseForm, names: tuple[str, ...]) -> bool:
    return any(form[name].value() or form[name].errors for name in names)


def recorded_words(trade: Trade) -> SafeString:
    what = f"{trade.side.lower()} {figures.quantity(trade.quantity)} {trade.symbol}"
    if trade.profit_loss is None:
        return format_html("Recorded: {} is open.", what)
    return format_html(
        "Recorded: {} was closed with {}.",
        what,
        figures.signed_amount(trade.profit_loss, trade.portfolio.currency),
    )
