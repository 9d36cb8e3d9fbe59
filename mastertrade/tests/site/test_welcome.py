"""The first steps: ticks, each step's happy and bad path, and whose they are."""

import re
import shlex
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.request import Request

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from goals.enums import ChannelKind, GoalType, PortfolioKind
from goals.models import (
    AlertChannel,
    ApiToken,
    FinancialGoal,
    GoalAdjustmentLog,
    Portfolio,
    User,
)
from goals.services.channel_keys import decrypt
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio, update_portfolio
from goals.services.sign_ins import issue_token
from goals.tests.channel_factories import ADDRESSES, make_channel
from goals.tests.factories import UserFactory
from mastertrade.site.first_steps import find_steps
from strategies.models import StrategyInstance
from trades.enums import JobKind, JobState
from trades.jobs.channel_tests import run as run_test
from trades.models import Trade, UserJob
from trades.services.jobs import create_job
from trades.tests.demo_prices import shorten_demo
from trades.tests.factories import book_profit
from trades.tests.jobs.worker import do

pytestmark = pytest.mark.django_db
ADDRESS = "/welcome/"
FROM = f"http://testserver{ADDRESS}money/"
HTMX = {"HX-Request": "true"}
MONEY = {
    "money-opening_balance": "20000",
    "money-currency": "usdt",
    "money-hard_drawdown_pct": "8",
    "money-daily_loss_limit_pct": "2",
    "money-soft_drawdown_pct": "3",
    "money-time_zone": "Europe/Vienna",
}
GOAL = {
    "goal-measure": "return",
    "goal-target_value": "5",
    "goal-period": "month",
    "goal-target_date": "",
    "goal-risk_pct": "1",
    "goal-trades_a_month": "20",
    "goal-recurring": "on",
}
HEADER = "external_id,symbol,side,quantity,entry_price,entry_time,exit_price,exit_time"
ROWS = [
    f"row-{number},BTC/USD,LONG,0.02,50000,2026-03-02T09:00:00Z,"
    f"{51000 + number},2026-03-02T10:00:00Z"
    for number in range(3)
]
WRONG_ROW = "x,BTC/USD,UP,1,2,2026-03-02T09:00:00Z,3,2026-03-02T10:00:00Z"


@pytest.fixture
def user(client: Client, settings: Settings, tmp_path: Path) -> User:
    cache.clear()  # what was counted of tests before
    settings.JOB_FILES = tmp_path / "jobs"
    settings.HAS_MAIL = True
    user = UserFactory(
        username="ada", password="correct horse", email="ada@example.org"
    )
    client.force_login(user)
    return user


def words_of(answer: Any) -> str:
    text = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(text.split())


def main_of(user: User) -> Portfolio:
    return Portfolio.objects.select_related("user").get(user=user, name="main")


def fund(user: User, amount: int = 20_000) -> Portfolio:
    return update_portfolio(
        user=user,
        portfolio_id=main_of(user).pk,
        opening_balance=Decimal(amount),
        now=timezone.now(),
    )


def set_goal(user: User, portfolio: Portfolio | None = None) -> FinancialGoal:
    return create_goal(
        user=user,
        portfolio=(portfolio or main_of(user)).pk,
        goal_type=GoalType.YEARLY_RETURN,
        target_value=Decimal(5),
        target_date=timezone.now().date() + timedelta(days=365),
        as_of=timezone.now(),
    )


def make_demo(user: User) -> Portfolio:
    return create_portfolio(
        user=user,
        name="demo",
        kind=PortfolioKind.DEMO,
        opening_balance=Decimal(100),
        now=timezone.now(),
    )


def errors_at(answer: Any, form: str) -> dict[str, str]:
    assert answer.status_code == 422
    return {name: str(found) for name, found in answer.context[form].errors.items()}


def work(job: UserJob) -> UserJob:
    do(job.pk)
    job.refresh_from_db()
    return job


# Where a user lands.


def sign_in(client: Client, query: str = "") -> str:
    client.logout()
    given = {"username": "ada", "password": "correct horse"}
    asked = client.get(f"/login/{query}").context["next"]
    return str(client.post("/login/", {**given, "next": asked}).url)


def test_a_new_user_lands_on_the_first_steps(client: Client, user: User) -> None:
    assert sign_in(client) == sign_in(client, "?next=/") == ADDRESS


def test_a_demo_alone_leads_there_too(client: Client, user: User) -> None:
    make_demo(user)
    assert sign_in(client) == ADDRESS


def test_who_asked_for_a_page_gets_it(client: Client, user: User) -> None:
    assert sign_in(client, "?next=/alerts/") == "/alerts/"


def test_who_has_begun_lands_on_today(client: Client, user: User) -> None:
    fund(user)
    assert sign_in(client) == "/"


def test_today_leads_there_until_the_first_three_are_done(
    client: Client, user: User
) -> None:
    portfolio = fund(user)
    set_goal(user)
    assert "2 of 5 first steps are done" in words_of(client.get("/"))
    assert "first steps" not in words_of(client.get("/alerts/"))
    book_profit(portfolio, Decimal(1), timezone.now())
    assert "first steps" not in words_of(client.get("/"))


def test_each_step_is_ticked_by_what_exists(client: Client, user: User) -> None:
    def done() -> list[str]:
        page = client.get(ADDRESS).content.decode()
        return re.findall(r'<li id="(\w+)"[^>]* class="step done', page)

    assert done() == []
    issue_token(user=user)
    assert done() == ["token"]
    channel = make_channel(user)
    assert done() == ["token"]
    AlertChannel.objects.filter(pk=channel.pk).update(
        tested_at=timezone.now(), test_sent=True
    )
    assert done() == ["token", "alert"]
    portfolio = fund(user)
    set_goal(user)
    assert done() == ["money", "goal", "token", "alert"]
    book_profit(portfolio, Decimal(1), timezone.now())
    assert done() == ["money", "goal", "trades", "token", "alert"]
    assert "All five are done" in words_of(client.get(ADDRESS))


def test_nothing_of_another_user_ticks_or_shows(client: Client, user: User) -> None:
    other = UserFactory(username="bob", email="bob@example.net")
    portfolio = fund(other, 77_777)
    set_goal(other)
    book_profit(portfolio, Decimal(1), timezone.now())
    make_demo(other)
    issue_token(user=other)
    make_channel(other, address="bob@example.net")
    AlertChannel.objects.update(
        test_asked_at=timezone.now(), tested_at=timezone.now(), test_sent=True
    )
    create_job(user=other, kind=JobKind.DEMO, arguments={}, now=timezone.now())
    steps = find_steps(user)
    assert steps.done == 0
    assert steps.nothing_done
    page = client.get(ADDRESS).content.decode()
    assert "77,777" not in page
    assert "example.net" not in page
    assert "Making the demo" not in page


# Money and limits.


def test_money_and_limits_are_those_of_main(client: Client, user: User) -> None:
    assert client.post("/welcome/money/", MONEY).url == f"{ADDRESS}#money"
    main = main_of(user)
    assert (main.opening_balance, main.equity) == (20_000, 20_000)
    assert (main.currency, main.time_zone) == ("USDT", "Europe/Vienna")
    assert (main.hard_drawdown_pct, main.soft_drawdown_pct) == (8, 3)
    assert main.daily_loss_limit_pct == 2
    words = words_of(client.get(ADDRESS))
    assert "20,000.00 USDT in main." in words
    assert "now at 18,400.00 USDT , and for the day after a loss of 2 %" in words
    assert "today at 19,600.00 USDT" in words


def test_pages_then_show_times_of_that_zone(client: Client, user: User) -> None:
    client.post("/welcome/money/", MONEY)
    user.refresh_from_db()
    assert user.time_zone == "Europe/Vienna"


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"opening_balance": ""}, "opening_balance", "required"),
        ({"opening_balance": "0"}, "opening_balance", "Must be above 0."),
        ({"opening_balance": "1_000"}, "opening_balance", "Must be a number"),
        ({"currency": "€"}, "currency", "2 to 10 capital letters"),
        ({"time_zone": "Wien"}, "time_zone", "There is no time zone Wien"),
        ({"hard_drawdown_pct": "101"}, "hard_drawdown_pct", "at most 100"),
        ({"hard_drawdown_pct": "2"}, "soft_drawdown_pct", "must not be above"),
        ({"daily_loss_limit_pct": "-1"}, "daily_loss_limit_pct", "above 0"),
    ],
)
def test_what_is_wrong_with_money_shows_at_its_field(
    client: Client, user: User, given: dict[str, str], field: str, words: str
) -> None:
    asked = MONEY | {f"money-{name}": value for name, value in given.items()}
    errors = errors_at(client.post("/welcome/money/", asked), "money_form")
    assert list(errors) == [field]
    assert words in errors[field]
    assert main_of(user).opening_balance == 0


def test_limits_are_changed_later_and_the_money_stays(
    client: Client, user: User
) -> None:
    fund(user)
    set_goal(user)
    assert b"money-hard_drawdown_pct" not in client.get(ADDRESS).content
    assert b"money-hard_drawdown_pct" in client.get(f"{ADDRESS}?change=money").content
    client.post("/welcome/money/", MONEY)
    main = main_of(user)
    assert (main.hard_drawdown_pct, main.opening_balance) == (8, 20_000)
    assert main.currency == "USD"


def test_money_after_the_goal_is_a_deposit(client: Client, user: User) -> None:
    set_goal(user)
    client.post("/welcome/money/", MONEY)
    main = main_of(user)
    assert (main.opening_balance, main.equity) == (0, 20_000)
    assert main.cash_flows.get().amount == 20_000
    assert find_steps(user).money


def test_a_firms_challenge_brings_money_limits_and_a_goal(
    client: Client, user: User
) -> None:
    asked = {"challenge-preset": "topstep-combine-50k"}
    assert client.post("/welcome/challenge/", asked).url == f"{ADDRESS}#goal"
    made = Portfolio.objects.get(user=user, name="topstep-combine-50k")
    assert made.opening_balance == 50_000
    assert made.goals.count() == 1
    steps = find_steps(user)
    assert steps.money
    assert steps.goal
    assert "50,000.00 USD in topstep-combine-50k" in words_of(client.get(ADDRESS))


def test_a_challenge_that_is_there_or_unknown_is_refused(
    client: Client, user: User
) -> None:
    asked = {"challenge-preset": "topstep-combine-50k"}
    client.post("/welcome/challenge/", asked)
    again = client.post("/welcome/challenge/", asked)
    assert "already have" in errors_at(again, "challenge_form")["preset"]
    unknown = client.post("/welcome/challenge/", {"challenge-preset": "acme"})
    assert list(errors_at(unknown, "challenge_form")) == ["preset"]
    assert Portfolio.objects.filter(user=user).count() == 2


# A goal.


@pytest.mark.parametrize(
    ("measure", "period", "goal_type"),
    [
        ("return", "month", GoalType.MONTHLY_RETURN),
        ("income", "quarter", GoalType.QUARTERLY_INCOME),
        ("value", "month", GoalType.PORTFOLIO_VALUE),
    ],
)
def test_a_goal_is_saved_in_the_users_words(
    client: Client, user: User, measure: str, period: str, goal_type: GoalType
) -> None:
    fund(user)
    asked = GOAL | {
        "goal-measure": measure,
        "goal-period": period,
        "goal-target_value": "25000",
    }
    assert client.post("/welcome/goal/", asked).url == f"{ADDRESS}#goal"
    made = FinancialGoal.objects.get(user=user)
    assert made.goal_type == goal_type
    assert made.target_value == 25_000
    assert made.recurring == (measure != "value")


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"target_value": ""}, "target_value", "required"),
        ({"target_value": "-1"}, "target_value", "above 0"),
        ({"target_value": "many"}, "target_value", "Must be a number"),
        ({"period": ""}, "period", "Choose one."),
        ({"measure": "fame"}, "measure", "fame"),
        ({"target_date": "2020-01-01"}, "target_date", "before the"),
        ({"target_date": "01/02/2030"}, "target_date", "such as 2026-03-31"),
        ({"trades_a_month": "0"}, "trades_a_month", "greater than or equal to 1"),
        ({"risk_pct": "-1"}, "risk_pct", "greater than or equal to 0"),
    ],
)
def test_what_is_wrong_with_a_goal_shows_at_its_field(
    client: Client, user: User, given: dict[str, str], field: str, words: str
) -> None:
    fund(user)
    asked = GOAL | {f"goal-{name}": value for name, value in given.items()}
    errors = errors_at(client.post("/welcome/goal/", asked), "goal_form")
    assert field in errors
    assert words in errors[field]
    assert not FinancialGoal.objects.exists()


def preview(client: Client, **given: str) -> str:
    in_a_year = timezone.now().date() + timedelta(days=365)
    asked = GOAL | {"goal-target_date": f"{in_a_year}"}
    asked |= {f"goal-{name}": value for name, value in given.items()}
    return words_of(client.post("/welcome/goal/preview/", asked, headers=HTMX))


def test_the_pace_is_known_before_saving_and_the_chance_not(
    client: Client, user: User
) -> None:
    fund(user)
    words = preview(client, target_value="20", trades_a_month="10")
    # 20 % in 366 days; 1.2^(1/120.3) - 1 a trade, which risks 1 %.
    assert "needs 0.055 % a day, by about 120 trades" in words
    assert "Needed a trade 0.2 % 0.15 R" in words
    assert "not known no probability yet: it needs 20 closed trades" in words
    assert "a file in step 3 gives it here" in words
    assert not FinancialGoal.objects.exists()


def test_the_chance_is_known_by_20_closed_trades(client: Client, user: User) -> None:
    portfolio, now = fund(user), timezone.now()
    for number in range(20):
        profit = Decimal(100 if number % 3 else -120)
        book_profit(portfolio, profit, now - timedelta(days=20 - number))
    words = preview(client, trades_a_month="")
    assert re.search(r"Chance to arrive (over |under )?\d+ % .* from 20 trades", words)
    assert not FinancialGoal.objects.exists()


def test_a_preview_says_what_is_missing(client: Client, user: User) -> None:
    assert "needs money to trade with" in preview(client)
    assert "By: must be a date" in preview(client, target_date="soon")
    assert "stand here once there is a target" in preview(client, target_value="")


# Trades.


def upload(client: Client, *rows: str, **given: str) -> Any:
    content = "\n".join([HEADER, *rows, ""]) if rows else given.pop("content")
    return client.post(
        "/welcome/import/",
        {
            "import-file": SimpleUploadedFile("my.csv", content.encode()),
            "import-strategy_id": "manual",
            **{f"import-{name}": value for name, value in given.items()},
        },
    )


def test_a_file_is_imported_and_its_result_shown(client: Client, user: User) -> None:
    fund(user)
    assert upload(client, *ROWS).url == f"{ADDRESS}#trades"
    job = UserJob.objects.get(user=user)
    poll = f"{ADDRESS}jobs/{job.pk}/"
    assert 'hx-trigger="every 1s"' in client.get(poll, headers=HTMX).content.decode()
    assert work(job).state == JobState.DONE, job.error
    part = client.get(poll, headers=HTMX)
    assert part["HX-Retarget"] == "#trades"
    assert "my.csv: 3 new, 0 known already, 0 refused." in words_of(part)
    assert 'id="trades" class="step done"' in part.content.decode()
    assert Trade.objects.filter(portfolio__user=user).count() == 3
    upload(client, *ROWS)
    work(UserJob.objects.latest("pk"))
    assert "0 new, 3 known already" in words_of(client.get(ADDRESS))


def test_refused_rows_are_named_with_their_reasons(client: Client, user: User) -> None:
    fund(user)
    upload(client, *ROWS, WRONG_ROW)
    work(UserJob.objects.latest("pk"))
    words = words_of(client.get(ADDRESS))
    assert "not imported" in words
    assert "Line 5 side must be LONG or SHORT." in words
    assert not Trade.objects.exists()
    upload(client, *ROWS, WRONG_ROW, partial="on")
    work(UserJob.objects.latest("pk"))
    assert "imported in part" in words_of(client.get(ADDRESS))
    assert Trade.objects.count() == 3


def test_what_an_import_lacks_is_said_by_the_names_of_the_import_page(
    client: Client, user: User
) -> None:
    fund(user)
    row = "2026-03-01 12:00:00,ETHBTC,BUY,1,1ETH,1BTC,0BTC\n"
    upload(client, content=f"Date(UTC),Pair,Side,Price,Executed,Amount,Fee\n{row}")
    work(UserJob.objects.latest("pk"))
    words = words_of(client.get(ADDRESS))
    assert "fixed rate in “Rates of other currencies” (BTC=…)" in words
    assert "fx_rates " not in words


@pytest.mark.parametrize(
    ("content", "field", "words"),
    [
        ("", "file", "The file is empty."),
        ("PK\x03\x04", "file", "an Excel file"),
        ("txid,pair,type,vol\n", "format", "It looks like Kraken"),
        ("a,b\n1,2\n", "format", "Is not recognised."),
        ('[{"ticker": "ABC"}]', "file", "JSON, which has no columns to map"),
    ],
)
def test_a_file_that_is_none_says_so_at_its_field(
    client: Client, user: User, content: str, field: str, words: str
) -> None:
    errors = errors_at(upload(client, content=content), "import_form")
    assert list(errors) == [field]
    assert words in errors[field]
    assert not UserJob.objects.exists()
    assert not StrategyInstance.objects.exists()


def test_a_file_may_be_as_large_as_the_api_takes(client: Client, user: User) -> None:
    fund(user)
    padding = "," * 3_000_000  # more than pages read otherwise
    answer = upload(client, *ROWS, padding)
    assert answer.status_code == 302


def test_the_demo_is_asked_for_once_and_followed(client: Client, user: User) -> None:
    for _ in range(2):
        assert client.post("/welcome/demo/").url == f"{ADDRESS}#trades"
    job = UserJob.objects.get(user=user)
    assert job.kind == JobKind.DEMO
    assert "waiting for the worker" in words_of(client.get(ADDRESS))
    UserJob.objects.filter(pk=job.pk).update(
        state=JobState.RUNNING,
        started_at=timezone.now(),
        progress=40,
        step="Trading day by day",
    )
    part = client.get(f"{ADDRESS}jobs/{job.pk}/", headers=HTMX)
    assert "Making the demo: trading day by day, 40 %" in words_of(part)
    again = client.get(
        f"{ADDRESS}jobs/{job.pk}/", headers=HTMX | {"If-None-Match": part["ETag"]}
    )
    assert again.status_code == 304


@pytest.mark.slow
def test_the_demo_is_made_by_the_worker_and_is_the_users_own(
    client: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    shorten_demo(monkeypatch)
    client.post("/welcome/demo/")
    job = work(UserJob.objects.get(user=user))
    assert job.state == JobState.DONE, job.error
    made = Portfolio.objects.get(user=user, kind=PortfolioKind.DEMO)
    assert job.result == {"portfolio_id": made.pk, "trades": made.trades.count()}
    assert job.result["trades"] > 10
    page = client.get(ADDRESS).content.decode()
    assert 'id="trades" class="step done' in page
    assert find_steps(user).own_trades is False
    client.post("/welcome/demo/remove/")
    assert not Trade.objects.exists()


def test_the_demo_is_removed_and_nothing_else(client: Client, user: User) -> None:
    portfolio = fund(user)
    book_profit(portfolio, Decimal(1), timezone.now())
    demo, of_another = make_demo(user), make_demo(UserFactory())
    assert b"Remove the demo" in client.get(ADDRESS).content
    client.post("/welcome/demo/remove/")
    assert not Portfolio.objects.filter(pk=demo.pk).exists()
    assert Portfolio.objects.filter(pk=of_another.pk).exists()
    assert Trade.objects.filter(portfolio=portfolio).count() == 1
    assert client.post("/welcome/demo/remove/").status_code == 302  # none: nothing


def test_a_job_of_another_user_is_not_found(client: Client, user: User) -> None:
    other = UserFactory()
    job = create_job(user=other, kind=JobKind.DEMO, arguments={}, now=timezone.now())
    assert client.get(f"{ADDRESS}jobs/{job.pk}/", headers=HTMX).status_code == 404


# A token.


def make_token(client: Client) -> tuple[str, dict[str, str]]:
    """The token, and the snippets by their names."""
    answer = client.post("/welcome/token/", {"token-name": "my bot"})
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    codes = {one.name: one.code for one in answer.context["snippets"]}
    return answer.context["token"], codes


def test_a_token_is_shown_once(client: Client, user: User) -> None:
    token, codes = make_token(client)
    assert ApiToken.objects.get(user=user).name == "my bot"
    assert all(token in code for code in codes.values())
    assert token not in client.get(ADDRESS).content.decode()


def test_one_token_too_many_is_refused(
    client: Client, user: User, settings: Settings
) -> None:
    settings.TOKENS_PER_USER = 0
    answer = client.post("/welcome/token/", {"token-name": "bot"})
    assert "no more are allowed" in errors_at(answer, "token_form")["__all__"]
    nameless = client.post("/welcome/token/", {"token-name": ""})
    assert list(errors_at(nameless, "token_form")) == ["name"]


def send(address: str, headers: dict[str, str], body: str | None) -> Any:
    """A request from the terminal, without the browser's session."""
    path = address.removeprefix("http://testserver")
    assert path != address
    terminal = Client(headers=headers)
    if body is None:
        return terminal.get(path)
    kind = headers["Content-Type"]
    return terminal.generic("POST", path, body, content_type=kind)


def test_the_snippet_for_curl_works_as_pasted(client: Client, user: User) -> None:
    fund(user)
    goal = set_goal(user)
    words = shlex.split(make_token(client)[1]["curl"].replace("\\\n", " "))
    assert words[:2] == ["curl", "-sS"]
    given = list(zip(words[3::2], words[4::2], strict=True))
    headers = dict(text.split(": ", 1) for flag, text in given if flag == "-H")
    (body,) = [text for flag, text in given if flag == "-d"]
    answer = send(words[2], headers, body)
    assert answer.status_code in {200, 201}, answer.content
    # 1 % of 20,000 is lost at a stop 1,000 below: 0.2 of base, times the factor.
    decision = GoalAdjustmentLog.objects.get(goal=goal)
    assert Decimal(answer.json()["base_size"]) == 10_000
    assert decision.portfolio_id == main_of(user).pk


@pytest.mark.parametrize("has_goal", [True, False])
def test_the_snippet_for_python_works_as_pasted(
    client: Client, user: User, has_goal: bool, capsys: Any, monkeypatch: Any
) -> None:
    if has_goal:
        fund(user)
        set_goal(user)

    def ask(request: Request, timeout: float) -> Any:
        body = None if request.data is None else bytes(request.data).decode()
        headers = {name.title(): value for name, value in request.header_items()}
        answer = send(request.full_url, headers, body)
        answer.read = lambda: answer.content
        return answer

    code = make_token(client)[1]["Python"]
    monkeypatch.setattr("urllib.request.urlopen", ask)
    exec(compile(code, "snippet", "exec"), {})  # what the page says to paste
    printed = capsys.readouterr().out
    assert ("allow" in printed) == has_goal
    assert ("'name': 'main'" in printed) != has_goal


def test_the_snippet_for_freqtrade_sets_what_its_class_has(
    client: Client, user: User, monkeypatch: Any
) -> None:
    fund(user)
    set_goal(user)
    place = Path(__file__).parents[3] / "docs" / "integrations" / "freqtrade"
    monkeypatch.syspath_prepend(str(place))
    strategy = ModuleType("freqtrade.strategy")
    strategy.IStrategy = type("IStrategy", (), {})  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "freqtrade", ModuleType("freqtrade"))
    monkeypatch.setitem(sys.modules, "freqtrade.strategy", strategy)
    token, codes = make_token(client)
    made: dict[str, Any] = {}
    exec(compile(codes["freqtrade"], "snippet", "exec"), made)
    sized, base = made["Sized"], made["MasterTradeSizing"]
    given = {name: value for name, value in vars(sized).items() if name[0] != "_"}
    assert given == {
        "mastertrade_url": "http://testserver",
        "mastertrade_token": token,
        "mastertrade_portfolio": main_of(user).pk,
    }
    assert all(hasattr(base, name) for name in given)


# A test alert.


def test_an_address_becomes_a_channel_and_its_test_a_tick(
    client: Client, user: User, mailoutbox: list[Any]
) -> None:
    asked = {"alert-address": "ada@example.org"}
    assert client.post("/welcome/alert/", asked).url == f"{ADDRESS}#alert"
    channel = AlertChannel.objects.get(user=user)
    poll = f"{ADDRESS}alert/{channel.pk}/"
    assert f'hx-get="{poll}"' in client.get(ADDRESS).content.decode()
    assert "Sending a test" in words_of(client.get(poll, headers=HTMX))
    run_test(None, channel_id=channel.pk)  # type: ignore[arg-type]
    part = client.get(poll, headers=HTMX)
    assert part["HX-Retarget"] == "#alert"
    assert 'id="alert" class="step done"' in part.content.decode()
    assert "delivered" in words_of(part)
    assert [mail.to for mail in mailoutbox] == [["ada@example.org"]]
    client.post("/welcome/alert/", asked)
    assert AlertChannel.objects.count() == 1


def test_a_test_that_fails_says_why_and_ticks_nothing(
    client: Client, user: User, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    client.post("/welcome/alert/", {"alert-address": "ada@example.org"})
    channel = AlertChannel.objects.get(user=user)
    run_test(None, channel_id=channel.pk)  # type: ignore[arg-type]
    words = words_of(client.get(f"{ADDRESS}alert/{channel.pk}/", headers=HTMX))
    assert "The mail server did not answer." in words
    assert not find_steps(user).alert


def test_what_is_no_address_says_so_at_its_field(client: Client, user: User) -> None:
    answer = client.post("/welcome/alert/", {"alert-address": "ada"})
    errors = errors_at(answer, "alert_form")
    assert list(errors) == ["address"]
    assert "Must be one e-mail address" in errors["address"]
    assert not AlertChannel.objects.exists()


def test_without_mail_the_step_says_so_and_makes_no_channel_by_it(
    client: Client, user: User, settings: Settings
) -> None:
    settings.HAS_MAIL = False
    page = words_of(client.get(ADDRESS))
    assert "No e-mail: this site sends none" in page
    assert "MASTERTRADE_EMAIL_HOST" in page
    for given in ({}, {"alert-kind": "email"}):
        asked = {"alert-address": "ada@example.org", **given}
        errors = errors_at(client.post("/welcome/alert/", asked), "alert_form")
        assert list(errors) == ["kind"]
    assert not AlertChannel.objects.exists()


@pytest.mark.parametrize("kind", [ChannelKind.WEBHOOK, ChannelKind.TELEGRAM])
def test_without_mail_another_channel_is_made_and_tested_in_the_step(
    client: Client, user: User, settings: Settings, kind: ChannelKind
) -> None:
    settings.HAS_MAIL = False
    asked = {"alert-kind": kind, "alert-address": ADDRESSES[kind]}
    answer = client.post("/welcome/alert/", asked, follow=True)
    channel = AlertChannel.objects.get(user=user)
    assert (channel.kind, channel.waits_for_test) == (kind, True)
    page = answer.content.decode()
    assert "Sending a test" in page
    secret = decrypt(channel.secret) if channel.secret else None
    assert (secret is not None) is (kind == ChannelKind.WEBHOOK)
    if secret is not None:
        assert page.count(secret) == 1
        assert "no-store" in answer["Cache-Control"]
        assert secret not in client.get(ADDRESS).content.decode()
    client.post("/welcome/alert/", asked)
    assert AlertChannel.objects.count() == 1


def test_without_mail_a_wrong_address_shows_at_its_field(
    client: Client, user: User, settings: Settings
) -> None:
    settings.HAS_MAIL = False
    asked = {"alert-kind": "webhook", "alert-address": "ada@example.org"}
    answer = client.post("/welcome/alert/", asked)
    assert list(errors_at(answer, "alert_form")) == ["address"]
    assert not AlertChannel.objects.exists()


def test_a_test_of_another_users_channel_is_not_found(
    client: Client, user: User
) -> None:
    channel = make_channel(UserFactory())
    answer = client.get(f"{ADDRESS}alert/{channel.pk}/", headers=HTMX)
    assert answer.status_code == 404


# The page.


def test_it_asks_as_much_whatever_there_is(client: Client, user: User) -> None:
    def add(number: int) -> None:
        portfolio = create_portfolio(
            user=user,
            name=f"p{number}",
            opening_balance=Decimal(100),
            now=timezone.now(),
        )
        set_goal(user, portfolio)
        book_profit(portfolio, Decimal(1), timezone.now())
        issue_token(user=user)
        channel = make_channel(user)
        AlertChannel.objects.filter(pk=channel.pk).update(test_asked_at=timezone.now())
        create_job(user=user, kind=JobKind.IMPORT, arguments={}, now=timezone.now())

    fund(user)
    add(1)
    client.get(ADDRESS)
    with CaptureQueriesContext(connection) as first:
        client.get(ADDRESS)
    for number in range(2, 6):
        add(number)
    with CaptureQueriesContext(connection) as second:
        client.get(ADDRESS)
    assert len(second) == len(first)


@pytest.mark.parametrize(
    "page",
    [
        "",
        "money/",
        "challenge/",
        "goal/",
        "goal/preview/",
        "import/",
        "demo/",
        "demo/remove/",
        "jobs/1/",
        "token/",
        "alert/",
        "alert/1/",
    ],
)
def test_whoever_is_not_signed_in_is_asked_to(client: Client, page: str) -> None:
    if page in {"", "jobs/1/", "alert/1/"}:
        assert client.get(ADDRESS + page).url == f"/login/?next={ADDRESS}{page}"
    else:
        sent = client.post(ADDRESS + page, headers={"Referer": FROM})
        assert sent.url == f"/login/?next={ADDRESS}money/"
