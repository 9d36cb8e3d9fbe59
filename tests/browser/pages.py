"""The pages of the site that a trader may see, found by their addresses."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from axe_playwright_python.sync_playwright import (  # type: ignore[import-untyped]
    Axe,
)
from django.test import Client
from django.urls import URLPattern, URLResolver
from playwright.sync_api import BrowserContext, Page, Request

from mastertrade.site import urls

WIDTHS = (360, 768, 1280)
THEMES: tuple[Any, ...] = ("light", "dark")
HEIGHT = 900
WIDER_THAN_THE_SCREEN = "document.documentElement.scrollWidth > window.innerWidth"
# Where pictures of the pages are left, if anywhere.
PICTURES = os.environ.get("MASTERTRADE_SCREENSHOTS")
DRAWN = "() => [...document.images].every(one => one.complete && one.naturalWidth > 0)"
SERIOUS = {"serious", "critical"}
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
# They end the session, or answer what no person reads.
NO_PAGES = {"logout"}


def pages_of(trader: Any) -> list[str]:
    """Every address of the site that answers this trader with a page."""
    client = Client()
    client.force_login(trader.user)
    found = []
    for route, name in routes(urls.urlpatterns):
        names = PARAMETER.findall(route)
        if name in NO_PAGES or not all(one in trader.ids for one in names):
            continue
        address = "/" + PARAMETER.sub(lambda one: str(trader.ids[one[1]]), route)
        answer = client.get(address)
        if answer.status_code != 200 or "Content-Disposition" in answer:
            continue  # a file is no page
        if b"<!doctype html>" in b"".join(answer):
            found.append(address)
    return found


def routes(
    patterns: list[URLPattern | URLResolver], before: str = ""
) -> Iterator[tuple[str, str]]:
    for one in patterns:
        route = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from routes(one.url_patterns, route)
        else:
            yield route, one.name or ""


def sign_in_by_cookie(context: BrowserContext, user: Any, address: str) -> None:
    """As `force_login` does: the form has tests of its own."""
    client = Client()
    client.force_login(user)
    cookie = client.cookies["sessionid"]
    context.add_cookies([{"name": "sessionid", "value": cookie.value, "url": address}])


def serious_violations(page: Page) -> list[str]:
    """What axe finds serious on the page, each with its first place."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html']}"
        for one in found
        if one["impact"] in SERIOUS
    ]


def look_at(page: Page, name: str) -> None:
    """At every width, in both themes: drawn and no wider than the screen.

    Accessible at every width in one of the themes, in both at some width.
    """
    for place, width in enumerate(WIDTHS):
        page.set_viewport_size({"width": width, "height": HEIGHT})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            page.wait_for_function(DRAWN)
            assert not page.evaluate(WIDER_THAN_THE_SCREEN), (name, width)
            if PICTURES:
                target = Path(PICTURES) / f"{name}-{width}-{theme}.png"
                page.screenshot(path=target, full_page=True)
            if theme == THEMES[place % len(THEMES)]:
                assert serious_violations(page) == [], (name, width, theme)


@contextmanager
def foreign_requests(page: Page, own: str) -> Iterator[list[str]]:
    """What the page asked other hosts for meanwhile."""
    found: list[str] = []

    def note(request: Request) -> None:
        if not request.url.startswith((own, "data:", "blob:")):
            found.append(request.url)

    page.on("request", note)
    yield found
    page.remove_listener("request", note)
