"""What is sent, and refused, by the guarded process: against real receivers."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from goals.channels.channel import Message, NotSent
from goals.channels.guard import PRIVATE
from goals.channels.senders import ROOT, Senders
from goals.tests.channels.receivers import (
    free_port,
    http_receiver,
    make_certificate,
)
from mastertrade.values.exceptions import InvalidInput

SECRET = "correct-horse-battery-staple"
MESSAGE = Message(
    key="delivery-1",
    title="Trading is halted",
    text="Equity 800 USDT is at the floor.",
    html="<p>Equity</p>",
    data={"alerts": [{"kind": "halted", "figures": {"drawdown_pct": "20"}}]},
)


@pytest.fixture(scope="module")
def receiver():
    with http_receiver() as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_received(receiver):
    receiver.received.clear()


def senders_that_end(private_targets):
    senders = Senders(private_targets=private_targets)
    yield senders
    senders.end()


@pytest.fixture(scope="module")
def allowed():
    """Senders of an operator who allows private targets."""
    yield from senders_that_end(private_targets=True)


@pytest.fixture(scope="module")
def guarded():
    yield from senders_that_end(private_targets=False)


def post(senders, address, kind="webhook", seconds=10.0):
    secret = SECRET if kind == "webhook" else ""
    return senders.send(
        kind=kind, address=address, secret=secret, message=MESSAGE, seconds=seconds
    )


def failure(senders, address, kind="webhook", seconds=10.0):
    with pytest.raises(NotSent) as refused:
        post(senders, address, kind, seconds)
    return refused.value


def test_a_webhook_gets_the_alert_and_its_answer_is_shown(allowed, receiver):
    assert post(allowed, receiver.url()) == "The receiver answered 200: taken"
    (one,) = receiver.received
    body = json.loads(one.body)
    assert body["id"] == one.headers["x-mastertrade-id"] == "delivery-1"
    assert (body["title"], body["alerts"][0]["kind"]) == (MESSAGE.title, "halted")


def verification_code():
    """The receiver's code as docs/channels.md has it."""
    page = (ROOT / "docs/channels.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?def verify.*?)```", page, re.S)
    names = {}
    exec(block, names)
    return names["verify"]


def test_the_documented_code_verifies_a_signature(allowed, receiver):
    post(allowed, receiver.url())
    (one,) = receiver.received
    verify = verification_code()
    assert verify(SECRET, one.headers, one.body)
    assert not verify("another-secret-of-theirs", one.headers, one.body)
    assert not verify(SECRET, one.headers, one.body + b" ")
    old = one.headers | {"x-mastertrade-timestamp": str(int(time.time()) - 301)}
    assert not verify(SECRET, old, one.body)


@pytest.mark.parametrize(
    ("path", "words", "no_answer"),
    [
        ("error", "The receiver answered 500: out of order", False),
        ("gone", "The receiver answered 410", False),
        ("redirect", "answered 302, a redirect, which is not followed", False),
        ("half", "closed the connection before it had answered", True),
    ],
)
def test_what_is_no_success_is_not_sent(allowed, receiver, path, words, no_answer):
    found = failure(allowed, receiver.url(path))
    assert words in found.reason
    assert found.no_answer is no_answer
    assert [one.path for one in receiver.received] == [f"/{path}"]


def test_a_long_answer_is_shown_by_its_beginning_without_control_characters(
    allowed, receiver
):
    reason = failure(allowed, receiver.url("error")).reason
    assert len(reason) < 350
    assert reason.isprintable()


@pytest.mark.parametrize("path", ["slow", "trickle"])
def test_the_whole_of_a_delivery_is_limited_in_time(allowed, receiver, path):
    begin = time.monotonic()
    found = failure(allowed, receiver.url(path), seconds=0.7)
    assert "did not answer within 0.7 seconds" in found.reason
    assert found.no_answer
    assert time.monotonic() - begin < 2
    assert post(allowed, receiver.url()).endswith("taken")


def test_an_endless_answer_is_read_to_a_bound(allowed, receiver):
    assert post(allowed, receiver.url("endless")).endswith("aaa…")


def test_nobody_there_is_no_answer(allowed):
    found = failure(allowed, f"http://127.0.0.1:{free_port()}/")
    assert found.reason == "The receiver could not be connected to."
    assert found.no_answer


def test_an_unknown_name_is_no_answer(allowed):
    found = failure(allowed, "http://no-such-name.invalid/")
    assert found.reason == "The receiver could not be connected to."


# TLS


@pytest.mark.parametrize(
    ("named", "trusted", "taken"),
    [
        ("127.0.0.1", True, True),
        ("127.0.0.1", False, False),
        ("elsewhere.example", True, False),
    ],
    ids=["right", "signed by nobody", "of another name"],
)
def test_the_certificate_of_a_receiver_is_verified(
    monkeypatch, tmp_path, named, trusted, taken
):
    context, path = make_certificate(tmp_path, named)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(path))
    senders = Senders(private_targets=True)
    with http_receiver(context) as secure:
        if taken:
            assert post(senders, secure.url()).endswith("taken")
        else:
            found = failure(senders, secure.url())
            assert "certificate could not be verified" in found.reason
            assert secure.received == []
    senders.end()


# What may be connected to


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_a_private_target_is_refused(guarded, receiver, host):
    assert failure(guarded, receiver.url(host=host)).reason == PRIVATE
    assert receiver.received == []


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/latest/", "http://10.0.0.1/", "http://[::1]/"],
)
def test_addresses_of_no_public_machine_are_refused_without_waiting(guarded, address):
    begin = time.monotonic()
    assert failure(guarded, address).reason == PRIVATE
    assert time.monotonic() - begin < 3


REBINDING = """
import socket, sys
sys.path.insert(0, {root!r})
real, answers = socket.getaddrinfo, ["93.184.215.14", "127.0.0.1"]
def changing(host, port, *rest, **options):
    if host == "changing.example":
        host = answers.pop(0) if len(answers) > 1 else answers[0]
    return real(host, port, *rest, **options)
socket.getaddrinfo = changing
from goals.channels import guard, webhook
from goals.channels.channel import Message, NotSent
first = socket.getaddrinfo("changing.example", 80)[0][4][0]
assert guard.is_public(first), first  # what a check before would have seen
guard.guard_process(private_targets={private})
try:
    print(webhook.send({url!r}, "secret", Message("k", "t", "x", "h", {{}})))
except NotSent as error:
    print(error.reason)
"""


@pytest.mark.parametrize("private", [False, True])
def test_a_name_that_changes_its_address_after_a_check_is_judged_at_connect(
    receiver, private
):
    url = receiver.url(host="changing.example")
    code = REBINDING.format(root=str(ROOT), url=url, private=private)
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    if private:  # so it would have arrived
        assert found.stdout.strip().endswith("taken")
        assert len(receiver.received) == 1
    else:
        assert found.stdout.strip() == PRIVATE
        assert receiver.received == []


def test_a_redirect_to_a_private_address_is_not_followed(allowed, receiver):
    failure(allowed, receiver.url("redirect"))
    assert [one.path for one in receiver.received] == ["/redirect"]


# apprise


def apprise_url(receiver, path="ok", query=""):
    return f"json://127.0.0.1:{receiver.port}/{path}{query}"


def test_apprise_sends(allowed, receiver):
    assert post(allowed, apprise_url(receiver), "apprise").endswith("took the message.")
    (one,) = receiver.received
    assert json.loads(one.body)["title"] == MESSAGE.title


def test_apprise_connects_to_no_private_target(guarded, receiver):
    assert failure(guarded, apprise_url(receiver), "apprise").reason == PRIVATE
    assert receiver.received == []


@pytest.mark.parametrize("query", ["", "?redirect=yes"])
def test_apprise_follows_no_redirect(allowed, receiver, query):
    failure(allowed, apprise_url(receiver, "redirect", query), "apprise")
    assert [one.path.split("?")[0] for one in receiver.received] == ["/redirect"]


def test_apprise_reads_no_endless_answer(allowed, receiver):
    post(allowed, apprise_url(receiver, "endless"), "apprise")


def test_apprise_verifies_certificates_whatever_its_url_says(tmp_path):
    context, _ = make_certificate(tmp_path, "127.0.0.1")
    senders = Senders(private_targets=True)
    with http_receiver(context) as secure:
        url = f"jsons://127.0.0.1:{secure.port}/ok?verify=no"
        failure(senders, url, "apprise")
        assert secure.received == []
    senders.end()


def test_the_failure_of_a_service_is_not_sent(allowed, receiver):
    found = failure(allowed, apprise_url(receiver, "error"), "apprise")
    assert found.reason == "The service did not take the message."


@pytest.mark.parametrize("address", ["nonsense://host", "slack://short"])
def test_what_apprise_does_not_know_is_refused(allowed, address):
    with pytest.raises(InvalidInput, match="one URL that apprise knows"):
        allowed.check(kind="apprise", address=address)


# The processes


def test_a_sender_knows_no_secret_of_the_environment(monkeypatch):
    monkeypatch.setenv("MASTERTRADE_SECRET_KEY", "never")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    senders = Senders(private_targets=False)
    failure(senders, "http://127.0.0.1/")
    pid = senders._idle[0]._process.pid
    environment = Path(f"/proc/{pid}/environ").read_bytes()
    assert b"never" not in environment
    assert b"PROXY" not in environment
    senders.end()


def test_senders_end_with_the_process_that_started_them():
    code = (
        f"import sys, os, signal; sys.path.insert(0, {str(ROOT)!r})\n"
        "from goals.channels.senders import Sender\n"
        "print(Sender(private_targets=False)._process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    started = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=20, check=False
    )
    pid = int(started.stdout)
    until = time.monotonic() + 5
    while _runs(pid):
        assert time.monotonic() < until
        time.sleep(0.02)


def _runs(pid):
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"


def test_a_sender_that_was_killed_is_replaced(allowed, receiver):
    post(allowed, receiver.url())
    allowed._idle[-1]._process.kill()
    allowed._idle[-1]._process.wait()
    assert "ended" in failure(allowed, receiver.url()).reason
    assert post(allowed, receiver.url()).endswith("taken")
