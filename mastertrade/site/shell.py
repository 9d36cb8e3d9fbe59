"""What stands around every page: who looks, in which portfolio, what needs care."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.db.models import Exists, F, OuterRef, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from goals.enums import NumberFormat, PortfolioKind
from goals.models import Portfolio, TradingHalt, User
from goals.services.alerts import count_unread
from mastertrade.db.queue import find_last_seen, is_missing
from mastertrade.site.figures import number_format
from mastertrade.site.first_steps import FirstSteps, find_steps

View = Callable[..., HttpResponseBase]
CHOSEN = "portfolio"  # in the address and in the session
NOT_TAKEN = (
    "You were signed out before this was sent, so nothing of it was taken. Sign in, "
    "and you come back to the page to send it again."
)
MOST_IN_SWITCH = 24
# The others are folded away.
SHOWN_IN_SWITCH = 4
# What the pages are called, and the name of each one's address.
PAGES: tuple[tuple[str, str], ...] = (
    ("Today", "site:home"),
    ("Goals", "site:goals"),
    ("Trades", "site:trades"),
    ("Performance", "site:performance"),
    ("Strategies", "site:strategies"),
    ("Replays", "site:replays"),
    ("Alerts", "site:alerts"),
    ("Settings", "site:settings"),
)


@dataclass(frozen=True, slots=True)
class Shell:
    """Read once a page by `site/base.html`."""

    pages: tuple[tuple[str, str, bool], ...]
    unread: int
    worker_seen_at: datetime | None
    worker_missing: bool
    # On the first page alone, until the user can begin.
    first_steps: FirstSteps | None


def page(view: View) -> View:
    """A page of whoever signed in: times in their zone, numbers in their form."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _ask_to_sign_in(request)
        user = request.user
        token = number_format.set(NumberFormat(user.number_format))
        try:
            with timezone.override(ZoneInfo(user.time_zone)):
                return view(request, *args, **kwargs)
        finally:
            number_format.reset(token)

    return answer


def _ask_to_sign_in(request: HttpRequest) -> HttpResponse:
    """One comes back to the page; what was sent from it is said not to be taken.

    What htmx asks for is a part of a page, which stays as it is (`site.js`).
    """
    if "HX-Request" in request.headers:
        return HttpResponse(status=401)
    if request.method in {"GET", "HEAD"}:
        return redirect_to_login(request.get_full_path())
    messages.warning(request, NOT_TAKEN)
    came_from = urlsplit(request.headers.get("Referer", ""))
    is_own = came_from.netloc == request.get_host()
    back = urlunsplit(("", "", came_from.path, came_from.query, "")) if is_own else ""
    return redirect_to_login(back or reverse("site:home"))


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context processor of `site/base.html`; asks nothing until it is read."""
    return {"shell": SimpleLazyObject(lambda: _read(request))}


def _read(request: HttpRequest) -> Shell | None:
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_authenticated:
        return None
    seen_at = find_last_seen()
    addresses = [(title, reverse(name)) for title, name in PAGES]
    home = reverse("site:home")
    steps = find_steps(user) if request.path == home else None
    return Shell(
        pages=tuple(
            (
                title,
                address,
                request.path == address
                or (address != home and request.path.startswith(address)),
            )
            for title, address in addresses
        ),
        unread=count_unread(user),
        worker_seen_at=seen_at,
        worker_missing=is_missing(seen_at, timezone.now()),
        first_steps=None if steps is None or steps.may_begin else steps,
    )


def portfolios_of(user: User) -> QuerySet[Portfolio]:
    """A user's own, live ones first, of them those that need care.

    Replays have pages of their own.
    """
    kinds = (PortfolioKind.LIVE, PortfolioKind.DEMO)
    mine = Portfolio.objects.filter(
        user_id=user.username, kind__in=kinds, finished_at=None
    )
    in_force = TradingHalt.objects.in_force(timezone.now())
    halted = Exists(in_force.filter(portfolio=OuterRef("pk")))
    waiting = F("suspected_at").desc(nulls_last=True)
    return mine.annotate(halted=halted).order_by(
        "-kind", "-halted", waiting, "portfolio_id"
    )


def choose_portfolio(
    request: HttpRequest,
) -> tuple[Portfolio | None, list[Portfolio]]:
    """The portfolio the page is about, and those that can be switched to.

    `?portfolio=ID`, which the session remembers; else the first with money, live ones
    before the demo; None where the user has none. Raises `Http404` for one that is not
    the user's.
    """
    user = cast(User, request.user)
    mine = list(portfolios_of(user)[:MOST_IN_SWITCH])
    asked = request.GET.get(CHOSEN)
    if asked is not None:
        chosen = _find(user, mine, asked)
        if chosen is None:
            raise Http404
        if request.session.get(CHOSEN) != chosen.pk:
            request.session[CHOSEN] = chosen.pk
    else:
        chosen = _find(user, mine, str(request.session.get(CHOSEN, "")))
        chosen = chosen or min(mine, key=_by_use, default=None)
    return chosen, mine if chosen is None else order_switch(chosen, mine)


def order_switch(chosen: Portfolio, mine: list[Portfolio]) -> list[Portfolio]:
    """Every page's order: that of `portfolios_of`, with the chosen one in sight."""
    if chosen in mine[:SHOWN_IN_SWITCH]:
        return mine
    return [chosen, *(one for one in mine if one != chosen)]


def _by_use(portfolio: Portfolio) -> tuple[bool, bool, int]:
    return not portfolio.units, not portfolio.is_live, portfolio.pk


def _find(user: User, mine: list[Portfolio], asked: str) -> Portfolio | None:
    if not (asked.isascii() and asked.isdigit() and len(asked) < 19):
        return None
    for one in mine:
        if one.pk == int(asked):
            return one
    return portfolios_of(user).filter(pk=int(asked)).first()
