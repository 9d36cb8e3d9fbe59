"""/metrics and the ids of requests: who may read, what is counted, what it costs."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from goals.services.resuming import halt_trading
from mastertrade.db.queue import defer, read_queues
from mastertrade.logs import REQUEST_ID
from mastertrade.site.metrics import answer_metrics
from mastertrade.tests.schema import execute
from mastertrade.web.metrics import is_id
from tests.http import make_trader, unthrottled  # noqa: F401


def read(client: Client | None = None) -> dict[tuple[str, ...], float]:
    """Each sample by its name and its labels' values, sorted by their names."""
    answer = (client or Client()).get("/metrics")
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"].startswith("text/plain; version=")
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): value
        for family in text_string_to_metric_families(answer.content.decode())
        for sample in family.samples
        for value in [sample.value]
    }


@pytest.mark.django_db
def test_requests_are_counted_by_route_method_and_status_with_their_durations() -> None:
    route = "/api/goals/<int:goal_id>/"
    before = read()
    for number in (1, 2, 3):
        Client().get(f"/api/goals/{number}/")
    Client().get("/api/goals/no/such/")
    Client().generic("BREW", "/api/goals/1/")
    after = read()

    def more(*key: str) -> float:
        return after[key] - before.get(key, 0)

    assert more("mastertrade_requests_total", "GET", "401", route) == 3
    assert more("mastertrade_requests_total", "GET", "404", "none") == 1
    assert more("mastertrade_request_seconds_count", route) == 4
    assert [key for key in after if "other" in key] != []
    assert not [key for key in after if "/metrics" in key or "BREW" in key]


@pytest.mark.django_db
def test_decisions_are_counted_by_verdict() -> None:
    trader = make_trader()
    before = read().get(("mastertrade_decisions_total", "allow"), 0)
    body = {"portfolio": trader["portfolio_id"], "base_size": "10"}
    assert trader.post("/api/sizing/", body)["verdict"] == "allow"
    assert read()["mastertrade_decisions_total", "allow"] == before + 1


@pytest.mark.django_db
def test_what_waits_in_the_queue_is_counted_with_the_age_of_the_oldest() -> None:
    for _ in range(3):
        defer("daily", timestamp=0)
    execute(
        "UPDATE procrastinate_events SET at = at - interval '90 s'"
        " WHERE job_id = (SELECT min(id) FROM procrastinate_jobs)"
    )
    execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) VALUES"
        " ('quick', 'later', now() + interval '1 h')"
    )
    found = read()
    assert found["mastertrade_jobs", "turn", "todo"] == 3
    assert 90 <= found["mastertrade_oldest_job_seconds", "turn"] < 120
    # It is not due yet.
    assert found["mastertrade_jobs", "quick", "todo"] == 1
    assert found["mastertrade_oldest_job_seconds", "quick"] == 0


@pytest.mark.django_db
def test_the_oldest_job_is_as_old_as_the_admin_says() -> None:
    """One was tried before and is due again; one was deferred long ago, and later."""
    execute(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, scheduled_at) VALUES"
        " ('quick', 'tried', now() - interval '200 s'),"
        " ('quick', 'deferred', NULL), ('quick', 'later', now() + interval '1 h')"
    )
    execute("UPDATE procrastinate_events SET at = at - interval '90 s'")
    (queue,) = read_queues()
    assert (queue.waiting, queue.later) == (2, 1)
    assert queue.oldest is not None
    age = read()["mastertrade_oldest_job_seconds", "quick"]
    assert 200 <= age < 220
    assert abs((timezone.now() - queue.oldest).total_seconds() - age) < 10


@pytest.mark.django_db
def test_workers_count_while_they_show_life() -> None:
    execute(
        "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now()),"
        " (now() - interval '29 s'), (now() - interval '31 s')"
    )
    assert read()["mastertrade_workers",] == 2


@pytest.mark.django_db
def test_halts_in_force_are_counted_by_cause() -> None:
    trader = make_trader()
    halt_trading(
        user=trader.user,
        portfolio_id=trader["portfolio_id"],
        reason="a pause",
        now=timezone.now(),
    )
    assert read()["mastertrade_halts", "person"] == 1


def refuse(*args: Any, **kwargs: Any) -> None:
    raise OperationalError("the database is away")


def test_without_a_database_the_rest_is_answered(monkeypatch) -> None:
    monkeypatch.setattr(connection, "cursor", refuse)
    monkeypatch.setattr(connection, "connect", refuse)
    monkeypatch.setattr(connection, "ensure_connection", refuse)
    found = read()
    assert found["mastertrade_database_up",] == 0
    assert not [key for key in found if key[0] == "mastertrade_jobs"]


@pytest.mark.django_db
def test_it_takes_as_many_statements_as_it_has_measures(
    django_assert_max_num_queries: Any,
) -> None:
    with django_assert_max_num_queries(5 + 2):
        assert read()["mastertrade_database_up",] == 1


FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via")


@pytest.mark.parametrize(
    "request_of",
    [
        {"REMOTE_ADDR": "10.0.0.7"},
        {"REMOTE_ADDR": "::ffff:10.0.0.7"},
        {"REMOTE_ADDR": ""},  # a Unix socket
        *({"headers": {name: "127.0.0.1"}} for name in FORWARDED),
    ],
)
def test_nobody_else_reads_it(request_of: dict[str, Any], settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.7", "127.0.0.1"]
    answer = Client().get("/metrics", **request_of)
    assert answer.status_code == 403
    assert b"MASTERTRADE_METRICS_TOKEN" in answer.content
    assert b"mastertrade_requests" not in answer.content


@pytest.mark.django_db
def test_whoever_has_the_token_reads_it_and_nobody_else(settings) -> None:
    settings.METRICS_TOKEN = "of-the-operator"
    far = {"REMOTE_ADDR": "10.0.0.7"}
    for sent in ({}, {"Authorization": "Bearer of-another"}, {"Authorization": "\xe9"}):
        assert Client().get("/metrics", headers=sent).status_code == 403
    right = {"Authorization": "Bearer of-the-operator"}
    assert Client().get("/metrics", headers=right, **far).status_code == 200


@pytest.mark.django_db
def test_hosts_and_https_are_not_asked_for(settings) -> None:
    """A scraper asks by address, in the clear."""
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["mastertrade.example"]
    assert Client(headers={"host": "10.0.0.1:8000"}).get("/metrics").status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("host", "status"),
    [
        (None, 200),
        ("localhost:8000", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("mastertrade.example", 200),
        ("evil.example", 403),
        ("evil.example:8000", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost:8000@evil.example", 403),
        ("", 403),
        ("[", 403),
    ],
)
def test_this_machine_is_asked_by_a_name_of_its_own(
    settings, host: str | None, status: int
) -> None:
    """A page in a browser may give a name of its own this machine's address."""
    settings.ALLOWED_HOSTS = ["mastertrade.example"]
    factory = RequestFactory()
    request = factory.get("/metrics", headers={} if host is None else {"host": host})
    answer = answer_metrics(lambda request: HttpResponse(status=500))(request)
    assert answer.status_code == status


@pytest.fixture
def logged() -> Iterator[list[tuple[str, str | None]]]:
    """What is logged of requests, with the id that it has meanwhile."""
    seen: list[tuple[str, str | None]] = []
    logger = logging.getLogger("mastertrade.requests")
    handler = logging.Handler()
    handler.emit = lambda record: seen.append((record.getMessage(), REQUEST_ID.get()))
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel("INFO")
    yield seen
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.mark.django_db
def test_each_request_has_an_id_in_its_answer_and_in_the_logs(logged: Any) -> None:
    answers = [Client().get("/api/goals/") for _ in range(2)]
    ids = [answer["X-Request-ID"] for answer in answers]
    assert len(set(ids)) == 2
    assert all(map(is_id, ids))
    assert [one for _, one in logged] == ids
    assert logged[0][0].startswith("GET /api/goals/ 401 in ")
    assert REQUEST_ID.get() is None


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("sent", "peer", "is_taken"),
    [
        ("of-the-proxy-1", "127.0.0.1", True),
        ("of-the-proxy-1", "10.9.9.9", False),
        ('x"\nforged: 1', "127.0.0.1", False),
        ("short", "127.0.0.1", False),
        ("a" * 65, "127.0.0.1", False),
    ],
)
def test_a_trusted_proxy_names_the_request(
    settings, sent: str, peer: str, is_taken: bool
) -> None:
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    answer = Client().get("/login/", REMOTE_ADDR=peer, HTTP_X_REQUEST_ID=sent)
    assert (answer["X-Request-ID"] == sent) == is_taken
