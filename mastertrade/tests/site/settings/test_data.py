"""One's own data: downloaded whole, and deleted."""

import csv
import io
import json
import tracemalloc
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.apps import apps
from django.conf import LazySettings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from goals.enums import PortfolioKind
from goals.models import AlertChannel, LedgerDay, Portfolio, User
from goals.services.invitations import accept_invitation, invite
from goals.services.sign_ins import issue_token
from goals.tests.factories import PortfolioFactory, UserFactory
from tests.http import PASSWORD, made_once, make_busy_trader
from trades.models import ReplayRun, UserJob
from trades.models.user_jobs import ENDED
from trades.services.own_data import (
    APPS,
    LEFT_OUT,
    SECRETS,
    own_models,
    owner_of,
    stream_own_data,
)
from trades.tests.factories import book_profit

pytestmark = pytest.mark.django_db
DATA, EXPORT = reverse("site:data"), reverse("site:export")
SIMULATIONS = reverse("site:simulations-delete")
ACCOUNT = reverse("site:account-delete")


def two_traders() -> tuple[Any, Any]:
    traders = make_busy_trader(), make_busy_trader()
    for one in traders:
        issue_token(user=one.user)
        invite(by=one.user, days=3, now=timezone.now())
    return traders


traders = made_once(two_traders)


@pytest.fixture
def pair(traders: tuple[Any, Any], client: Client) -> tuple[User, User]:
    ada, eve = (User.objects.get(pk=one.user.pk) for one in traders)
    client.force_login(ada)
    return ada, eve


def tables_of(zipped: bytes) -> dict[str, list[dict[str, str]]]:
    archive = ZipFile(io.BytesIO(zipped))
    assert archive.testzip() is None
    return {
        name.removesuffix(".csv"): list(
            csv.DictReader(io.StringIO(archive.read(name).decode(), newline=""))
        )
        for name in archive.namelist()
        if name.endswith(".csv")
    }


def test_the_zip_has_the_day_of_the_one_who_asks(client: Client) -> None:
    names = []
    for zone in ("Etc/GMT-14", "Etc/GMT+12"):  # never the same day
        client.force_login(UserFactory(time_zone=zone))
        names.append(client.post(EXPORT)["Content-Disposition"])
    assert names[0] > names[1]


def download(client: Client) -> bytes:
    answer = client.post(EXPORT)
    assert answer["Content-Type"] == "application/zip"
    assert answer["Content-Disposition"].startswith('attachment; filename="mastertrade')
    content: bytes = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    return content


def counts(user: User) -> dict[str, int]:
    return {
        one._meta.db_table: one._default_manager.filter(
            **{owner_of(one): user.username}
        ).count()
        for one in own_models()
    }


def delete_account(client: Client, password: str = PASSWORD) -> Any:
    return client.post(ACCOUNT, {"password": password})


def end_jobs() -> None:
    UserJob.objects.exclude(state__in=ENDED).delete()


# Downloading


def test_every_table_is_exported_or_named_as_left_out() -> None:
    models = {one for app in APPS for one in apps.get_app_config(app).get_models()}
    assert models == {*own_models(), *LEFT_OUT}
    for model in own_models():
        assert owner_of(model)


def test_the_zip_has_every_row_of_one_s_own_and_nobody_else_s(
    client: Client, pair: tuple[User, User]
) -> None:
    ada, eve = pair
    expected = counts(ada)
    assert sum(count > 0 for count in expected.values()) > 15
    tables = tables_of(download(client))
    assert {name: len(rows) for name, rows in tables.items()} == expected
    content = download(client)
    text = "".join(
        ZipFile(io.BytesIO(content)).read(name).decode()
        for name in ZipFile(io.BytesIO(content)).namelist()
    )
    assert ada.username in text
    assert eve.username not in text


def test_figures_are_exact_and_the_account_is_there(
    client: Client, pair: tuple[User, User]
) -> None:
    ada, _ = pair
    content = download(client)
    by_key = {row["trade_id"]: row for row in tables_of(content)["trades"]}
    trade = ada.trades.filter(status="closed").first()  # type: ignore[attr-defined]
    row = by_key[str(trade.pk)]
    assert Decimal(row["profit_loss"]) == trade.profit_loss
    assert row["entry_time"].endswith("Z")
    account = json.loads(ZipFile(io.BytesIO(content)).read("account.json"))
    assert account["username"] == ada.username
    assert "password" not in account


def test_no_secret_is_in_the_zip(client: Client, pair: tuple[User, User]) -> None:
    ada, _ = pair
    content = download(client)
    archive = ZipFile(io.BytesIO(content))
    text = "".join(archive.read(name).decode() for name in archive.namelist())
    for model, names in SECRETS.items():
        mine = model._default_manager.filter(**{owner_of(model): ada.username})
        values = [value for row in mine.values_list(*names) for value in row if value]
        assert values, model
        assert not [value for value in values if value in text], model
    assert AlertChannel.objects.filter(user=ada).get().masked_address in text
    assert ada.password not in text


def test_what_a_spreadsheet_would_run_is_text(client: Client) -> None:
    user = UserFactory()
    PortfolioFactory(user=user, name="=cmd|' /C calc'!A0")
    client.force_login(user)
    names = [row["name"] for row in tables_of(download(client))["portfolios"]]
    assert names == ["main", "'=cmd|' /C calc'!A0"]


def test_the_export_holds_a_constant_number_of_rows_in_memory() -> None:
    user = UserFactory()
    main = user.portfolios.get()

    def peak_with(days: int) -> int:
        begun = LedgerDay.objects.filter(portfolio=main).count()
        start = timezone.now().date() - timedelta(days=20_000)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO ledger_days SELECT (jsonb_populate_record("
                "NULL::ledger_days, to_jsonb(d) || jsonb_build_object("
                "'ledger_day_id', 1000000 + n, 'portfolio_id', %s::bigint,"
                " 'day', %s::date + n))).* "
                "FROM (SELECT * FROM ledger_days LIMIT 1) d, "
                "generate_series(%s::int, %s::int) n",
                [main.pk, start, begun, begun + days - 1],
            )
        assert LedgerDay.objects.filter(portfolio=main).count() == begun + days
        tracemalloc.start()
        size = sum(len(one) for one in stream_own_data(user, timezone.now()))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert size > days
        return peak

    book_profit(PortfolioFactory(), Decimal(5))  # a day to copy
    first = peak_with(1200)
    assert peak_with(2400) < 1.1 * first


def test_the_download_takes_a_post_of_the_page(client: Client) -> None:
    user = UserFactory()
    client.force_login(user)
    assert client.get(EXPORT).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(user)
    for address in (EXPORT, SIMULATIONS, ACCOUNT):
        assert strict.post(address).status_code == 403
        assert Client().post(address)["Location"].startswith("/login/")
    assert User.objects.filter(pk=user.pk).exists()


# Deleting


def test_all_simulations_go_and_live_portfolios_stay(
    client: Client, pair: tuple[User, User]
) -> None:
    ada, eve = pair
    PortfolioFactory(user=ada, kind=PortfolioKind.DEMO)
    live = Portfolio.objects.filter(user=ada, kind=PortfolioKind.LIVE)
    kept, theirs = set(live.values_list("pk", flat=True)), counts(eve)
    assert "simulated portfolio" in client.get(DATA).content.decode()
    client.post(SIMULATIONS)
    left = Portfolio.objects.filter(user=ada).values_list("pk", flat=True)
    assert set(left) == kept
    assert not ReplayRun.objects.filter(user=ada).exists()
    assert counts(eve) == theirs
    assert "You have none." in client.get(DATA).content.decode()


def test_many_simulations_go_a_part_at_a_time(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trades.services.accounts.SIMULATIONS_AT_ONCE", 2)
    user = UserFactory()
    client.force_login(user)
    for _ in range(3):
        PortfolioFactory(user=user, kind=PortfolioKind.DEMO)
    page = client.post(SIMULATIONS, follow=True).content.decode()
    assert "Deleted: 2 simulated portfolios. 1 are left: delete again." in page
    assert "Deleted: 1 simulated portfolio." in (
        client.post(SIMULATIONS, follow=True).content.decode()
    )


def test_the_account_goes_with_every_row_and_nothing_of_others(
    client: Client, pair: tuple[User, User]
) -> None:
    ada, eve = pair
    end_jobs()
    theirs = counts(eve)
    assert sum(counts(ada).values()) > 30
    answer = delete_account(client)
    assert answer["Location"] == reverse("site:login")
    assert not User.objects.filter(pk=ada.pk).exists()
    assert not any(counts(ada).values())
    assert counts(eve) == theirs
    assert client.get(DATA).status_code == 302


@pytest.mark.parametrize("password", ["", "wrong"])
def test_it_takes_the_password(client: Client, password: str) -> None:
    user = UserFactory(password=PASSWORD)
    client.force_login(user)
    answer = delete_account(client, password)
    assert answer.status_code == 422
    assert "data-open" in answer.content.decode()
    assert User.objects.filter(pk=user.pk).exists()


def test_the_last_superuser_stays(client: Client) -> None:
    root = UserFactory(password=PASSWORD, is_superuser=True, is_staff=True)
    client.force_login(root)
    answer = delete_account(client)
    assert answer.status_code == 422
    assert "the only one who may administer" in answer.content.decode()
    UserFactory(is_superuser=True)
    assert delete_account(client).status_code == 302
    assert not User.objects.filter(pk=root.pk).exists()


def test_while_a_job_runs_it_stays(client: Client, pair: tuple[User, User]) -> None:
    ada, _ = pair
    assert UserJob.objects.filter(user=ada).exclude(state__in=ENDED).exists()
    answer = delete_account(client)
    assert answer.status_code == 422
    assert "A job of yours waits or runs" in answer.content.decode()
    assert User.objects.filter(pk=ada.pk).exists()


def test_the_files_of_jobs_go_too(
    client: Client,
    settings: LazySettings,
    tmp_path: Path,
    django_capture_on_commit_callbacks: Any,
) -> None:
    settings.JOB_FILES = tmp_path
    user = UserFactory(password=PASSWORD)
    directory = tmp_path / ("a" * 32)
    directory.mkdir()
    now = timezone.now()
    UserJob.objects.create(
        user=user,
        kind="replay",
        state="cancelled",
        arguments={},
        directory=directory.name,
        created_at=now,
        finished_at=now,
    )
    client.force_login(user)
    with django_capture_on_commit_callbacks(execute=True):
        delete_account(client)
    assert not directory.exists()


def test_who_was_invited_leaves_no_name_behind(client: Client) -> None:
    root = UserFactory(is_superuser=True)
    _, token = invite(by=root, days=3, now=timezone.now())
    bob = accept_invitation(
        token=token, username="bob", password=PASSWORD, now=timezone.now()
    )
    client.force_login(bob)
    delete_account(client)
    assert not root.invitations.exists()


def test_the_page_has_a_constant_number_of_statements(
    client: Client, pair: tuple[User, User]
) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get(DATA)
    assert len(queries) <= 8
