"""One's own data: downloaded whole, simulations deleted, the account deleted."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from goals.models import User
from mastertrade.site.shell import page
from mastertrade.site.sign_in import require_password
from mastertrade.values.exceptions import AccountInUse
from trades.services.accounts import (
    delete_account,
    delete_simulations,
    simulations_of,
)
from trades.services.own_data import stream_own_data


class DeleteForm(forms.Form):
    password = forms.CharField(
        strip=False,
        label="Your password",
        widget=forms.PasswordInput({"autocomplete": "current-password"}),
    )

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_password(self) -> str:
        given: str = self.cleaned_data["password"]
        require_password(self.request, given)
        return given


@require_safe
@never_cache
@page
def data(request: HttpRequest) -> HttpResponse:
    return _show(request, DeleteForm(request))


def _show(request: HttpRequest, form: DeleteForm) -> HttpResponse:
    user = cast(User, request.user)
    context = {"form": form, "simulations": simulations_of(user).count()}
    status = 422 if form.errors else 200
    return render(request, "site/settings/data.html", context, status=status)


@require_POST
@page
def export(request: HttpRequest) -> StreamingHttpResponse:
    user, now = cast(User, request.user), timezone.now()
    answer = StreamingHttpResponse(
        stream_own_data(user, now), content_type="application/zip"
    )
    name = f"mastertrade-{timezone.localtime(now):%Y-%m-%d}.zip"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@page
def drop_simulations(request: HttpRequest) -> HttpResponse:
    deleted, left = delete_simulations(cast(User, request.user))
    words = f"Deleted: {deleted} simulated portfolio{'' if deleted == 1 else 's'}."
    if left:
        words += f" {left} are left: delete again."
    messages.success(request, words)
    return redirect("site:data")


@sensitive_post_parameters("password")
@require_POST
@page
def drop_account(request: HttpRequest) -> HttpResponse:
    form = DeleteForm(request, request.POST)
    if form.is_valid():
        try:
            delete_account(cast(User, request.user))
        except AccountInUse as error:
            form.add_error(None, error.detail)
        else:
            logout(request)
            messages.success(request, "Your account and all its data are deleted.")
            return redirect("site:login")
    return _show(request, form)
