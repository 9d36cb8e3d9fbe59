"""The admin's pages as an operator reads them."""

import re

from django.test import Client
from django.urls import reverse


def text_of(client: Client, name: str, *keys: object) -> str:
    answer = client.get(reverse(f"admin:{name}", args=keys))
    assert answer.status_code == 200
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(words.split())
