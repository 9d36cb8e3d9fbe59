"""The admin's pages as an operator reads them, and acts on them."""

import re
from typing import Any

from django.test import Client
from django.urls import reverse


def text_of(client: Client, name: str, *keys: object) -> str:
    answer = client.get(reverse(f"admin:{name}", args=keys))
    assert answer.status_code == 200
    words = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return " ".join(words.split())


def page_of(row: Any) -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])


def act(
    client: Client, address: str, action: str, *rows: Any, **body: str
) -> list[str]:
    """Act on rows of a list; returns the messages it left."""
    chosen = {"action": action, "_selected_action": [one.pk for one in rows], **body}
    answer = client.post(address, chosen, follow=True)
    return [str(message) for message in answer.context["messages"]]
