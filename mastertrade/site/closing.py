"""Closing trades, and marking what is open, by hand."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, cast

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from goals.models import Portfolio, User
from mastertrade.site import figures
from mastertrade.site.asking import ASKS, Asking, answer_asking, bind, choose_or_404
from mastertrade.site.forms import above_zero, decimal_field, local_time
from mastertrade.site.shell import page
from mastertrade.site.today import say_done
from mastertrade.site.trade_forms import CloseForm
from mastertrade.values.exceptions import DomainError
from mastertrade.values.money import PRICE, format_plain
from trades.booking.close import ClosedTrade, close_trade
from trades.booking.mark import Mark, Marked, mark_positions
from trades.enums import TradeStatus
from trades.models import Position, Trade

MOST_SYMBOLS = 50


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
        figures.signed_amount(closed.profit_loss, closed.trade.portfolio.currency),
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
