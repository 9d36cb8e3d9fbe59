"""Posting to an address that a user gave: no redirects, bounded answers, TLS verified.

What may be connected to is decided by the process that calls this (`guard`).
"""

import re
from collections.abc import Mapping
from functools import cache
from ipaddress import IPv6Address

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    LocationParseError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import Url, parse_url

from goals.channels.channel import LARGEST_ANSWER, NotSent, shown_answer
from goals.channels.guard import TargetRefused
from mastertrade.values.exceptions import InvalidInput

# Of the ten seconds that a delivery may take: the sender's parent ends it then.
SECONDS = 9
SUCCESS = range(200, 300)
EXAMPLE = "https://example.com/hooks/mastertrade"
AUTHORITY = re.compile(r"[a-zA-Z]+://([^/?#\\]*)")
LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"{LABEL}(?:\.{LABEL})*\.?")
LONGEST_NAME = 253
NO_CREDENTIALS = (
    "Must hold no user name and password (what stands before an @): they are not sent. "
    "Verify the signature instead, or put a secret into the path."
)
UNUSABLE = "The address cannot be connected to: send another one."


def check_url(address: str, example: str) -> Url:
    """An http or https address with a host, as what sends it reads it.

    Raises `InvalidInput` also for what others might read as another host.
    """
    authority = AUTHORITY.match(address)
    if authority is not None and "@" in authority[1]:
        raise InvalidInput("address", NO_CREDENTIALS)
    try:
        parts = parse_url(address)
    except LocationParseError:
        parts = Url()
    usable = (
        authority is not None
        and "%" not in authority[1]
        and parts.scheme in {"http", "https"}
        and _is_host(parts.host or "")
        and parts.port != 0
        and address.isascii()
        and address.isprintable()
        and not {" ", "\\"} & set(address)
    )
    if not usable:
        raise InvalidInput("address", f"Must be an address such as {example}.")
    return parts


def _is_host(host: str) -> bool:
    """A name that can be looked up, or an address; of IPv6 in brackets."""
    if not host.startswith("["):
        return len(host) <= LONGEST_NAME and NAME.fullmatch(host) is not None
    try:
        IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True


@cache
def _pool() -> urllib3.PoolManager:
    return urllib3.PoolManager(
        num_pools=50,
        maxsize=1,
        retries=False,
        cert_reqs="CERT_REQUIRED",
        timeout=urllib3.Timeout(total=SECONDS),
    )


def post(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """The status and the beginning of the answer; raises `NotSent` without one."""
    try:
        check_url(url, EXAMPLE)
    except InvalidInput as error:  # stored before it was refused
        raise NotSent(f"{UNUSABLE} {error.detail}") from None
    try:
        answer = _pool().request(
            "POST",
            url,
            body=body,
            headers={"User-Agent": "MasterTrade", **headers},
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        content = answer.read(LARGEST_ANSWER)
        if answer.read(1):
            answer.close()  # there is more of it, which nobody reads
        answer.release_conn()
    except (HTTPError, OSError, ValueError) as error:
        raise NotSent(_words(error), no_answer=True) from error
    return answer.status, shown_answer(content)


def require_success(status: int, shown: str) -> str:
    """What the receiver answered; raises `NotSent` unless it took the message."""
    words = f"{status}: {shown}" if shown else str(status)
    if status in SUCCESS:
        return f"The receiver answered {words}"
    if status in range(300, 400):
        raise NotSent(
            f"The receiver answered {status}, a redirect, which is not followed: give "
            "the address that it leads to."
        )
    raise NotSent(f"The receiver answered {words}")


def _words(error: BaseException | None) -> str:
    """Why there was no answer. The library's own words hold the address."""
    seen = error
    while seen is not None:
        if isinstance(seen, TargetRefused):
            return seen.reason
        seen = seen.__cause__ or seen.__context__
    match error:
        case SSLError():
            return "The receiver's certificate could not be verified, or TLS failed."
        case NewConnectionError():
            return "The receiver could not be connected to."
        case ConnectTimeoutError() | ReadTimeoutError():
            return f"The receiver did not answer within {SECONDS} seconds."
        case LocationParseError() | UnicodeError():
            return UNUSABLE
    return "The receiver closed the connection before it had answered."
