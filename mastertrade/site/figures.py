"""Figures as the pages show them: in the user's form of numbers and time zone.

Money stands in `<span class="money">`, which the page can blur. What is shown is
rounded (`mastertrade.values.in_text`); the exact figure shows when pointed at.
"""

import re
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import unescape

from django.utils import timezone
from django.utils.html import format_html, format_html_join, strip_tags
from django.utils.safestring import SafeString

from goals.enums import Measure, NumberFormat
from mastertrade.values import in_text
from mastertrade.values.in_text import Kind, Mark, marks_of
from mastertrade.values.money import HUNDRED, format_plain, round_to

MINUS = "\N{MINUS SIGN}"
UNKNOWN = SafeString('<span class="quiet">not known</span>')
# Of the user whose request this thread answers; see `mastertrade.site.shell`.
number_format: ContextVar[NumberFormat] = ContextVar(
    "number_format", default=NumberFormat.POINT
)
SEPARATORS = {
    NumberFormat.POINT: (",", "."),
    NumberFormat.COMMA: (".", ","),
    NumberFormat.SPACE: ("\N{NO-BREAK SPACE}", ","),
}
# It stays on the line of its number.
PERCENT_SIGN = "\N{NO-BREAK SPACE}%"
ONE_PLACE = 1
QUOTED = "\N{LEFT DOUBLE QUOTATION MARK}{}\N{RIGHT DOUBLE QUOTATION MARK}"
NO_TITLES: Mapping[int, SafeString] = {}
NO_LABELS: Mapping[str, str] = {}
LEAST_CHANCE = Decimal("0.01")
# The parts of an icon, drawn in 16 by 16.
ICONS = {
    "warn": SafeString(
        '<path d="M8 1.8 15 14H1z" fill="none" stroke="currentColor" '
        'stroke-width="1.6" stroke-linejoin="round"/><path d="M8 6v4M8 11.6v.8" '
        'stroke="currentColor" stroke-width="1.6"/>'
    ),
    "good": SafeString(
        '<path d="m2.5 8.5 3.5 3.5 7.5-8" fill="none" stroke="currentColor" '
        'stroke-width="1.8"/>'
    ),
    "bad": SafeString(
        '<path d="m3.5 3.5 9 9m0-9-9 9" fill="none" stroke="currentColor" '
        'stroke-width="1.8"/>'
    ),
    "off": SafeString(
        '<path d="M3 8h10" fill="none" stroke="currentColor" stroke-width="1.8"/>'
    ),
    "down": SafeString(
        '<path d="M8 3v10M3.5 8.5 8 13l4.5-4.5" fill="none" '
        'stroke="currentColor" stroke-width="1.8"/>'
    ),
    "stop": SafeString('<path d="M3.5 3.5h9v9h-9z" fill="currentColor"/>'),
    "eye": SafeString(
        '<path d="M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8z" '
        'fill="none" stroke="currentColor" stroke-width="1.4"/>'
        '<circle cx="8" cy="8" r="2" fill="currentColor"/>'
    ),
}


def in_format(plain: str) -> str:
    """Plain "1234.50" as "1,234.50" or as the user writes it, with a minus sign."""
    thousands, point = SEPARATORS[number_format.get()]
    whole, dot, places = plain.lstrip("+-").partition(".")
    grouped = f"{int(whole or 0):,}".replace(",", thousands)
    sign = {"-": MINUS, "+": "+"}.get(plain[:1], "")
    return f"{sign}{grouped}{point if dot else ''}{places}"


def number(value: Decimal | int) -> str:
    """Without trailing zeros: quantities, counts, factors."""
    return in_format(format_plain(Decimal(value)))


def money(value: Decimal | None, currency: str, *, signed: bool = False) -> SafeString:
    """An amount to the places of its currency, without naming it."""
    if value is None:
        return UNKNOWN
    places = in_text.PLACES.get(currency, in_text.CENTS)
    shown = f"{round_to(value, (60, min(places, in_text.CENTS))):f}"
    if value and not Decimal(shown):  # less than a cent
        shown = in_text.money(value, currency)
    sign = "+" if signed and value > 0 else ""
    return _money_span(value, f"{sign}{shown}")


def _money_span(value: Decimal, shown: str) -> SafeString:
    return format_html(
        '<span class="money" title="{}">{}</span>', number(value), in_format(shown)
    )


def amount(value: Decimal | None, currency: str) -> SafeString:
    """An amount and its currency."""
    return in_measure(value, Measure.VALUE, currency)


def signed_amount(value: Decimal, currency: str) -> SafeString:
    """A profit or a loss in a sentence: signed, with its currency."""
    shown = money(value, currency, signed=True)
    return format_html("{} {}", shown, currency)


def gain(value: Decimal | None, currency: str) -> SafeString:
    """A profit or a loss: signed and coloured, without the currency."""
    if value is None:
        return UNKNOWN
    tone = "up" if value > 0 else "down" if value < 0 else "even"
    return format_html(
        '<b class="{}">{}</b>', tone, money(value, currency, signed=True)
    )


def whole_gain(value: Decimal, currency: str) -> SafeString:
    """The same in whole units, for a calendar: the exact figure when pointed at."""
    if abs(value) < 1:
        return gain(value, currency)
    tone = "up" if value > 0 else "down"
    shown = in_format(f"{'+' if value > 0 else ''}{round_to(value, (60, 0)):f}")
    return format_html(
        '<b class="{}"><span class="money" title="{} {}">{}</span></b>',
        tone,
        number(value),
        currency,
        shown,
    )


def price(value: Decimal | None) -> str:
    """Six digits, cents at the least."""
    return "not known" if value is None else in_format(in_text.price(value))


def quantity(value: Decimal) -> str:
    return in_format(in_text.quantity(value))


def decimals(value: Decimal) -> str:
    """To one place, and to more where it would read as 0."""
    return in_format(format_plain(in_text.rounded(value, ONE_PLACE, digits=1)))


def places(value: Decimal, count: int) -> str:
    """To that many places, and to more where it would read as 0."""
    return in_format(format_plain(in_text.rounded(value, count, digits=1)))


def percent(value: Decimal | None) -> str:
    """A percentage to one place, and to more where it is below 0.1."""
    return "not known" if value is None else f"{decimals(value)}{PERCENT_SIGN}"


def signed_percent(value: Decimal) -> str:
    return f"{'+' if value > 0 else ''}{percent(value)}"


def fine_percent(value: Decimal, *, signed: bool = False) -> str:
    """A return to two places: of a goal of 5 % a tenth is much."""
    sign = "+" if signed and value > 0 else ""
    return f"{sign}{in_format(in_text.decimals(value))}{PERCENT_SIGN}"


def in_measure(
    value: Decimal | None, measure: Measure, currency: str, *, signed: bool = False
) -> SafeString:
    """A value of a goal: percent, or money and its currency."""
    if value is None:
        return UNKNOWN
    if measure is Measure.RETURN:
        return format_html("{}", fine_percent(value, signed=signed))
    return format_html(
        '{}<span class="unit"> {}</span>',
        money(value, currency, signed=signed),
        currency,
    )


def points(value: Decimal) -> str:
    """A difference of percentages, without its sign: "2.1 points"."""
    shown = decimals(abs(value))
    return f"{shown} point{'' if shown == '1' else 's'}"


def chance(ratio: Decimal | float) -> str:
    """A probability in whole percent; what is not certain is neither 0 nor 100."""
    ratio = Decimal(str(ratio))
    if 0 < ratio < LEAST_CHANCE:
        return f"under 1{PERCENT_SIGN}"
    if 1 - LEAST_CHANCE < ratio < 1:
        return f"over 99{PERCENT_SIGN}"
    return f"{number(round_to(ratio * HUNDRED, (6, 0)))}{PERCENT_SIGN}"


def chance_band(low: Decimal | float | None, high: Decimal | float | None) -> str:
    """Of a probability, in whole percent with a dash; empty where there is none."""
    if low is None or high is None:
        return ""
    ends = (round_to(Decimal(one) * HUNDRED, (6, 0)) for one in (low, high))
    return "\N{EN DASH}".join(map(number, ends))


def small_chance(ratio: Decimal | float) -> str:
    """A probability to one place below a tenth: what few walks meet."""
    pct = round_to(Decimal(ratio) * HUNDRED, (6, 1))
    return f"{number(pct)}{PERCENT_SIGN}" if pct < 10 else chance(ratio)


def when(at: datetime | None, now: datetime | None = None) -> SafeString:
    """A time in the user's zone: of today by its hour, of this year by its day."""
    if at is None:
        return SafeString("never")
    here = timezone.localtime(at)
    today = timezone.localtime(now or timezone.now())
    days = (today.date() - here.date()) // timedelta(days=1)
    clock = f"{here:%H:%M}"
    if days == 0:
        words = clock
    elif days in {1, -1}:
        words = f"{'yesterday' if days == 1 else 'tomorrow'} {clock}"
    else:
        words = f"{day(here, today)} {clock}"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        here.isoformat(timespec="seconds"),
        f"{here:%A %-d %B %Y, %H:%M:%S %Z}",
        words,
    )


def day(at: date, today: date | None = None) -> str:
    """ "18 Nov", with its year where it is another than today's."""
    today = today or timezone.localtime()
    return f"{at:%-d %b}" if at.year == today.year else f"{at:%-d %b %Y}"


def ago(at: datetime, now: datetime | None = None) -> str:
    """How long ago, or how far ahead: "40 minutes", "11 days"."""
    away = abs((now or timezone.now()) - at)
    for unit, name in (
        (timedelta(days=1), "day"),
        (timedelta(hours=1), "hour"),
        (timedelta(minutes=1), "minute"),
    ):
        if count := away // unit:
            return f"{count} {name}{'' if count == 1 else 's'}"
    return "less than a minute"


def words(code: str) -> str:
    """An enumeration's word for people: `on_track` as "on track"."""
    return code.replace("_", " ")


def show(
    text: str,
    now: datetime | None = None,
    titles: Mapping[int, SafeString] = NO_TITLES,
    labels: Mapping[str, str] = NO_LABELS,
) -> SafeString:
    """A service's sentence in a person's form; without marks it stays as it is.

    Goals have their `titles`, fields the `labels` of the form that it is shown in.
    """
    pieces: list[str] = []
    at = 0
    for mark in marks_of(text):
        marked = text[mark.start : mark.end]
        pieces.append(_words(text[at : mark.start], labels))
        pieces.append(_show_mark(mark, marked, now, titles, labels))
        at = mark.end
    pieces.append(_words(text[at:], labels))
    return format_html_join("", "{}", ((piece,) for piece in pieces))


def _words(words: str, labels: Mapping[str, str]) -> str:
    """What is wrong with a form names its fields as the API does."""
    for name, label in labels.items():
        if "_" in name:
            words = re.sub(rf"(?i)\b{name}\b", QUOTED.format(label), words)
    return words.replace(" %", PERCENT_SIGN)


def _show_mark(
    mark: Mark,
    words: str,
    now: datetime | None,
    titles: Mapping[int, SafeString],
    labels: Mapping[str, str],
) -> str:
    match mark.kind:
        case Kind.NUMBER:
            return in_format(words)
        case Kind.MONEY:
            return _show_money(words, mark.value)
        case Kind.INSTANT:
            return when(datetime.fromisoformat(mark.value), now)
        case Kind.GOAL if (title := titles.get(int(mark.value))) is not None:
            return format_html(QUOTED, title)
        case Kind.NAME if label := labels.get(words[:1].lower() + words[1:]):
            return QUOTED.format(label)
        case Kind.NAME:
            return words.removesuffix("_pct").replace("_", " ")
        case Kind.CALL:
            return ""
    return words


def _show_money(words: str, currency: str) -> SafeString:
    """With all digits of the sentence, cents at the least."""
    digits = words.partition(" ")[0]
    fewest = min(in_text.PLACES.get(currency, in_text.CENTS), in_text.CENTS)
    places = max(fewest, len(digits.partition(".")[2]))
    value = Decimal(digits)
    shown = _money_span(value, f"{value:.{places}f}")
    return format_html("{} {}", shown, currency) if currency else shown


def plain(shown: SafeString | str) -> str:
    """The same as text, for messages and titles."""
    return unescape(strip_tags(shown))


def icon(name: str, size: int = 14) -> SafeString:
    return format_html(
        '<svg class="{}" width="{}" height="{}" viewBox="0 0 16 16" '
        'aria-hidden="true">{}</svg>',
        name,
        size,
        size,
        ICONS[name],
    )


def pill(tone: str, words: str) -> SafeString:
    """A state that needs attention, or a result: its shape and its word.

    `tone` is "good", "warn", "bad" or "off".
    """
    return format_html('<span class="pill {}">{}{}</span>', tone, icon(tone, 12), words)
