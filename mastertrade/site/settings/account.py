"""One's own account: e-mail, time zone, form of numbers, theme, password, sessions."""

from decimal import Decimal
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from goals.enums import NumberFormat
from goals.models import User
from goals.services.accounts import PREFERENCES, end_sessions, update_account
from goals.services.portfolio_settings import time_zones
from mastertrade.site import figures
from mastertrade.site.forms import TellsWrong, compare_with_page
from mastertrade.site.shell import page
from mastertrade.site.sign_in import require_password
from mastertrade.values.exceptions import InvalidInput

EXAMPLE = Decimal("-1234.5")


def _examples() -> list[tuple[str, str]]:
    """Each form of numbers, shown by a number in it."""
    shown = []
    for one in NumberFormat:
        token = figures.number_format.set(one)
        shown.append((str(one), figures.number(EXAMPLE)))
        figures.number_format.reset(token)
    return shown


class AccountForm(TellsWrong, forms.ModelForm):  # type: ignore[type-arg]
    password = forms.CharField(
        required=False,
        strip=False,
        label="Your password",
        help_text="Only to change the e-mail: who reads it can reset the password.",
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("email", "password", "time_zone", "number_format")

    class Meta:
        model = User
        fields = PREFERENCES
        labels = {
            "email": "E-mail",
            "time_zone": "Time zone",
            "number_format": "Numbers",
        }
        help_texts = {
            "email": "A forgotten password is reset by a link sent there.",
            "number_format": "As these pages show them. Type them with a point, and "
            "none between thousands: 1234.5.",
            "time_zone": "Times on these pages are of it; type to search, such as "
            "Vienna. A portfolio's days have a time zone of their own.",
        }
        widgets = {
            "time_zone": forms.TextInput({"list": "time-zones", "autocomplete": "off"}),
            "number_format": forms.RadioSelect,
        }

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.fields["number_format"].choices = _examples()  # type: ignore[attr-defined]
        compare_with_page(self)
        self.fields["password"].show_hidden_initial = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "email" in self.changed_data and "email" not in self.errors:
            if not cleaned.get("password"):
                self.add_error("password", "Give your password to change the e-mail.")
            else:
                try:
                    require_password(self.request, cleaned["password"])
                except forms.ValidationError as error:
                    self.add_error("password", error)
        return cleaned

    def _post_clean(self) -> None:
        """The service checks and saves, in place of the model."""
        if self.errors:
            return
        changes = {
            name: self.cleaned_data[name]
            for name in self.changed_data
            if name in PREFERENCES
        }
        try:
            update_account(user=self.instance, **changes)
        except InvalidInput as error:
            self.tell(error)


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@page
def account(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    stored = User.objects.get(pk=user.pk)  # what the page shows stays as it was
    form = AccountForm(request, request.POST or None, instance=stored)
    if request.method == "POST" and form.is_valid():
        messages.success(request, "Saved.")
        return redirect("site:account")
    context = {"form": form, "time_zones": sorted(time_zones())}
    status = 422 if form.errors else 200
    return render(request, "site/settings/account.html", context, status=status)


@require_POST
@page
def sign_out_everywhere(request: HttpRequest) -> HttpResponse:
    """All browsers, this one too."""
    end_sessions(cast(User, request.user))
    logout(request)
    messages.success(request, "All browsers are signed out. Tokens go on.")
    return redirect("site:login")
