"""One trade, next to the decision that sized it; and voiding one."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db.models import DecimalField, ExpressionWrapper, F, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from goals.models import GoalAdjustmentLog, User
from goals.models.ledger import LedgerChange
from goals.services.voids import LONGEST_REASON
from mastertrade.site import figures
from mastertrade.site.asking import ASKS, Asking, answer_asking
from mastertrade.site.goal_decisions import DecisionLine, Why, lines_of, say_why
from mastertrade.site.performance import SIZED
from mastertrade.site.shell import page, portfolios_of
from mastertrade.values.exceptions import DomainError, InvalidInput
from mastertrade.values.in_text import cased
from mastertrade.values.money import HUNDRED, ZERO, exactly
from trades.booking.void import void_trade
from trades.decisions.obedience import how_sized
from trades.enums import TradeStatus
from trades.models import Trade, TradeFill
from trades.models.notes import BEST_RATING, LONGEST_NOTE, LONGEST_TAG, MOST_TAGS
from trades.services.notes import read_note, write_note

MOST_PARTS = 100
MOST_FILLS = 100
MOST_CHANGES = 20


@dataclass(frozen=True, slots=True)
class Sized:
    """What was entered against what was advised; `pct` None after a block."""

    words: str
    entered: Decimal
    advised: Decimal
    pct: Decimal | None


@require_safe
@page
def trade(request: HttpRequest, trade_id: int) -> HttpResponse:
    """GET /trades/{id}/"""
    return _show(request, trade_id)


def _show(
    request: HttpRequest, trade_id: int, form: forms.Form | None = None
) -> HttpResponse:
    user = cast(User, request.user)
    found = _find(user, trade_id)
    note = read_note(found)
    said = {"note": note.note, "tags": ", ".join(note.tags), "rating": note.rating}
    root = found.parent_trade or found
    together = Trade.objects.filter(Q(pk=root.pk) | Q(parent_trade=root))
    others = together.exclude(pk=found.pk).order_by("exit_time", "ledger_key")
    fills = TradeFill.objects.filter(trade_id__in={root.pk, found.pk})
    decision, sized = _decision(root, together)
    changes = LedgerChange.objects.filter(trade_id=found.pk).order_by("-change_id")
    context = {
        "trade": found,
        "portfolio": found.portfolio,
        "root": root,
        "parts": others[:MOST_PARTS],
        "fills": fills.order_by("filled_at", "fill_id")[:MOST_FILLS],
        "decision": decision,
        "sized": sized,
        "why": _why(root.adjustment),
        "halt": root.override_halt,
        "changes": changes[:MOST_CHANGES],
        "form": form or NoteForm(initial=said),
        "can_change": found.portfolio.finished_at is None,
        # A replay's trades are in no ledger that can be chosen.
        "is_listed": portfolios_of(user).filter(pk=found.portfolio_id).exists(),
    }
    return render(request, "site/trade.html", context)


def _find(user: User, trade_id: int) -> Trade:
    mine = Trade.objects.select_related(
        "portfolio__user",
        "position",
        "adjustment__goal",
        "override_halt",
        "parent_trade__adjustment__goal",
        "parent_trade__override_halt",
    )
    return get_object_or_404(mine, pk=trade_id, user_id=user.username)


@exactly
def _decision(
    root: Trade, together: QuerySet[Trade]
) -> tuple[DecisionLine | None, Sized | None]:
    """The decision of a trade and its parts, and what was entered in all."""
    asked = root.adjustment
    if asked is None:
        return None, None
    (line,) = lines_of(GoalAdjustmentLog.objects.filter(pk=asked.pk))
    cost = Coalesce(F("entry_notional"), F("quantity") * F("entry_price"))
    kept = together.exclude(status=TradeStatus.VOID)
    notional = ExpressionWrapper(cost * F("fx_rate"), DecimalField())
    entered = kept.aggregate(all=Coalesce(Sum(notional), ZERO))["all"]
    advised = asked.adjusted_size
    kind = how_sized(
        notional=entered,
        advised=advised,
        overridden=root.override_halt_id is not None,
    )
    pct = entered / advised * HUNDRED if advised else None
    return line, Sized(SIZED[kind][0], entered, advised, pct)


def _why(asked: GoalAdjustmentLog | None) -> Why | None:
    if asked is None:
        return None
    return say_why(asked, asked.goal, timezone.now())


class NoteForm(forms.Form):
    """The service checks what is said."""

    note = forms.CharField(
        required=False,
        max_length=LONGEST_NOTE,
        widget=forms.Textarea({"rows": 4}),
    )
    tags = forms.CharField(
        required=False,
        max_length=MOST_TAGS * (LONGEST_TAG + 2),
        help_text="Parted by commas.",
    )
    rating = forms.TypedChoiceField(
        required=False,
        coerce=int,
        empty_value=None,
        choices=[
            ("", "None"),
            *((one, f"{one} of {BEST_RATING}") for one in range(1, BEST_RATING + 1)),
        ],
    )


@require_POST
@page
def remark(request: HttpRequest, trade_id: int) -> HttpResponse:
    """POST what is said of a trade; the page again, with what is wrong."""
    user = cast(User, request.user)
    _find(user, trade_id)
    form = NoteForm(request.POST)
    if form.is_valid():
        said = {**form.cleaned_data, "tags": form.cleaned_data["tags"].split(",")}
        try:
            write_note(user=user, trade_id=trade_id, now=timezone.now(), **said)
        except InvalidInput as wrong:
            form.add_error(wrong.field, figures.show(cased(wrong.detail)))
        else:
            messages.success(request, "The note is saved.")
            return redirect(reverse("site:trade", args=[trade_id]))
    return _show(request, trade_id, form)


class VoidForm(forms.Form):
    reason = forms.CharField(
        max_length=LONGEST_REASON,
        widget=forms.Textarea({"rows": 2}),
        help_text="It is stored with the trade, such as: recorded twice.",
    )


@ASKS
@page
def void(request: HttpRequest, trade_id: int) -> HttpResponse:
    """GET asks why; POST voids."""
    user = cast(User, request.user)
    found = _find(user, trade_id)
    form = VoidForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        call: dict[str, Any] = {"trade_id": trade_id, "now": timezone.now()}
        try:
            void_trade(user=user, reason=form.cleaned_data["reason"], **call)
        except DomainError as refusal:
            form.add_error(None, figures.show(refusal.on_page))
        else:
            return redirect(reverse("site:trade", args=[trade_id]))
    what = f"{found.side.lower()} {figures.quantity(found.quantity)} {found.symbol}"
    asking = Asking(
        title=f"Void {what}",
        button="Void it",
        explanation="For a trade recorded by mistake: it stays readable, and the "
        "ledger and the goals are as if it had never been. It cannot be undone.",
        is_danger=True,
        back=reverse("site:trade", args=[trade_id]),
    )
    return answer_asking(request, asking, form, found.portfolio)
