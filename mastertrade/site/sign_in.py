"""Pages of signing in: too many wrong passwords, and changing one's own."""

from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.deprecation import MiddlewareMixin

from goals.admin.passwords import RevokesTokens
from goals.api.authentication import TooManyTries


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
        }
        page = render(request, "site/too_many_tries.html", context, status=429)
        page["Retry-After"] = str(seconds)
        return page


class PasswordForm(RevokesTokens, PasswordChangeForm):
    """The old password, the new one twice, and what becomes of the tokens."""

    request: HttpRequest

    def clean_old_password(self) -> str:
        """Guessed as slowly as at the door: whose session is stolen keeps it."""
        old: str = self.cleaned_data["old_password"]
        name = self.user.get_username()
        if authenticate(self.request, username=name, password=old) is None:
            raise ValidationError(
                self.error_messages["password_incorrect"], code="password_incorrect"
            )
        return old


class PasswordView(PasswordChangeView):
    form_class = PasswordForm
    template_name = "site/password.html"
    success_url = reverse_lazy("site:home")

    def get_form(self, form_class: Any = None) -> Any:
        form: Any = super().get_form(form_class)
        form.request = self.request
        return form
