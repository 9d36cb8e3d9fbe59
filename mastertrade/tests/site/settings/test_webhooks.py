"""Webhooks on the site: their address is shown once, nobody sees another's."""

import re

import pytest
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.models import Portfolio, User
from goals.tests.factories import PortfolioFactory, UserFactory
from strategies.models import StrategyInstance
from strategies.services import create_strategy
from trades.freqtrade.tokens import issue_webhook
from trades.models import WebhookToken

pytestmark = pytest.mark.django_db
WEBHOOKS = reverse("site:webhooks")
SECRET = re.compile(r'<code id="secret">(.+?)</code>')


def trader(name: str) -> tuple[User, Portfolio]:
    portfolio = PortfolioFactory(user=UserFactory(username=name), name=f"of {name}")
    create_strategy(
        user=portfolio.user,
        strategy_id=f"momentum_{name}",
        strategy_type="momentum",
        now=timezone.now(),
    )
    return portfolio.user, portfolio


def issue(user: User, portfolio: Portfolio, bot: str = "bot-1") -> WebhookToken:
    strategy_id = f"momentum_{user.username}"
    now = timezone.now()
    return issue_webhook(
        user=user, bot=bot, strategy_id=strategy_id, now=now, portfolio=portfolio.pk
    )[0]


@pytest.fixture
def ada(client: Client) -> tuple[User, Portfolio]:
    made = trader("ada")
    client.force_login(made[0])
    return made


def body_of(portfolio: Portfolio) -> dict[str, object]:
    strategy_id = f"momentum_{portfolio.user_id}"
    return {"bot": "bot-1", "portfolio": portfolio.pk, "strategy_id": strategy_id}


def test_an_address_is_shown_once_and_takes_messages(
    client: Client, ada: tuple[User, Portfolio]
) -> None:
    answer = client.post(WEBHOOKS, body_of(ada[1]))
    page = answer.content.decode()
    (address,) = SECRET.findall(page)
    assert address.startswith("http://testserver/api/webhooks/freqtrade/")
    assert page.count(address) == 1
    assert "no-store" in answer["Cache-Control"]
    token = address.rstrip("/").rsplit("/", 1)[1]
    assert token not in client.get(WEBHOOKS).content.decode()
    sent = {"type": "status", "status": "running"}
    taken = Client().post(address, sent, content_type="application/json")
    assert taken.status_code == 200, taken.content


def test_the_address_is_the_site_s_own_where_that_is_set(
    client: Client, ada: tuple[User, Portfolio], settings: LazySettings
) -> None:
    settings.SITE_URL = "https://mastertrade.example"
    page = client.post(WEBHOOKS, body_of(ada[1])).content.decode()
    (address,) = SECRET.findall(page)
    assert address.startswith("https://mastertrade.example/api/webhooks/freqtrade/")


def test_only_one_s_own_portfolios_and_strategies_are_taken(
    client: Client, ada: tuple[User, Portfolio]
) -> None:
    _, theirs = trader("eve")
    own = body_of(ada[1])
    page = client.get(WEBHOOKS).content.decode()
    assert "of eve" not in page
    for wrong in ({"portfolio": theirs.pk}, {"strategy_id": "momentum_eve"}):
        answer = client.post(WEBHOOKS, {**own, **wrong})
        assert answer.status_code == 422
        assert set(answer.context["form"].errors) == {*wrong}
    assert not WebhookToken.objects.exists()


def test_a_webhook_is_revoked_and_another_user_s_is_not_found(
    client: Client, ada: tuple[User, Portfolio]
) -> None:
    mine, theirs = issue(*ada), issue(*trader("eve"))
    page = client.get(WEBHOOKS).content.decode()
    assert "of ada" in page
    assert "of eve" not in page
    address = reverse("site:webhook-revoke", args=[theirs.pk])
    assert client.post(address).status_code == 404
    assert (
        client.post(reverse("site:webhook-revoke", args=[mine.pk])).status_code == 302
    )
    assert list(WebhookToken.objects.all()) == [theirs]


def test_without_a_strategy_one_is_made_by_its_name(client: Client) -> None:
    portfolio = PortfolioFactory()
    client.force_login(portfolio.user)
    form = client.get(WEBHOOKS).context["form"]
    assert list(form.fields) == ["bot", "portfolio", "new_strategy"]
    body = {"bot": "bot-1", "portfolio": portfolio.pk}
    refused = client.post(WEBHOOKS, body)
    assert list(refused.context["form"].errors) == ["new_strategy"]
    refused = client.post(WEBHOOKS, {**body, "new_strategy": "a b"})
    (words,) = refused.context["form"].errors["new_strategy"]
    assert words.startswith("Must be letters, digits")
    answer = client.post(WEBHOOKS, {**body, "new_strategy": "Breakouts"})
    assert SECRET.search(answer.content.decode())
    assert WebhookToken.objects.get().strategy_id == "Breakouts"
    (made,) = StrategyInstance.objects.filter(user=portfolio.user)
    assert (made.strategy_id, made.strategy_type) == ("Breakouts", "discretionary")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"strategy_id": "", "new_strategy": ""}, "new_strategy"),
        ({"new_strategy": "Breakouts"}, "new_strategy"),  # and one that there is
        ({"strategy_id": "", "new_strategy": "momentum_ada"}, "new_strategy"),
        ({"strategy_id": "", "new_strategy": "performance"}, "new_strategy"),
        ({"strategy_id": "", "new_strategy": "a\u202eb"}, "new_strategy"),
        ({"strategy_id": "", "new_strategy": "a\0b"}, "new_strategy"),
        ({"strategy_id": "", "new_strategy": "a" * 101}, "new_strategy"),
        ({"strategy_id": "", "new_strategy": "Breakouts", "bot": "a b"}, "bot"),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_webhook_s_strategy_leaves_nothing_behind(
    client: Client, ada: tuple[User, Portfolio], given: dict[str, str], field: str
) -> None:
    answer = client.post(WEBHOOKS, {**body_of(ada[1]), **given})
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert not WebhookToken.objects.exists()
    assert StrategyInstance.objects.count() == 1


def test_a_webhook_too_many_makes_no_strategy(
    client: Client, ada: tuple[User, Portfolio], settings: LazySettings
) -> None:
    settings.TOKENS_PER_USER = 1
    issue(*ada)
    body = {**body_of(ada[1]), "strategy_id": "", "new_strategy": "Breakouts"}
    answer = client.post(WEBHOOKS, body)
    assert answer.status_code == 422
    assert StrategyInstance.objects.count() == 1


def test_the_page_has_a_constant_number_of_statements(
    client: Client, ada: tuple[User, Portfolio]
) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(WEBHOOKS)
        return len(queries)

    issue(*ada)
    few = count()
    for number in range(2, 6):
        issue(*ada, bot=f"bot-{number}")
    assert count() == few
