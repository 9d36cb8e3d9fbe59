"""Recording and closing trades, and marking what is open, by hand."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, cast

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from goals.models import GoalAdjustmentLog, Portfolio, User
from mastertrade.site import figures
from mastertrade.site.asking import Asking, answer_asking, choose_or_404
from mastertrade.site.fields import number_field
from mastertrade.site.next_trade import side_of
from mastertrade.site.shell import choose_portfolio, page, portfolios_of
from mastertrade.site.today import say_done
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.money import PRICE, format_plain
from strategies.services import create_strategy
from trades.admin.forms import CloseForm, TradeForm
from trades.booking.close import ClosedTrade, close_trade
from trades.booking.mark import Mark, Marked, mark_positions
from trades.enums import TradeStatus
from trades.models import Position, Trade

ASKS = require_http_methods(["GET", "HEAD", "POST"])
# Of a strategy that a person names while recording a trade by hand.
BY_HAND = "discretionary"
MOST_SYMBOLS = 50
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


def local_time() -> forms.DateTimeInput:
    return forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class RecordForm(TradeForm):
    """A trade by hand; its strategy is one there is, or a new one by its name."""

    OPTIONAL: ClassVar[tuple[str, ...]] = (*TradeForm.OPTIONAL, *RARE)
    new_strategy = forms.CharField(
        required=False,
        max_length=100,
        label="Or a new strategy",
        help_text="By the name that you give it; its record begins with this trade.",
    )

    class Meta(TradeForm.Meta):
        fields = (*TradeForm.Meta.fields, *RARE)
        labels = {
            **TradeForm.Meta.labels,
            "stop_price": "Stop",
            "exit_price": "Exit price",
            "quote_currency": "Currency of the prices",
            "fx_rate": "Its rate",
            "fee_currency": "Currency of the fees",
            "fee_fx_rate": "Its rate, where it is a third currency",
        }
        widgets = {
            "portfolio": forms.HiddenInput,
            "entry_time": local_time(),
            "exit_time": local_time(),
            "side": forms.RadioSelect,
        }

    def __init__(self, *args: Any, owner: User, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = portfolios_of(owner)
        cast(Any, self.fields["portfolio"]).queryset = mine
        self.fields["portfolio"].widget = forms.HiddenInput()
        for name in (*RARE, *ENDED):
            self.initial[name] = None
        self.fields["side"].choices = [("LONG", "Long"), ("SHORT", "Short")]  # type: ignore[attr-defined]
        self.fields["strategy_id"].required = False
        self.fields["strategy_id"].widget.attrs.pop("required", None)
        self.fields["adjustment_id"].widget = forms.HiddenInput()
        self._explain(zone)

    def _explain(self, zone: str) -> None:
        helps = {
            "quantity": "In units of the symbol, the full one whatever the leverage.",
            "entry_price": "",
            "entry_time": f"In {zone}. Default: now.",
            "exit_time": f"In {zone}. Default: now.",
            "stop_price": "Where you get out at a loss.",
            "exit_price": "",
            "fees": "In money: of the entry; for a closed trade, all of them.",
            "leverage": "Default: 1.",
            "funding": "Received so far, or paid (negative).",
            "quote_currency": "Default: the portfolio's.",
            "fx_rate": "What one of it is in the portfolio's currency.",
            "fee_currency": "Default: the portfolio's.",
        }
        for name, words in helps.items():
            self.fields[name].help_text = words
        for name in (*PLAIN, *ENDED, *RARE, "fees"):
            if isinstance(self.fields[name], forms.DecimalField):
                attrs = {"inputmode": "decimal", "autocomplete": "off"}
                self.fields[name].widget = forms.TextInput(attrs)

    def find_wrong(self) -> Iterator[InvalidInput]:
        chosen, new = (
            self.cleaned_data.get(one) for one in ("strategy_id", "new_strategy")
        )
        if bool(chosen) == bool(new):
            yield InvalidInput(
                "strategy_id", "Choose a strategy, or name a new one: one of the two."
            )
        yield from super().find_wrong()

    @property
    def given(self) -> dict[str, Any]:
        given = super().given
        given.pop("new_strategy", None)
        return given

    def call_service(self) -> Trade:
        name = self.cleaned_data["new_strategy"]
        if not name:
            return super().call_service()
        with transaction.atomic():
            owner = self.cleaned_data["portfolio"].user
            create_strategy(
                user=owner, strategy_id=name, strategy_type=BY_HAND, now=self.now
            )
            self.cleaned_data["strategy_id"] = name
            return super().call_service()


def bind(form: type[Any], request: HttpRequest, now: datetime, **call: Any) -> Any:
    """The form of this request: its clock, who fills it in, and what was sent."""
    whose = {"now": now, "by": request.user.get_username()}
    bound = type(form.__name__, (form,), whose)
    return bound(request.POST if request.method == "POST" else None, **call)


@ASKS
@page
def new_trade(request: HttpRequest) -> HttpResponse:
    """GET, `?adjustment_id=` of the decision that sized it; POST records it."""
    user, now = cast(User, request.user), timezone.now()
    decision = _decision_of(user, request.GET.get("adjustment_id"))
    portfolio = choose_portfolio(request)[0] if decision is None else decision.portfolio
    if portfolio is None:
        return redirect("/welcome/")
    initial = {"portfolio": portfolio.pk, **_prefill(decision, request.GET.get("side"))}
    form = bind(
        RecordForm, request, now, owner=user, zone=user.time_zone, initial=initial
    )
    if request.method == "POST" and form.is_valid():
        trade: Trade = form.instance
        return say_done(request, trade.portfolio, recorded_words(trade))
    halted = portfolios_of(user).filter(pk=portfolio.pk, halted=True).exists()
    context = {
        "form": form,
        "portfolio": portfolio,
        "decision": decision,
        "plain": [form[name] for name in PLAIN],
        "ended": [form[name] for name in ENDED],
        "rare": [form[name] for name in RARE],
        "shows_ended": _is_filled(form, ENDED),
        "shows_rare": _is_filled(form, RARE),
        "asks_override": halted or portfolio.suspected_at is not None,
    }
    return render(request, "site/new_trade.html", context)


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
        "side": side_of(decision) or (side if side in {"LONG", "SHORT"} else "LONG"),
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
        _in_money(trade.profit_loss, trade.portfolio.currency),
    )


def _in_money(value: Decimal, currency: str) -> SafeString:
    shown = figures.money(value, currency, signed=True)
    return format_html("{} {}", shown, currency)


class ClosingForm(CloseForm):
    """Closes all of a trade, or a part."""

    closed: ClosedTrade

    class Meta(CloseForm.Meta):
        labels = {"quantity": "Quantity", "exit_time": "Time"}
        widgets = {"exit_time": local_time()}

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = figures.quantity(self.instance.quantity)
        self.initial.update(quantity=None, exit_time=None)
        self.fields[
            "quantity"
        ].help_text = f"Default: all of it, {held}. Less closes a part."
        self.fields["exit_time"].help_text = f"In {zone}. Default: now."
        self.fields["fees"].help_text = "In money, of the exit."
        for name in ("exit_price", "quantity", "fees"):
            attrs = {"inputmode": "decimal", "autocomplete": "off"}
            self.fields[name].widget = forms.TextInput(attrs)

    def call_service(self) -> Trade:
        self.closed = close_trade(
            user=self.instance.user,
            trade_id=self.instance.pk,
            now=self.now,
            recorded_by=self.by,
            **self.given,
        )
        return self.closed.trade


@ASKS
@page
def close(request: HttpRequest, trade_id: int) -> HttpResponse:
    """GET asks at which price, that of the last mark unless said; POST closes."""
    user, now = cast(User, request.user), timezone.now()
    mine = Trade.objects.select_related("portfolio", "user", "position")
    trade = get_object_or_404(mine, pk=trade_id, user_id=user.username)
    position = trade.position
    initial = {}
    if position.marked_at is not None:
        initial["exit_price"] = format_plain(position.current_price)
    form = bind(
        ClosingForm,
        request,
        now,
        instance=trade,
        zone=user.time_zone,
        initial=initial,
    )
    what = f"{trade.side.lower()} {figures.quantity(trade.quantity)} {trade.symbol}"
    if request.method == "POST" and form.is_valid():
        return say_done(request, trade.portfolio, *_closed_words(form.closed))
    asking = Asking(
        title=f"Close {what}",
        button="Close it",
        explanation="The trade is closed in your record; no order is sent.",
    )
    if position.marked_at is not None:
        asking.facts.append(
            format_html(
                "Entered at {}. Last mark {}, {}.",
                figures.price(trade.entry_price),
                figures.price(position.current_price),
                figures.when(position.marked_at, now),
            )
        )
    return answer_asking(request, asking, form, trade.portfolio)


def _closed_words(closed: ClosedTrade) -> Iterator[SafeString]:
    booked = closed.booked
    yield format_html(
        "Closed {} {} at {}: {}.",
        figures.quantity(booked.quantity),
        booked.symbol,
        figures.price(booked.exit_price),
        _in_money(closed.profit_loss, closed.trade.portfolio.currency),
    )


class MarkForm(forms.Form):
    """A price for each open symbol; what is left empty keeps its mark."""

    def __init__(self, data: Mapping[str, Any] | None, symbols: list[str]) -> None:
        super().__init__(data)
        self.symbols = {f"price_{place}": one for place, one in enumerate(symbols)}
        for name, symbol in self.symbols.items():
            self.fields[name] = number_field(PRICE, symbol, required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not any(cleaned.values()):
            raise forms.ValidationError("Give the price of at least one symbol.")
        return cleaned

    def mark(self, user: User, portfolio: Portfolio, now: datetime) -> Marked | None:
        """None where it is refused: the form says why."""
        if not self.is_valid():
            return None
        given = self.cleaned_data
        marks = [
            Mark(symbol, given[name])
            for name, symbol in self.symbols.items()
            if given[name] is not None
        ]
        try:
            return mark_positions(
                user=user, marks=marks, now=now, portfolio=portfolio.pk
            )
        except DomainError as refusal:
            self.add_error(None, refusal.on_page)
        return None


@ASKS
@page
def marks(request: HttpRequest, portfolio_id: int) -> HttpResponse:
    """What the open symbols cost now."""
    user, now = cast(User, request.user), timezone.now()
    portfolio = choose_or_404(user, portfolio_id)
    held = Position.objects.filter(portfolio=portfolio, status=TradeStatus.OPEN)
    symbols = held.order_by("symbol").values_list("symbol", flat=True).distinct()
    data = request.POST if request.method == "POST" else None
    form = MarkForm(data, list(symbols[:MOST_SYMBOLS]))
    if request.method == "POST":
        marked = form.mark(user, portfolio, now)
        if marked is not None:
            count = marked.positions
            words = f"{count} position{'' if count == 1 else 's'} marked."
            return say_done(request, portfolio, words)
    asking = Asking(
        title="Enter marks",
        button="Mark",
        explanation="The price of now; live equity, headroom and limits follow it.",
    )
    return answer_asking(request, asking, form, portfolio)
