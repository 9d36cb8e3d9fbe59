"""Parts of the site's addresses that are text."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.urls.converters import IntConverter

from goals.tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def routes_with_text(
    patterns: list[URLPattern | URLResolver], prefix: str = "/"
) -> Iterator[str]:
    """Routes that take something else than a whole number, such as `/a/{token}/`."""
    for one in patterns:
        pattern: Any = one.pattern
        route = prefix + str(pattern)
        if isinstance(one, URLResolver):
            yield from routes_with_text(one.url_patterns, route)
        elif any(
            not isinstance(converter, IntConverter)
            for converter in pattern.converters.values()
        ):
            yield route


ROUTES = sorted(routes_with_text(get_resolver("mastertrade.site.urls").url_patterns))


def test_some_addresses_of_the_site_hold_text() -> None:
    assert len(ROUTES) >= 3


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("text", ["%00", "a%00b", "%ff", "%ed%a0%80", "😀", "a" * 2000])
def test_a_text_that_no_row_can_have_is_answered_and_not_failed(
    client: Client, route: str, text: str
) -> None:
    client.force_login(UserFactory(is_superuser=True))
    before, *rest = route.split("<")
    address = before + "".join(text + part.split(">", 1)[1] for part in rest)
    answers = {client.post(address).status_code, client.get(address).status_code}
    assert answers <= ({404} if "%00" in text else {200, 404, 405})
