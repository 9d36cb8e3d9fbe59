"""Posting to an address that a user gave: no redirects, bounded answers, TLS verified.

What may be connected to is decided by the process that calls this (`guard`).
"""

from collections.abc import Mapping
from functools import cache
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)

from goals.channels.channel import LARGEST_ANSWER, NotSent, shown_answer
from goals.channels.guard import TargetRefused
from mastertrade.values.exceptions import InvalidInput

# Of the ten seconds that a delivery may take: the sender's parent ends it then.
SECONDS = 9
SUCCESS = range(200, 300)


def check_url(address: str, example: str) -> SplitResult:
    """An http or https address with a host; raises `InvalidInput`."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    usable = (
        parts.scheme in {"http", "https"}
        and bool(parts.hostname)
        and port != 0
        and address.isascii()
        and address.isprintable()
        and " " not in address
    )
    if not usable:
        raise InvalidInput("address", f"Must be an address such as {example}.")
    return parts


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
    return "The receiver closed the connection before it had answered."
