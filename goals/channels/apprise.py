"""Any of apprise's services, by its URL.

apprise opens its own sockets: it runs only in the sender, whose connects are checked.
It is imported there only, since that takes a second and 60 MB.
"""

import re
from functools import cache
from typing import Any

from goals.channels.channel import LARGEST_ANSWER, Channel, Message, NotSent
from goals.channels.guard import TargetRefused, refusals
from mastertrade.values.exceptions import InvalidInput

EXAMPLE = "slack://TokenA/TokenB/TokenC/Channel"
UNKNOWN = (
    f"Must be one URL that apprise knows, such as {EXAMPLE}: "
    "https://appriseit.com/services/ lists them."
)
SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+-]{0,30}://.")
# What shows, writes or runs something on the machine that sends.
LOCAL = frozenset(
    {
        "blink1",
        "dbus",
        "file",
        "gio",
        "glib",
        "gnome",
        "kde",
        "macosx",
        "qt",
        "syslog",
        "windows",
    }
)


def _service(address: str) -> Any:
    """apprise's object for a URL, or None."""
    from apprise import Apprise, AppriseAsset

    asset = AppriseAsset(
        app_id="MasterTrade",
        app_desc="MasterTrade",
        app_url="",
        storage_mode="memory",
        plugin_paths=[],
        async_mode=False,
        secure_logging=True,
    )
    service = Apprise.instantiate(address, asset=asset, suppress_exceptions=True)
    if service is not None:
        service.verify_certificate = True  # whatever `?verify=` says
    return service


@cache
def _bound_answers() -> None:
    """Let apprise's HTTP client follow no redirect and read no endless answer."""
    import requests

    send = requests.Session.send

    def send_bounded(self: Any, request: Any, **options: Any) -> Any:
        options |= {"stream": True, "allow_redirects": False, "verify": True}
        answer = send(self, request, **options)
        with answer:
            answer._content = answer.raw.read(LARGEST_ANSWER, decode_content=True)
            answer._content_consumed = True
        return answer

    requests.Session.send = send_bounded  # type: ignore[method-assign]
    requests.Session.trust_env = False


def check(address: str) -> str:
    """One URL of apprise's, but of a service that is reached over the network."""
    scheme = address.partition("://")[0].lower()
    if scheme in LOCAL:
        raise InvalidInput(
            "address",
            f"{scheme}:// reaches only the machine that MasterTrade runs on, which is "
            f"not allowed. Give the URL of a service, such as {EXAMPLE}.",
        )
    if SCHEME.match(address) is None or not address.isprintable():
        raise InvalidInput("address", UNKNOWN)
    return f"{scheme}://…"


def check_guarded(address: str) -> None:
    """Whether apprise knows the URL; it may look at files to find out."""
    if _service(address) is None:
        raise InvalidInput("address", UNKNOWN)


def send(address: str, secret: str, message: Message) -> str:
    """apprise says only whether it went well; what the guard refused is known here."""
    check(address)
    _bound_answers()
    service = _service(address)
    if service is None:
        raise NotSent(UNKNOWN)
    refusals.clear()
    try:
        taken = service.notify(body=message.text, title=message.title)
    except TargetRefused as error:
        raise NotSent(error.reason) from error
    if not taken:
        reason = refusals[-1] if refusals else "The service did not take the message."
        raise NotSent(reason)
    return "The service took the message."


CHANNEL = Channel(check, send, check_guarded=check_guarded)
