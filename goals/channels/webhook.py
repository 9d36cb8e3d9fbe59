"""A webhook: JSON, signed, posted to any HTTP address."""

import hashlib
import hmac
import json
import time

from goals.channels.channel import Channel, Message
from goals.channels.http import EXAMPLE, check_url, post, require_success


def check(address: str) -> str:
    """Any http or https address; its scheme, host and port are shown."""
    parts = check_url(address, EXAMPLE)
    return f"{parts.scheme}://{parts.netloc}/…"


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 of `timestamp.body`, in hexadecimal digits."""
    signed = timestamp.encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def send(address: str, secret: str, message: Message) -> str:
    body = json.dumps(
        {
            "id": message.key,
            "title": message.title,
            "text": message.text,
            **message.data,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "X-MasterTrade-Id": message.key,
        "X-MasterTrade-Timestamp": timestamp,
        "X-MasterTrade-Signature": f"sha256={sign(secret, timestamp, body)}",
    }
    return require_success(*post(address, body, headers))


CHANNEL = Channel(check, send, most_per_minute=60_000)
