"""A message of a Telegram bot to a chat."""

import json
import re

from goals.channels.channel import Channel, Message
from goals.channels.http import post, require_success
from mastertrade.values.exceptions import InvalidInput

API = "https://api.telegram.org"
# A bot's token, as Telegram issues it, and a chat's number or public name.
ADDRESS = re.compile(
    r"(?P<bot>\d{6,12}):(?P<key>[\w-]{30,50})/(?P<chat>-?\d{1,20}|@\w{5,32})",
    re.ASCII,
)
LONGEST_TEXT = 4096


def check(address: str) -> str:
    """The bot's token, a slash, and the chat; the bot's number and chat are shown."""
    found = ADDRESS.fullmatch(address)
    if found is None:
        raise InvalidInput(
            "address",
            "Must be the bot's token, a slash and the chat's id, such as "
            "123456789:AAE…/-1001234567890 or 123456789:AAE…/@channel.",
        )
    return f"bot {found['bot']}, chat {found['chat']}"


def send(address: str, secret: str, message: Message) -> str:
    token, _, chat = address.partition("/")
    text = f"{message.title}\n\n{message.text}"
    if len(text) > LONGEST_TEXT:
        text = f"{text[: LONGEST_TEXT - 1]}…"
    body = json.dumps(
        {"chat_id": chat, "text": text, "link_preview_options": {"is_disabled": True}}
    )
    headers = {"Content-Type": "application/json"}
    status, shown = post(f"{API}/bot{token}/sendMessage", body.encode(), headers)
    return require_success(status, shown)


CHANNEL = Channel(check, send)
