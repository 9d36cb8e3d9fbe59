"""Guessing passwords at every door, many at once; names that nobody has; right ones.

Each address has its tries: run these last, or from an address of their own.
"""

import http.cookiejar
import json
import re
import secrets
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any

from tests.attack.requests import Watcher, site
from tests.attack.sockets import SOMEBODY_ELSE, require_health

# As docs/rules.md says; apart from the application, which these ask from outside.
TRIES_OF_AN_ADDRESS = 50
TRIES_OF_A_NAME = 10
SIGN_INS_OF_A_NAME = 100
GUESSES = 40
AT_ONCE = 20
SECONDS = 15.0
# Looking at one is the work of a core; the attacker's and others' share few cores.
LONGEST_SIGN_IN = 10  # times what it took before
PASSWORD = secrets.token_hex(8)
MAKE_USERS = f"""
from goals.models import User
for name in ("flood", "bob"):
    User.objects.create_user(name, password="{PASSWORD}")
"""

Figures = dict[str, str]


class Guessed(AssertionError):
    """More passwords were looked at than the limit allows."""


def guesses_at_one_name(base: str) -> Figures:
    """The same name at three doors at once: the doors count together."""
    name = secrets.token_hex(8)
    doors = (_ask_for_token, _sign_in_at("/login/"), _sign_in_at("/admin/login/"))
    knocks = [(doors[number % len(doors)], name) for number in range(GUESSES)]
    return _knock(base, knocks, TRIES_OF_A_NAME)


def guesses_at_many_names(base: str) -> Figures:
    """A new name each time: the address has its tries."""
    knocks = [(_ask_for_token, secrets.token_hex(8)) for _ in range(2 * GUESSES)]
    return _knock(base, knocks, TRIES_OF_AN_ADDRESS)


def right_passwords(base: str) -> Figures:
    """One name signs in again and again with the right password; so does somebody else,
    now and then, from another address."""
    with site() as place:
        place.stand.run("manage.py", "shell", "-c", MAKE_USERS)

        def ask() -> tuple[int, Any, float]:
            time.sleep(1)
            body = _sign_in("bob")
            return place.ask("POST", "/api/tokens/", body, source=SOMEBODY_ELSE)

        before = max(ask()[2] for _ in range(3))
        over = time.monotonic() + SECONDS
        seen = Counter[int]()

        def attack(_: int) -> None:
            while time.monotonic() < over:
                seen[place.ask("POST", "/api/tokens/", _sign_in("flood"))[0]] += 1

        with Watcher(ask) as others, ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(attack, range(AT_ONCE)))
        assert set(seen) == {201, 429}, f"answered {dict(seen)}"
        assert seen[201] <= SIGN_INS_OF_A_NAME, f"{seen[201]} were looked at"
        return {
            "sign-ins": str(seen[201]),
            "refused": str(seen[429]),
            "somebody else before": f"{before:.2f} s",
            "meanwhile": others.require(LONGEST_SIGN_IN * before),
        }


def _sign_in(name: str) -> bytes:
    return json.dumps({"username": name, "password": PASSWORD}).encode()


# These have a site of their own.
ON_ITS_OWN = {"right passwords again and again": right_passwords}
SCENARIOS = {
    **ON_ITS_OWN,
    "guesses at one name": guesses_at_one_name,
    "guesses at many names": guesses_at_many_names,
}

Door = Callable[[str, str], int]


def _knock(base: str, knocks: list[tuple[Door, str]], limit: int) -> Figures:
    longest = 0.0
    with ThreadPoolExecutor(AT_ONCE) as pool:
        asked = [pool.submit(door, base, name) for door, name in knocks]
        while not all(one.done() for one in asked):
            longest = max(longest, require_health(base, SOMEBODY_ELSE))
            time.sleep(0.1)
        statuses = [one.result() for one in asked]
    counted = Counter(statuses)
    looked_at = len(statuses) - counted[HTTPStatus.TOO_MANY_REQUESTS]
    if looked_at > limit:
        raise Guessed(f"{looked_at} passwords were looked at, {limit} are allowed.")
    return {
        "guesses": str(len(statuses)),
        "looked at": str(looked_at),
        "refused": str(counted[HTTPStatus.TOO_MANY_REQUESTS]),
        "/healthz at worst": f"{longest * 1000:.0f} ms",
    }


def _ask_for_token(base: str, name: str) -> int:
    body = json.dumps({"username": name, "password": "guess"}).encode()
    request = urllib.request.Request(
        f"{base}/api/tokens/", body, {"Content-Type": "application/json"}
    )
    return _status(urllib.request.build_opener(), request)


def _sign_in_at(path: str) -> Door:
    def sign_in(base: str, name: str) -> int:
        jar = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        opener = urllib.request.build_opener(jar)
        with opener.open(f"{base}{path}", timeout=30) as form:
            page = form.read().decode()
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
        assert found is not None
        fields = {
            "csrfmiddlewaretoken": found[1],
            "username": name,
            "password": "guess",
        }
        body = urllib.parse.urlencode(fields).encode()
        return _status(opener, urllib.request.Request(f"{base}{path}", body))

    return sign_in


def _status(
    opener: urllib.request.OpenerDirector, request: urllib.request.Request
) -> int:
    try:
        with opener.open(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
