"""`check --deploy` of a site that others reach, and what its settings switch on."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.test import override_settings

from mastertrade.checks import check_no_debugging, check_proxies

SITE = {
    "MASTERTRADE_HTTPS": "1",
    "MASTERTRADE_HOSTS": "mastertrade.example",
    "MASTERTRADE_SECRET_KEY": "x" * 20 + "0123456789abcdefghijklmnopqrstuvwxyz",
    "MASTERTRADE_TRUSTED_PROXIES": "127.0.0.1",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
}


def ids(messages: list[Any]) -> list[str]:
    return [message.id for message in messages]


def check_deploy(**more: str) -> "subprocess.CompletedProcess[str]":
    environment = {k: v for k, v in os.environ.items() if "MASTERTRADE" not in k}
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        env={**environment, **SITE, **more},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("debug", "https", "found"),
    [
        (True, True, ["mastertrade.E001"]),
        (True, False, []),
        (False, True, []),
    ],
)
def test_debugging_is_an_error_where_others_reach_the_site(
    debug: bool, https: bool, found: list[str]
) -> None:
    with override_settings(DEBUG=debug, HTTPS=https):
        assert ids(check_no_debugging(None)) == found


@pytest.mark.parametrize(
    ("proxies", "https", "found"),
    [([], True, ["mastertrade.W001"]), (["10.0.0.2"], True, []), ([], False, [])],
)
def test_https_needs_a_proxy_that_is_believed(
    proxies: list[str], https: bool, found: list[str]
) -> None:
    with override_settings(TRUSTED_PROXIES=proxies, HTTPS=https):
        assert ids(check_proxies(None)) == found


@pytest.mark.slow
def test_the_check_fails_with_debug_and_https() -> None:
    assert check_deploy().returncode == 0
    failed = check_deploy(MASTERTRADE_DEBUG="1")
    assert failed.returncode == 1
    assert "mastertrade.E001" in failed.stderr


@pytest.mark.parametrize(("asked", "answer"), [("0", "False"), ("1", "True")])
def test_browsers_are_asked_to_preload_only_on_request(asked: str, answer: str) -> None:
    read = "from mastertrade import settings; print(settings.SECURE_HSTS_PRELOAD)"
    environment = {**os.environ, **SITE, "MASTERTRADE_HSTS_PRELOAD": asked}
    shown = subprocess.run(
        [sys.executable, "-c", read],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == answer


@pytest.mark.parametrize("wrong", ["proxy.example", "10.0.0.1/8", "*"])
def test_a_proxy_that_is_no_address_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    from mastertrade.environment import SettingError, read_networks

    monkeypatch.setenv("MASTERTRADE_TRUSTED_PROXIES", wrong)
    with pytest.raises(SettingError, match="MASTERTRADE_TRUSTED_PROXIES must hold"):
        read_networks("MASTERTRADE_TRUSTED_PROXIES")
