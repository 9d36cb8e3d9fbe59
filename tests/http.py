"""Calling the API in tests: clients, a trader with one of everything, the schema."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import uuid4

import pytest
import pytest_django
from django.apps import apps
from django.core.cache import cache as throttle_cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.urls import Resolver404
from django.utils import timezone
from django.utils.html import strip_tags
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient, ForceAuthClientHandler
from rest_framework.throttling import SimpleRateThrottle

from goals.decisions.policies import PolicyName
from goals.enums import ChannelKind, GoalType, PortfolioKind
from goals.models import ApiToken, GoalAlert, User
from goals.services.goals import create_goal
from goals.services.portfolios import create_portfolio, record_cash_flow
from goals.services.resuming import halt_trading, resume_trading
from goals.tests.channel_factories import make_channel, make_delivery
from goals.tests.factories import UserFactory
from strategies.services import create_strategy
from trades.booking.close import close_trade
from trades.booking.open import open_trade, record_closed_trade
from trades.enums import JobKind, Side
from trades.freqtrade.tokens import issue_webhook
from trades.importing.mapped.mapping import read_mapping
from trades.models import GrowthRecord, ImportMapping, ReplayRun, TradeImport, UserJob
from trades.replay.records import EquityPoint, ReplayResult
from trades.replay.report import InstrumentReport, ReplayReport, build_report
from trades.replay.storing import report_to_dict
from trades.services.jobs import create_job
from trades.services.mappings import save_mapping
from trades.sizing_calls.decide import select_strategy, size_for_goal

PASSWORD = "correct horse battery"
TRANSACTION_CONTROL = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


@pytest.fixture(autouse=True)
def unthrottled(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test is slowed down by another's requests, nor by its own."""
    throttle_cache.clear()
    unlimited = dict.fromkeys(SimpleRateThrottle.THROTTLE_RATES)
    monkeypatch.setattr(SimpleRateThrottle, "THROTTLE_RATES", unlimited)


def client_of(user: User) -> APIClient:
    """A client with a token; an exception in a view is an answer of 500.

    The token was used just now, so that its next use is not written down.
    """
    _, token = ApiToken.objects.create(user=user, last_used_at=timezone.now())
    return client_with(f"Token {token}")


class DescribedClient(APIClient):
    """Every answer's status, and a refusal's code, must be in the API's description."""

    def request(self, **kwargs: Any) -> Any:
        answer: Any = super().request(**kwargs)
        try:
            route: str = answer.resolver_match.route
        except Resolver404:  # no address of ours
            return answer
        if answer.status_code < 500:
            path = "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", route)
            name = f"{kwargs['REQUEST_METHOD']} {path}"
            if name in operations():
                assert_described(operations()[name], answer)
        return answer


def assert_described(operation: "Operation", answer: Any) -> None:
    responses = operation.description["responses"]
    status = str(answer.status_code)
    assert status in responses, f"{operation} answered {status}: {answer.content[:300]}"
    if answer.status_code < 401 or not answer.content:
        return
    given = answer.json()
    described = responses[status]["content"]["application/json"]["schema"]
    allowed = described["properties"]["code"]["enum"]
    assert given["code"] in allowed, f"{operation} answered {status} {given}"


def client_with(authorization: str | None = None) -> APIClient:
    client = DescribedClient(raise_request_exception=False)
    client.handler = shared_handler()
    if authorization is not None:
        client.credentials(HTTP_AUTHORIZATION=authorization)
    return client


@cache
def shared_handler() -> ForceAuthClientHandler:
    """One for all clients: each would look through all static files anew."""
    return ForceAuthClientHandler(enforce_csrf_checks=False)


@dataclass(frozen=True)
class Trader:
    """A user, a client with their token, and the keys of what they have."""

    user: User
    client: APIClient
    ids: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.ids[name]

    def get(self, path: str, **parameters: Any) -> Any:
        return read(self.client.get(self.address(path), parameters), 200)

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        return read(self.client.post(self.address(path), body), status)

    def patch(self, path: str, body: Any, status: int = 200) -> Any:
        return read(self.client.patch(self.address(path), body), status)

    def address(self, path: str) -> str:
        return path.format(**self.ids)

    def for_one_test(self) -> "Trader":
        """The same rows; what is no row (the client, the keys) is a copy."""
        ApiToken.objects.filter(user=self.user, last_used_at__isnull=False).update(
            last_used_at=timezone.now()
        )
        client = client_with(self.client._credentials["HTTP_AUTHORIZATION"])
        return Trader(copy(self.user), client, dict(self.ids))


def read(response: Any, status: int) -> Any:
    """The answer's JSON, which came with the status expected."""
    assert response.status_code == status, (response.status_code, response.content)
    return response.json() if response.content else None


def made_once(make: Callable[[], Any]) -> Any:
    """A fixture of what is made for all tests of a module, such as a trader.

    Its rows are in a transaction around those of the tests, which undo their own:
    so a test with `transaction=True` must be in another module.
    """

    @pytest.fixture(scope="module")
    def made(
        request: pytest.FixtureRequest,
        django_db_setup: None,
        django_db_blocker: pytest_django.DjangoDbBlocker,
    ) -> Iterator[Any]:
        mine = [one for one in request.session.items if one.path == request.path]
        marks = [mark for one in mine for mark in one.iter_markers("django_db")]
        assert not any(mark.kwargs.get("transaction") for mark in marks), request.path
        around = transaction.atomic()
        around._from_testcase = True  # type: ignore[attr-defined]
        with django_db_blocker.unblock():
            around.__enter__()
            once = make()
        yield once
        with django_db_blocker.unblock():
            transaction.set_rollback(True)
            around.__exit__(None, None, None)

    return made


def make_newcomer(**fields: Any) -> Trader:
    """A user with nothing but `main`."""
    user = UserFactory(password=PASSWORD, **fields)
    return Trader(user, client_of(user), {})


def make_trader(**fields: Any) -> Trader:
    """A funded portfolio `crypto` with a goal of 5 %, two strategies, a channel."""
    trader = make_newcomer(**fields)
    user, now = trader.user, timezone.now()
    strategy, _ = (
        create_strategy(
            user=user, strategy_id=f"{word}_001", strategy_type=word, now=now
        )
        for word in ("momentum", "mean_reversion")
    )
    portfolio = create_portfolio(
        user=user,
        name="crypto",
        currency="USDT",
        opening_balance=Decimal(1000),
        now=now,
    )
    goal = create_goal(
        user=user,
        goal_type=GoalType.MONTHLY_RETURN,
        target_value=Decimal(5),
        portfolio=portfolio.portfolio_id,
        as_of=now,
    )
    # No alert of a test goes there.
    channel = make_channel(user, ChannelKind.WEBHOOK, kinds=["drift"])
    make_delivery(channel)
    trader.ids.update(
        channel_id=channel.pk,
        portfolio_id=portfolio.portfolio_id,
        goal_id=goal.goal_id,
        strategy_id=strategy.strategy_id,
        strategy_pk=strategy.pk,
    )
    return trader


def make_busy_trader(**fields: Any) -> Trader:
    """Besides: a cash flow, decisions, trades, another token, a replay."""
    trader = make_trader(**fields)
    user, now = trader.user, timezone.now()
    of_portfolio = {"user": user, "portfolio": trader["portfolio_id"], "now": now}
    of_goal = {"user": user, "goal_id": trader["goal_id"], "now": now}
    halted = {"user": user, "portfolio_id": trader["portfolio_id"], "now": now}
    halt_trading(reason="a look", **halted)
    resume_trading(**halted)
    flow, _ = record_cash_flow(amount=Decimal(500), **of_portfolio)
    decision, _ = size_for_goal(base_size=Decimal(1000), **of_goal)
    select_strategy(**of_goal)
    bought: dict[str, Any] = {
        "strategy_id": "momentum_001",
        "symbol": "BTCUSDT",
        "side": Side.LONG,
        "quantity": Decimal("0.02"),
        "entry_price": Decimal(50000),
    }
    trade, _ = open_trade(**bought, **of_portfolio)
    close_trade(
        user=user,
        trade_id=trade.trade_id,
        exit_price=Decimal(50010),
        quantity=Decimal("0.005"),
        now=now,
    )
    record_closed_trade(exit_price=Decimal(50010), **bought, **of_portfolio)
    imported = TradeImport.objects.create(
        user=user,
        portfolio_id=trader["portfolio_id"],
        format="mastertrade-json",
        file_name="trades.json",
        content_sha256="1" * 64,
        created_count=0,
        known_count=0,
        refused_count=0,
        created_at=now,
        created_by=user.username,
    )
    mapping = make_mapping(user)
    token, _ = ApiToken.objects.create(user=user)
    webhook, secret = issue_webhook(
        user=user,
        now=now,
        bot="freqtrade",
        strategy_id="momentum_001",
        portfolio=trader["portfolio_id"],
    )
    replay = make_replay(user)
    job = make_job(user)
    trader.ids.update(
        adjustment_id=decision.adjustment_id,
        trade_id=trade.trade_id,
        cash_flow_id=flow.cash_flow_id,
        token_key=token.token_key,
        webhook_id=webhook.webhook_id,
        import_id=imported.pk,
        mapping_id=mapping.pk,
        token=secret,
        replay_id=replay.pk,
        job_id=job.pk,
        alert_id=GoalAlert.objects.filter(user=user).earliest("pk").pk,
        simulated=replay.policy_portfolio_id,
    )
    return trader


FILLS_BY_NAME = {
    "kind": "fills",
    "columns": {"When": "time", "What": "symbol", "Qty": "quantity", "At": "price"},
    "signed": True,
    "quote_currency": "USD",
}


def make_mapping(user: User, name: str = "My broker") -> ImportMapping:
    mapping = read_mapping(FILLS_BY_NAME)
    return save_mapping(user=user, name=name, mapping=mapping, now=timezone.now())[0]


def make_replay(
    user: User,
    symbol: str = "TEST",
    kind: PortfolioKind = PortfolioKind.SIMULATION,
) -> ReplayRun:
    """The rows of a replay that traded nothing."""
    policy, constant = (
        create_portfolio(
            user=user,
            name=f"replay {symbol} {half} {uuid4().hex[:8]}",
            kind=kind,
            opening_balance=Decimal(1000),
            now=timezone.now(),
        )
        for half in ("ladder", "factor 1.0")
    )
    return ReplayRun.objects.create(
        user=user,
        policy_portfolio=policy,
        constant_portfolio=constant,
        symbol=symbol,
        parameters_digest="0" * 64,
        report=report_to_dict(ReplayReport((idle_report(symbol),))),
        created_at=timezone.now(),
    )


def idle_report(symbol: str) -> InstrumentReport:
    """Two days without a signal."""
    now, equity = timezone.now(), Decimal(1000)
    result = ReplayResult(
        symbol=symbol,
        bars=2,
        opening_equity=equity,
        decisions=(),
        trades=(),
        equity=tuple(
            EquityPoint(now - timedelta(days=days), equity, equity) for days in (1, 0)
        ),
        unfunded_signals=0,
    )
    return build_report(
        goal_type=GoalType.MONTHLY_RETURN,
        target_value=Decimal(5),
        policy=PolicyName.LADDER,
        policy_result=result,
        policy_goals=(),
        constant_result=result,
        constant_goals=(),
    )


def make_job(user: User) -> UserJob:
    """One that waits; nothing came with it."""
    return create_job(
        user=user,
        kind=JobKind.COMPARISON,
        arguments={"case": "no-edge"},
        now=timezone.now(),
    )


def open_body(**fields: Any) -> dict[str, Any]:
    return {
        "portfolio": "crypto",
        "strategy_id": "momentum_001",
        "symbol": "BTCUSDT",
        "side": "LONG",
        "quantity": "0.02",
        "entry_price": "50000",
        **fields,
    }


def ago(**period: float) -> str:
    return (timezone.now() - timedelta(**period)).isoformat()


def our_models() -> list[Any]:
    ours = {"goals", "strategies", "trades"}
    return [one for one in apps.get_models() if one._meta.app_label in ours]


def rows_of(user: User | None = None) -> dict[str, list[Any]]:
    """Every row of every table of ours; of one user, where the table names one."""
    rows = {}
    for model in our_models():
        found = model._default_manager.order_by("pk")
        if user is not None and any(f.name == "user" for f in model._meta.fields):
            found = found.filter(user=user)
        rows[model._meta.db_table] = list(found.values())
    return rows


def spaced(text: str) -> str:
    """With plain spaces where a line may not break."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def words(page: str) -> str:
    """What a page says, without its elements."""
    return " ".join(strip_tags(page.replace("<", " <")).split())


@contextmanager
def nothing_changes(*but: type[Model]) -> Iterator[None]:
    """But for stored growth records: a cache that whoever reads fills."""
    before = all_rows()
    yield
    after = all_rows()
    apart = {model._meta.db_table: None for model in (GrowthRecord, *but)}
    assert after | apart == before | apart


def all_rows() -> dict[str, list[str]]:
    """Every row of every table of ours as PostgreSQL prints it, in one statement."""
    tables = [model._meta.db_table for model in our_models()]
    arrays = [f'ARRAY(SELECT t::text FROM "{t}" AS t ORDER BY 1)' for t in tables]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(arrays))
        return dict(zip(tables, cursor.fetchone(), strict=True))


def without_alerts(statements: list[str]) -> list[str]:
    """Those that write no alert: the first of its kind is one statement more."""
    return [one for one in statements if "goal_alerts" not in one]


@contextmanager
def count_statements() -> Iterator[list[str]]:
    """The statements that were sent, transaction control apart."""
    statements: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield statements
    statements += [
        query["sql"]
        for query in captured.captured_queries
        if not query["sql"].startswith(TRANSACTION_CONTROL)
    ]


# The token in the address says who it is; nobody is signed in.
KEYED_BY_ADDRESS = {"POST /api/webhooks/freqtrade/{token}/"}
# Whoever is not signed in may send a body here.
ANYBODYS = {*KEYED_BY_ADDRESS, "POST /api/tokens/"}


@dataclass(frozen=True)
class Operation:
    """One method at one path, as the schema describes it."""

    method: str
    path: str
    description: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def is_list(self) -> bool:
        return any(one["name"] == "page" for one in self.parameters)

    @property
    def parameters(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = self.description.get("parameters", [])
        return listed

    @property
    def query(self) -> dict[str, dict[str, Any]]:
        asked = [p for p in self.parameters if p["in"] == "query"]
        return {p["name"]: resolve(p["schema"]) for p in asked}

    @property
    def body(self) -> dict[str, dict[str, Any]]:
        """The fields of the request's body, references to other parts resolved."""
        if "requestBody" not in self.description:
            return {}
        content = self.description["requestBody"]["content"]
        if "application/json" not in content:
            return {}  # a file: see `UPLOADS`
        described = resolve(content["application/json"]["schema"])
        # One of something or a list of it: the one has the fields.
        fields = resolve(described.get("oneOf", [described])[0]).get("properties", {})
        return {name: resolve(field) for name, field in fields.items()}

    @property
    def examples(self) -> dict[str, Any]:
        content = self.description["requestBody"]["content"]["application/json"]
        return {
            name: example["value"]
            for name, example in content.get("examples", {}).items()
        }


@cache
def schema() -> dict[str, Any]:
    described: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return described


@cache
def operations() -> dict[str, Operation]:
    """Every operation of the API, by method and path."""
    found = [
        Operation(method.upper(), path, description)
        for path, methods in schema()["paths"].items()
        for method, description in methods.items()
        if method in {"get", "post", "put", "patch", "delete"}
    ]
    return {str(operation): operation for operation in found}


def resolve(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the schema with what it refers to written out."""
    if "anyOf" in part:  # the first is what the others mean
        return resolve(part["anyOf"][0])
    merged = {key: value for key, value in part.items() if key != "allOf"}
    for other in part.get("allOf", []):
        merged |= resolve(other)
    if "$ref" in merged:
        name = merged.pop("$ref").rpartition("/")[2]
        merged |= resolve(schema()["components"]["schemas"][name])
    return merged


@dataclass(frozen=True)
class Upload:
    """A file with what is said of it, sent as a form."""

    content: bytes
    fields: dict[str, str]
    name: str = "trades.csv"

    def form(self) -> dict[str, Any]:
        return {"file": SimpleUploadedFile(self.name, self.content), **self.fields}


def send(client: APIClient, method: str, path: str, body: Any = None) -> Any:
    """Send a body as it is: text stays text, anything else becomes JSON."""
    if isinstance(body, Upload):
        return client.post(path, body.form(), format="multipart")
    if isinstance(body, (str, bytes)):
        return client.generic(method, path, body, content_type="application/json")
    return getattr(client, method.lower())(path, body)
