"""Closing open trades, adding to them, and marking them, by hand."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.models import Portfolio, User
from goals.services.risk_state import find_halt
from mastertrade.site import figures
from mastertrade.site.asking import ASKS, Asking, answer_asking, bind, choose_or_404
from mastertrade.site.forms import above_zero, decimal_field, local_time
from mastertrade.site.service_forms import OnceForm
from mastertrade.site.shell import page
from mastertrade.site.today import say_done
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.money import MONEY, PRICE, format_plain
from mastertrade.values.validation import require_not_future, wrong_by
from trades.booking.add import add_to_trade
from trades.booking.close import ClosedTrade, close_trade
from trades.booking.mark import Mark, Marked, mark_positions
from trades.booking.references import find_wrong_addition, find_wrong_exit
from trades.booking.trade_input import find_wrong_figures
from trades.enums import TradeStatus
from trades.models import Position, Trade

MOST_SYMBOLS = 50


class ClosingForm(OnceForm[Trade]):
    """Closes all of an open trade, or a part."""

    closed: ClosedTrade
    fees = decimal_field(
        "Fees", MONEY, required=False, help_text="In money, of the exit."
    )

    class Meta:
        model = Trade
        fields = ("exit_price", "quantity", "exit_time")
        labels: ClassVar[dict[str, str]] = {"quantity": "Quantity", "exit_time": "Time"}
        widgets: ClassVar[dict[str, Any]] = {"exit_time": local_time()}

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        held = figures.quantity(self.instance.quantity)
        self.initial.update(quantity=None, exit_time=None)
        self.fields["exit_price"].required = True
        for name, words in (
            ("quantity", f"Default: all of it, {held}. Less closes a part."),
            ("exit_time", f"In {zone}. Default: now."),
        ):
            self.fields[name].required = False
            self.fields[name].help_text = words

    def find_wrong(self) -> Iterator[InvalidInput]:
        given, trade = self.given, self.instance
        yield from find_wrong_figures(given)
        if "exit_time" in given:
            at = given["exit_time"]
            yield from wrong_by(require_not_future, "exit_time", at, self.now)
        yield from find_wrong_exit(trade.user, trade.pk, given)

    def call_service(self) -> Trade:
        self.closed = close_trade(
            user=self.instance.user,
            trade_id=self.instance.pk,
            now=self.now,
            recorded_by=self.by,
            **self.given,
        )
        return self.closed.trade


class AddingForm(OnceForm[Trade]):
    """Adds to an open trade."""

    at = forms.DateTimeField(required=False, label="Time", widget=local_time())
    fees = decimal_field(
        "Fees", MONEY, required=False, help_text="In money, of this entry."
    )

    class Meta:
        model = Trade
        fields = ("entry_price", "quantity")
        labels = {"entry_price": "Price", "quantity": "Quantity"}

    def __init__(self, *args: Any, zone: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.update(quantity=None, entry_price=None)
        self.fields["quantity"].help_text = "What comes on top of what is open."
        self.fields["at"].help_text = f"In {zone}. Default: now."

    def find_wrong(self) -> Iterator[InvalidInput]:
        given, trade = self.given, self.instance
        yield from find_wrong_figures(given)
        if "at" in given:
            yield from wrong_by(require_not_future, "at", given["at"], self.now)
        yield from find_wrong_addition(trade.user, trade.pk, given)

    def call_service(self) -> Trade:
        trade, _ = add_to_trade(
            user=self.instance.user,
            trade_id=self.instance.pk,
            now=self.now,
            **self.given,
        )
        return trade


@ASKS
@page
def close(request: HttpRequest, trade_id: int) -> HttpResponse:
    """GET asks at which price, that of the last mark unless said; POST closes."""
    trade = _find(request, trade_id)
    initial = {}
    if _is_marked(trade):
        initial["exit_price"] = format_plain(trade.position.current_price)
    asking = Asking(
        title=f"Close {_name(trade)}",
        button="Close it",
        explanation="The trade is closed in your record; no order is sent.",
    )

    def done_words(form: ClosingForm) -> SafeString:
        return _closed_words(form.closed)

    return _act(request, trade, ClosingForm, asking, done_words, initial=initial)


@ASKS
@page
def add(request: HttpRequest, trade_id: int) -> HttpResponse:
    """GET asks how much and at which price; POST adds it to the trade."""
    trade = _find(request, trade_id)
    asking = Asking(
        title=f"Add to {_name(trade)}",
        button="Add it",
        explanation="The entry price becomes the average of both. It is recorded as "
        "it happened; no order is sent.",
    )
    halt = find_halt(trade.portfolio, timezone.now())
    if halt is not None:
        asking.facts.append(
            "Trading is halted: an addition that was made is recorded all the same."
        )
    return _act(request, trade, AddingForm, asking, _added_words)


def _find(request: HttpRequest, trade_id: int) -> Trade:
    mine = Trade.objects.select_related("portfolio", "user", "position")
    user = cast(User, request.user)
    return get_object_or_404(mine, pk=trade_id, user_id=user.username)


def _act(
    request: HttpRequest,
    trade: Trade,
    kind: type[Any],
    asking: Asking,
    words_of: Callable[[Any], SafeString],
    **more: Any,
) -> HttpResponse:
    """Ask, or do what was asked and say so, on the page that it was asked from.

    Of a trade that is not open any more there is nothing to ask; a form that is sent
    twice is still answered as the first time.
    """
    user, now = cast(User, request.user), timezone.now()
    back = reverse("site:trade", args=[trade.pk])
    if request.method != "POST" and not trade.is_open:
        messages.info(request, f"The trade is {trade.status}: it is not open any more.")
        return redirect(back)
    form = bind(kind, request, now, instance=trade, zone=user.time_zone, **more)
    from_trade = request.GET.get("from") == "trade"
    if request.method == "POST" and form.is_valid():
        if not from_trade:
            return say_done(request, trade.portfolio, words_of(form))
        messages.success(request, words_of(form))
        return redirect(back)
    if from_trade:
        asking.back = back
    asking.facts += _mark_words(trade, now)
    return answer_asking(request, asking, form, trade.portfolio)


def _name(trade: Trade) -> str:
    return f"{trade.side.lower()} {figures.quantity(trade.quantity)} {trade.symbol}"


def _is_marked(trade: Trade) -> bool:
    """An imported trade that came in closed never had a position."""
    position = getattr(trade, "position", None)
    return position is not None and position.marked_at is not None


def _mark_words(trade: Trade, now: datetime) -> Iterator[SafeString]:
    if _is_marked(trade):
        yield format_html(
            "Entered at {}. Last mark {}, {}.",
            figures.price(trade.entry_price),
            figures.price(trade.position.current_price),
            figures.when(trade.position.marked_at, now),
        )


def _closed_words(closed: ClosedTrade) -> SafeString:
    booked = closed.booked
    return format_html(
        "Closed {} {} at {}: {}.",
        figures.quantity(booked.quantity),
        booked.symbol,
        figures.price(booked.exit_price),
        figures.signed_amount(closed.profit_loss, closed.trade.portfolio.currency),
    )


def _added_words(form: AddingForm) -> SafeString:
    trade, given = form.instance, form.cleaned_data
    return format_html(
        "Added {} {} at {}: {} are open now, at {} on average.",
        figures.quantity(given["quantity"]),
        trade.symbol,
        figures.price(given["entry_price"]),
        figures.quantity(trade.quantity),
        figures.price(trade.entry_price),
    )


class MarkForm(forms.Form):
    """A price for each open symbol; what is left empty keeps its mark."""

    def __init__(self, data: Mapping[str, Any] | None, symbols: list[str]) -> None:
        super().__init__(data)
        self.symbols = {f"price_{place}": one for place, one in enumerate(symbols)}
        for name, symbol in self.symbols.items():
            self.fields[name] = decimal_field(
                symbol, PRICE, required=False, validators=[above_zero]
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and all(price is None for price in cleaned.values()):
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
            self.add_error(None, figures.show(refusal.on_page))
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
