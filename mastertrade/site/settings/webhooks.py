"""Webhooks of bots: listed, made (the address is shown this once), revoked."""

from datetime import datetime
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from goals.enums import PortfolioKind
from goals.models import Portfolio, User
from mastertrade.db.transactions import atomic
from mastertrade.site.addresses import full_address
from mastertrade.site.forms import TellsWrong
from mastertrade.site.record import BY_HAND
from mastertrade.site.shell import page
from mastertrade.site.wording import name_strategies
from mastertrade.values.exceptions import InvalidInput, TooManyTokens
from strategies.models import StrategyInstance
from strategies.services import create_strategy
from trades.freqtrade.tokens import issue_webhook
from trades.models import WebhookToken
from trades.models.webhooks import BOT_PATTERN

MOST_CHOICES = 500


class WebhookForm(TellsWrong, forms.Form):
    bot = forms.RegexField(
        BOT_PATTERN,
        label="Name of the bot",
        help_text="Part of the ids of its trades, such as freqtrade-1.",
        error_messages={
            "invalid": "Must be up to 50 letters, digits, dots or dashes, such as "
            "freqtrade-1."
        },
    )
    portfolio = forms.TypedChoiceField(
        coerce=int, label="Portfolio", help_text="Where its trades are booked."
    )
    strategy_id = forms.ChoiceField(
        label="Strategy", required=False, help_text="Whose trades they are."
    )
    new_strategy = forms.CharField(
        label="Or a new strategy",
        required=False,
        max_length=100,
        help_text="By the name that you give it; its record begins with the bot.",
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = {"user_id": user.username, "kind": PortfolioKind.LIVE}
        portfolios = Portfolio.objects.filter(**mine).order_by("portfolio_id")
        known = StrategyInstance.objects.filter(**mine).order_by("strategy_id")
        self.fields["portfolio"].choices = list(  # type: ignore[attr-defined]
            portfolios.values_list("pk", "name")[:MOST_CHOICES]
        )
        names = known.values_list("strategy_id", "strategy_name")
        strategies = list(name_strategies(names[:MOST_CHOICES]).items())
        if strategies:
            self.fields["strategy_id"].choices = [*strategies, ("", "A new one")]  # type: ignore[attr-defined]
        else:
            del self.fields["strategy_id"]
            self.fields["new_strategy"].label = "Strategy"
            self.fields["new_strategy"].required = True

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        chosen, new = given.get("strategy_id"), given.get("new_strategy")
        if not self.errors and bool(chosen) == bool(new):
            self.add_error(
                "new_strategy",
                "Choose a strategy, or name a new one: one of the two.",
            )
        return given


@atomic
def _issue(
    user: User, now: datetime, *, new_strategy: str, strategy_id: str = "", **given: Any
) -> str:
    """The token of a new webhook; with the strategy, where that is new too."""
    if new_strategy:
        create_strategy(
            user=user, strategy_id=new_strategy, strategy_type=BY_HAND, now=now
        )
    chosen = new_strategy or strategy_id
    return issue_webhook(user=user, now=now, strategy_id=chosen, **given)[1]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page
def webhooks(request: HttpRequest) -> HttpResponse:
    """The answer to a POST holds the new address; no other page does."""
    user = cast(User, request.user)
    form, address = WebhookForm(user, request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            token = _issue(user, timezone.now(), **form.cleaned_data)
        except TooManyTokens:
            form.add_error(
                None, "You have as many webhooks as are allowed: revoke one."
            )
        except InvalidInput as error:
            is_new = error.field == "strategy_id" and form.cleaned_data["new_strategy"]
            field = "new_strategy" if is_new else error.field
            form.tell(InvalidInput(field, error.detail))
        else:
            path = reverse("freqtrade-webhook", args=[token])
            address = full_address(request, path)
            form = WebhookForm(user)
    mine = WebhookToken.objects.filter(user_id=user.username)
    context = {
        "form": form,
        "address": address,
        "webhooks": mine.select_related("portfolio", "api_token").order_by(
            "-webhook_id"
        ),
    }
    status = 422 if form.errors else 200
    return render(request, "site/settings/webhooks.html", context, status=status)


@require_POST
@page
def revoke_webhook(request: HttpRequest, webhook_id: int) -> HttpResponse:
    mine = WebhookToken.objects.filter(user_id=request.user.get_username())
    webhook = get_object_or_404(mine, pk=webhook_id)
    webhook.delete()
    messages.success(
        request, f"Revoked the webhook of {webhook.bot}: its address works no longer."
    )
    return redirect("site:webhooks")
