"""Whatever way bars are written to a file, they are read back or refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from trades.replay.bars import Bar, BarsError
from trades.replay.parsing import ReadingOptions
from trades.replay.reading import read_bars
from trades.tests.prices import wander

BARS = wander(70, seed=11).bars
ROLES = ("open", "high", "low", "close")
ZONES = ("UTC", "America/New_York", "Asia/Kolkata", "Asia/Tokyo", "Australia/Lord_Howe")
UNITS = (1, 1000, 10**6, 10**9)
LOCAL_FORMS = ("%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M:%S.000", "%Y%m%d%H%M%S", "%Y%m%d %H%M")
OFFSET_FORMS = ("%Y-%m-%dT%H:%M:%S%z", "%d.%m.%Y %H:%M:%S.000 GMT%z")


def times_of(start: datetime, *, step: timedelta, zone: str) -> list[datetime]:
    """Local midnights, or instants at that distance."""
    tz = ZoneInfo(zone)
    if step >= timedelta(days=1):
        return [(start + i * step).replace(tzinfo=tz) for i in range(len(BARS))]
    first = start.replace(tzinfo=tz).astimezone(UTC)
    return [(first + i * step).astimezone(tz) for i in range(len(BARS))]


@st.composite
def files(draw: Any) -> tuple[str, list[datetime], bool]:
    """A file's text, when its bars open, and whether it must be read, not refused."""
    step = draw(
        st.sampled_from([timedelta(minutes=5), timedelta(hours=1), timedelta(days=1)])
    )
    zone = draw(st.sampled_from(ZONES))
    start = datetime(2024, 1, 1) + timedelta(days=draw(st.integers(0, 300)))  # noqa: DTZ001
    times = times_of(start, step=step, zone=zone)
    form = draw(st.sampled_from([*UNITS, *LOCAL_FORMS, *OFFSET_FORMS]))
    separator = draw(st.sampled_from([",", ";", "\t"]))
    mark = "." if separator == "," else draw(st.sampled_from([".", ","]))
    order = draw(st.permutations(ROLES))
    has_header = draw(st.booleans())
    extra = draw(st.integers(0, 3))

    def line(at: datetime, bar: Bar, number: int) -> str:
        if isinstance(form, int):
            time = str(int(at.timestamp()) * form)
        else:
            time = at.strftime(form)
        prices = (str(getattr(bar, role)).replace(".", mark) for role in order)
        others = (str(5000 + 7 * number) for _ in range(extra))
        return separator.join([time, *prices, *others])

    lines = [
        line(at, bar, number)
        for number, (at, bar) in enumerate(zip(times, BARS, strict=True))
    ]
    if draw(st.booleans()):
        lines.reverse()
    if has_header:
        names = ["Time", *order, *(f"other {i}" for i in range(extra))]
        lines.insert(0, separator.join(names))
        if draw(st.booleans()):
            lines.insert(0, "https://example.org/prices.csv")
    return "\n".join(lines), times, has_header and not _repeats(times, form)


def _repeats(times: list[datetime], form: object) -> bool:
    """Whether clocks are set in these times, of which the spelling says nothing."""
    return form in LOCAL_FORMS and len({at.utcoffset() for at in times}) > 1


@given(files())
@hypothesis_settings(max_examples=60, deadline=None)
def test_bars_come_back_as_they_were_or_not_at_all(
    written: tuple[str, list[datetime], bool],
):
    text, times, must_be_read = written
    with TemporaryDirectory() as folder:
        path = Path(folder, "prices.csv")
        path.write_text(text, encoding="utf-8")
        zone = ZoneInfo(str(times[0].tzinfo)).key
        try:
            series = read_bars(path, options=ReadingOptions(time_zone=zone))
        except BarsError:
            assert not must_be_read
            return

    assert [bar.opened_at for bar in series.bars] == [
        at.astimezone(UTC) for at in times
    ]
    for role in ROLES:
        assert [getattr(bar, role) for bar in series.bars] == [
            getattr(bar, role) for bar in BARS
        ]
