"""What there is to set, and where."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from goals.services.invitations import may_invite
from mastertrade.site.shell import page

# Title, the name of the address, and what is set there.
SECTIONS: tuple[tuple[str, str, str], ...] = (
    (
        "Portfolios and limits",
        "site:portfolios",
        "What you may lose before trading stops, in all and in a day.",
    ),
    (
        "Alert channels",
        "site:channels",
        "Where alerts are sent, which ones and when.",
    ),
    (
        "API tokens",
        "site:tokens",
        "What your bots and scripts sign in with.",
    ),
    (
        "Webhooks",
        "site:webhooks",
        "Addresses to which bots send their trades.",
    ),
    (
        "Account",
        "site:account",
        "E-mail, password, time zone, how numbers look, light or dark.",
    ),
    (
        "Your data",
        "site:data",
        "Download everything, delete simulations, delete the account.",
    ),
)
INVITATIONS = (
    "Invitations",
    "site:invitations",
    "Let somebody else have an account here.",
)


@require_safe
@page
def index(request: HttpRequest) -> HttpResponse:
    return render(request, "site/settings/index.html")


def sections_for(user: Any) -> list[tuple[str, str, str]]:
    """Title, address and sentence of each page that this user may open."""
    listed = [*SECTIONS, INVITATIONS] if may_invite(user) else SECTIONS
    found = []
    for title, name, words in listed:
        try:
            found.append((title, reverse(name), words))
        except NoReverseMatch:
            continue
    return found
