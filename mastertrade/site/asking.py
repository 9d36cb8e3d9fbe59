"""Asking once before something is done: in a dialog of the first page, or a page.

htmx gets the form alone, for the dialog; without script there is a page for each.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods

from goals.models import Portfolio, User
from mastertrade.site.shell import portfolios_of

ASKS = require_http_methods(["GET", "HEAD", "POST"])


@dataclass(slots=True)
class Asking:
    """What is asked. `facts` are sentences that help to decide.

    `back` is where one goes who does not want it, "" for the first page.
    """

    title: str
    button: str
    explanation: str = ""
    is_danger: bool = False
    back: str = ""
    facts: list[str | SafeString] = field(default_factory=list)


def is_htmx(request: HttpRequest) -> bool:
    return "HX-Request" in request.headers


def choose_or_404(user: User, portfolio_id: int) -> Portfolio:
    """One of the user's own portfolios that are not a replay's."""
    mine = portfolios_of(user).select_related("user")
    return get_object_or_404(mine, pk=portfolio_id)


def answer_asking(
    request: HttpRequest, asking: Asking, form: Any, portfolio: Portfolio, **more: Any
) -> HttpResponse:
    """The form: empty, or with what is wrong with it."""
    context = {"asking": asking, "form": form, "portfolio": portfolio, **more}
    template = "site/parts/asking.html" if is_htmx(request) else "site/asking.html"
    status = 422 if form.errors else 200
    return render(request, template, context, status=status)


def bind(form: type[Any], request: HttpRequest, now: datetime, **call: Any) -> Any:
    """The form of this request: its clock, who fills it in, and what was sent."""
    whose = {"now": now, "by": request.user.get_username()}
    bound = type(form.__name__, (form,), whose)
    return bound(request.POST if request.method == "POST" else None, **call)
