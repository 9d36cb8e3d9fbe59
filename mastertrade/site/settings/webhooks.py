"""Webhooks of bots: listed, made (the address is shown this once), revoked."""

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
from mastertrade.site.addresses import full_address
from mastertrade.site.shell import page
from mastertrade.values.exceptions import InvalidInput, TooManyTokens
from strategies.models import StrategyInstance
from trades.freqtrade.tokens import issue_webhook
from trades.models import WebhookToken
from trades.models.webhooks import BOT_PATTERN

MOST_CHOICES = 500


class WebhookForm(forms.Form):
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
        label="Strategy", help_text="Whose trades they are."
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        mine = {"user_id": user.username, "kind": PortfolioKind.LIVE}
        portfolios = Portfolio.objects.filter(**mine).order_by("portfolio_id")
        strategies = StrategyInstance.objects.filter(**mine).order_by("strategy_id")
        self.fields["portfolio"].choices = list(  # type: ignore[attr-defined]
            portfolios.values_list("pk", "name")[:MOST_CHOICES]
        )
        self.fields["strategy_id"].choices = list(  # type: ignore[attr-defined]
            strategies.values_list("strategy_id", "strategy_name")[:MOST_CHOICES]
        )

    @property
    def has_strategies(self) -> bool:
        return bool(self.fields["strategy_id"].choices)  # type: ignore[attr-defined]


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page
def webhooks(request: HttpRequest) -> HttpResponse:
    """The answer to a POST holds the new address; no other page does."""
    user = cast(User, request.user)
    form, address = WebhookForm(user, request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            _, token = issue_webhook(user=user, now=timezone.now(), **form.cleaned_data)
        except TooManyTokens:
            form.add_error(
                None, "You have as many webhooks as are allowed: revoke one."
            )
        except InvalidInput as error:
            form.add_error(error.field, error.detail)
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
