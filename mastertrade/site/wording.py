"""Sentences of the services as a person reads them on a page.

They name goals by their keys, settings by their columns, times in UTC and calls of the
API; here goals have titles, settings the labels of their fields, times the user's zone.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString

from goals.admin.forms import LABELS, in_page_words
from mastertrade.site.figures import when

# "goal 12", and in a list "goal 12 wants 1, 13 wants 1.3".
GOAL = re.compile(r"\b[Gg]oal (\d+)\b|(?<=, )(\d+)(?= wants )")
INSTANT = re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z| UTC)")
# The part of a sentence that says what a program calls.
CALL = re.compile(r"(?:^|(?<=[.:;]) ?)[^.:;]*/api/\S*[^.]*(?:\.|$)")
QUOTED = "\N{LEFT DOUBLE QUOTATION MARK}%s\N{RIGHT DOUBLE QUOTATION MARK}"


def in_words(
    text: str,
    now: datetime,
    titles: Mapping[int, SafeString] | None = None,
    labels: Mapping[str, str] = LABELS,
) -> SafeString:
    """The sentence in HTML; a goal without a title keeps its number."""
    named = titles or {}

    def name(found: re.Match[str]) -> str:
        title = named.get(int(found[1] or found[2]))
        return found[0] if title is None else QUOTED % title

    def show_time(found: re.Match[str]) -> str:
        stamp = found[0].removesuffix("Z").removesuffix(" UTC")
        return when(datetime.fromisoformat(f"{stamp}+00:00"), now)

    timed = INSTANT.sub(show_time, str(conditional_escape(without_calls(text))))
    # Escaped above; what is put in is safe itself.
    return SafeString(GOAL.sub(name, in_page_words(timed, labels)))  # nosec B703


def without_calls(text: str) -> str:
    """Without what a program calls: a person has a button for it."""
    if "/api/" not in text:
        return text
    left = CALL.sub("", text).rstrip(" ;:,")
    return left if not left or left.endswith(".") else f"{left}."
