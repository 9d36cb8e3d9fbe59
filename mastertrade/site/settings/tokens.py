"""API tokens: listed, made (the secret is shown this once), revoked."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from goals.models import ApiToken, User
from goals.services.sign_ins import issue_token, revoke_tokens
from mastertrade.site.shell import page
from mastertrade.values.exceptions import TooManyTokens

DAYS = ((30, "in 30 days"), (90, "in 90 days"), (365, "in a year"), ("", "never"))
SHOWN_LETTERS = 8


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=100,
        label="What it is for",
        help_text="Shown in this list, such as: laptop, freqtrade.",
    )
    days = forms.TypedChoiceField(
        choices=DAYS,
        label="Expires",
        coerce=int,
        empty_value=None,
        required=False,
        initial=90,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page
def tokens(request: HttpRequest) -> HttpResponse:
    """The answer to a POST holds the new token's secret; no other page does."""
    user = cast(User, request.user)
    form, secret = TokenForm(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = issue_token(user=user, **form.cleaned_data)
        except TooManyTokens:
            form.add_error(None, "You have as many tokens as are allowed: revoke one.")
        else:
            form = TokenForm()
            context: dict[str, Any] = {"secret": secret, "made": made}
            return _answer(request, user, form, context)
    status = 422 if form.errors else 200
    return _answer(request, user, form, {}, status)


def _answer(
    request: HttpRequest,
    user: User,
    form: TokenForm,
    context: dict[str, Any],
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    listed = list(ApiToken.objects.filter(user=user).order_by("-created"))
    for one in listed:
        one.start = one.token_key[:SHOWN_LETTERS]
        one.has_expired = one.expiry is not None and one.expiry < now
    shown = {"form": form, "tokens": listed, **context}
    return render(request, "site/settings/tokens.html", shown, status=status)


@require_POST
@page
def revoke_token(request: HttpRequest, token_key: str) -> HttpResponse:
    token = get_object_or_404(ApiToken, user=request.user, token_key=token_key)
    token.delete()
    messages.success(request, f"Revoked: {token}. It works no longer.")
    return redirect("site:tokens")


@require_POST
@page
def revoke_all_tokens(request: HttpRequest) -> HttpResponse:
    count = revoke_tokens(cast(User, request.user))
    tokens = "1 token" if count == 1 else f"{count} tokens"
    messages.success(request, f"Revoked: {tokens}.")
    return redirect("site:tokens")
