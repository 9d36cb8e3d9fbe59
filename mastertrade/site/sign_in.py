"""Signing in and out, forgotten passwords, and pages of too many tries."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.views import (
    PasswordChangeView,
    PasswordResetConfirmView,
    PasswordResetView,
)
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from goals.admin.passwords import RevokesTokens
from goals.api.authentication import TooManyTries, TooManyVisits
from goals.services.password_resets import ResetForm, request_reset
from goals.services.sign_ins import BY_LINK, take_visit
from mastertrade.site.addresses import full_address
from mastertrade.web.addresses import normalized_address

WRONG_PASSWORD = "This is not your password."


class TooManyTriesMiddleware(MiddlewareMixin):
    """A page for people, where the API answers with JSON."""

    def process_exception(
        self, request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        if not isinstance(error, TooManyTries):
            return None
        seconds = error.wait_seconds
        context = {
            "title": error.title,
            "seconds": seconds,
            "minutes": -(-seconds // 60),
            "of_passwords": not isinstance(error, TooManyVisits),
        }
        page = render(request, "site/too_many_tries.html", context, status=429)
        page["Retry-After"] = str(seconds)
        return page


def count_visit(request: HttpRequest, door: str) -> None:
    """Raises `TooManyVisits` after too many of this address."""
    address = normalized_address(request.META.get("REMOTE_ADDR", ""))
    refused = take_visit(door, address, BY_LINK, timezone.now())
    if refused is not None:
        raise TooManyVisits(refused.wait_seconds)


def require_password(request: HttpRequest, password: str) -> None:
    """Guessed as slowly as at the door: who has a stolen session learns nothing."""
    name = request.user.get_username()
    if authenticate(request, username=name, password=password) is None:
        raise ValidationError(WRONG_PASSWORD, code="password_incorrect")


class PasswordForm(RevokesTokens, PasswordChangeForm):
    """The old password, the new one twice, and what becomes of the tokens."""

    request: HttpRequest

    def clean_old_password(self) -> str:
        old: str = self.cleaned_data["old_password"]
        require_password(self.request, old)
        return old


class RefusesForms:
    """A view of Django's that answers a refused form as the other pages do."""

    def form_invalid(self, form: forms.Form) -> HttpResponse:
        answer: HttpResponse = super().form_invalid(form)  # type: ignore[misc]
        answer.status_code = 422
        return answer


class PasswordView(RefusesForms, PasswordChangeView):
    form_class = PasswordForm
    template_name = "site/settings/password.html"
    success_url = reverse_lazy("site:account")

    def get_form(self, form_class: Any = None) -> Any:
        form: Any = super().get_form(form_class)
        form.request = self.request
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        """Other browsers are signed out by it; this one goes on."""
        answer = super().form_valid(form)
        messages.success(
            self.request, "The password is changed; other browsers are signed out."
        )
        return answer


class ResetView(RefusesForms, PasswordResetView):
    """One answer, whether or not anybody has the address."""

    form_class = ResetForm
    template_name = "site/reset.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs, has_mail=settings.HAS_MAIL)

    def form_valid(self, form: forms.Form) -> HttpResponse:
        count_visit(self.request, "reset")
        if settings.HAS_MAIL:
            root = full_address(self.request, "/")[:-1]
            request_reset(form.cleaned_data["email"], root=root, now=timezone.now())
        return redirect("site:reset-sent")


def reset_sent(request: HttpRequest) -> HttpResponse:
    return render(request, "site/reset_sent.html")


class NewPasswordForm(RevokesTokens, SetPasswordForm):  # type: ignore[type-arg]
    """The new one twice, and what becomes of the tokens."""

    def __init__(self, user: Any, *args: Any, **kwargs: Any) -> None:
        if user is None:  # the link is not valid, and no form is shown
            SetPasswordForm.__init__(self, user, *args, **kwargs)
        else:
            super().__init__(user, *args, **kwargs)


class ResetConfirmView(RefusesForms, PasswordResetConfirmView):
    """Django moves the link's token into the session, out of the address."""

    form_class = NewPasswordForm
    template_name = "site/reset_confirm.html"
    success_url = reverse_lazy("site:login")

    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        count_visit(self.request, "reset-link")
        return super().dispatch(*args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        answer = super().form_valid(form)
        messages.success(self.request, "The new password is set. Sign in with it.")
        return answer
