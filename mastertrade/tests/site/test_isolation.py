"""Another's things, at every address of the site that names one."""

import re
from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from goals.models import Invitation, Portfolio
from goals.tests.factories import UserFactory
from strategies.models import StrategyInstance
from tests.http import Trader, make_busy_trader, make_trader, nothing_changes
from trades.models import ImportUpload

pytestmark = pytest.mark.django_db
NOBODY_S = "987654321"
BOB_S = "The portfolio of bob"
KEY = re.compile(r"<int:(\w+)>")
# What an address may name after its "?".
ASKED = {
    "portfolio": "portfolio_id",
    "goal": "goal_id",
    "adjustment_id": "adjustment_id",
    "run": "replay_id",
}
CSV = b"Symbol,Side,Qty,Price,Time\nABC/USD,buy,1,5,2026-03-02 09:00:00\n"


@pytest.fixture
def bob(settings, tmp_path) -> Trader:
    """With one of everything that an address of the site names."""
    settings.JOB_FILES = tmp_path
    made = make_busy_trader()
    Portfolio.objects.filter(pk=made["portfolio_id"]).update(name=BOB_S)
    made.user.is_staff = made.user.is_superuser = True
    made.user.save()
    theirs = Client()
    theirs.force_login(made.user)
    theirs.post(reverse("site:invitations"), {"email": "x@example.com", "days": "3"})
    given = {"portfolio": made["portfolio_id"], "strategy_id": "manual"}
    file = SimpleUploadedFile("a.csv", CSV)
    theirs.post(reverse("site:import"), {**given, "file": file})
    strategy = StrategyInstance.objects.filter(user=made.user).earliest("pk")
    made.ids.update(
        strategy_pk=strategy.pk,
        upload_id=ImportUpload.objects.get().pk,
        invitation_id=Invitation.objects.get().pk,
    )
    return made


def routes_of(
    patterns: list[URLPattern | URLResolver], before: str = "/"
) -> Iterator[str]:
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from routes_of(one.url_patterns, route)
        else:
            yield route


def answers_of(client: Client, address: str) -> list[tuple[int, str]]:
    """Status and where it leads, without keys."""
    found = [client.get(address), client.post(address)]
    return [
        (one.status_code, re.sub("[0-9]+", "", one.get("Location", "")))
        for one in found
    ]


def test_what_is_another_s_is_answered_as_what_there_is_not(
    client: Client, bob: Trader
) -> None:
    every = routes_of(get_resolver("mastertrade.site.urls").url_patterns)
    routes = [route for route in every if KEY.search(route)]
    client.force_login(UserFactory(is_staff=True))
    found, nothing = {}, {}

    with nothing_changes():
        for route in routes:
            theirs = KEY.sub(lambda key: str(bob[key[1]]), route)
            found[route] = answers_of(client, theirs)
            nothing[route] = answers_of(client, KEY.sub(NOBODY_S, route))

    assert len(routes) > 40
    assert found == nothing
    assert {status for one in found.values() for status, _ in one} <= {
        302,
        403,
        404,
        405,
    }


@pytest.mark.slow
def test_what_is_another_s_is_not_shown_where_it_is_asked_for(
    client: Client, bob: Trader
) -> None:
    every = routes_of(get_resolver("mastertrade.site.urls").url_patterns)
    pages = [route for route in every if "<" not in route]
    alice = make_trader()
    client.force_login(alice.user)
    told = [client.get("/"), client.get("/trades/"), client.get("/strategies/")]
    assert {one.status_code for one in told} == {200}
    found, nothing, shows = {}, {}, []

    for route in pages:
        for name, of in ASKED.items():
            theirs = client.get(route, {name: bob[of]})
            found[route, name] = theirs.status_code
            nothing[route, name] = client.get(route, {name: NOBODY_S}).status_code
            shown = b"".join(theirs)
            if b"BTCUSDT" in shown or BOB_S.encode() in shown:
                shows.append((route, name))

    assert len(pages) > 25
    assert shows == []
    assert found == nothing
    assert found["/", "portfolio"] == found["/strategies/", "goal"] == 404
