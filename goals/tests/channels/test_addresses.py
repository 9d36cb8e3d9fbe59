"""Which addresses are taken, and that what is shown of one is where it is sent."""

import pytest

from goals.channels import email, webhook
from goals.channels.channel import NotSent
from goals.channels.http import UNUSABLE, post
from goals.tests.channels.test_senders import MESSAGE
from mastertrade.values.exceptions import InvalidInput


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://example.com/hooks/s3cret?token=t", "https://example.com/…"),
        ("HTTPS://Example.COM.:8443", "https://example.com.:8443/…"),
        ("http://ex_a-1.example/a@b", "http://ex_a-1.example/…"),
        ("http://127.0.0.1:80/", "http://127.0.0.1:80/…"),
        ("http://[::1]:8080/hook", "http://[::1]:8080/…"),
        ("http://localhost/%40", "http://localhost/…"),
    ],
)
def test_of_a_webhook_scheme_host_and_port_are_shown(address: str, shown: str) -> None:
    assert webhook.check(address) == shown


UNUSABLE_URLS = [
    "http://127.0.0.1\\@example.com/",
    "http://example.com\\.evil.example/",
    "http://example.com/\\hook",
    "http://%65xample.com/",
    "http://[v1.x]/",
    "http://[::1%25eth0]/",
    "http://[127.0.0.1]/",
    "http://..../",
    "http://a..b/",
    "http://-a.example/",
    f"http://{'a' * 64}.example/",
    f"http://{'a.' * 127}example/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:x/",
    "http:///hook",
    "http:example.com",
    "//example.com/",
    "ftp://example.com/",
    "http://exämple.com/",
    "http://example.com/a b",
    "http://example.com/\n",
    "",
]


@pytest.mark.parametrize("address", UNUSABLE_URLS)
def test_what_no_webhook_can_be_sent_to_is_refused(address: str) -> None:
    with pytest.raises(InvalidInput, match="must be an address such as https://"):
        webhook.check(address)
    with pytest.raises(NotSent, match=UNUSABLE):  # stored before it was refused
        webhook.send(address, "secret", MESSAGE)


@pytest.mark.parametrize(
    "address",
    [
        "https://ada:secret@example.com/",
        "https://ada@example.com",
        "https://example.com@127.0.0.1/",
        "https://@example.com/",
        "https://a@b@example.com/",
    ],
)
def test_credentials_in_an_address_are_refused_as_they_would_not_be_sent(
    address: str,
) -> None:
    with pytest.raises(InvalidInput, match="must hold no user name and password"):
        webhook.check(address)


@pytest.mark.parametrize("error", [UnicodeError("label too long")])
def test_what_cannot_be_looked_up_did_not_close_a_connection(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("socket.getaddrinfo", fail)
    with pytest.raises(NotSent) as refused:
        post("http://example.com/", b"", {})
    assert refused.value.reason == UNUSABLE


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ada", "one e-mail address"),
        ("ada@example.com, eve@example.com", "one e-mail address"),
        (f"{'a' * 65}@example.com", "at most 64 characters before the @"),
        (f"{'a' * 260}@example.com", "at most 64 characters before the @"),
    ],
)
def test_what_no_mail_can_be_sent_to_is_refused(address: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        email.check(address)


def test_the_longest_mail_address_is_taken() -> None:
    assert email.check(f"{'a' * 64}@example.com") == "a…@example.com"
