"""Whose days bars are: written dates, offsets, time zones, changes of clocks."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from trades.replay.bars import BarsError, PriceSeries
from trades.replay.parsing import ReadingOptions
from trades.replay.reading import read_bars

FIRST = date(2024, 2, 1)
DATES = [FIRST + timedelta(days=i) for i in range(70)]
NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def series_of(tmp_path: Path) -> Callable[..., PriceSeries]:
    def read_times(
        times: Iterable[str], time_zone: str | None = None, name: str = "Date"
    ) -> PriceSeries:
        path = tmp_path / "prices.csv"
        rows = [f"{name},Open,High,Low,Close"]
        rows += [f"{time},10,12,9,11" for time in times]
        path.write_text("\n".join(rows), encoding="utf-8")
        return read_bars(path, options=ReadingOptions(time_zone=time_zone))

    return read_times


Series = Callable[..., PriceSeries]


def dates_of(series: PriceSeries) -> list[date]:
    """The dates at both ends of each bar, as they print; they must agree."""
    assert [bar.at.date() for bar in series.bars] == [
        bar.opened_at.date() for bar in series.bars
    ]
    return [bar.at.date() for bar in series.bars]


def midnights(zone: ZoneInfo, dates: Iterable[date] = DATES) -> list[datetime]:
    return [datetime(day.year, day.month, day.day, tzinfo=zone) for day in dates]


@pytest.mark.parametrize(
    ("form", "time_zone"),
    [
        ("{}", "UTC"),
        ("{} 00:00:00+00:00", "UTC"),
        ("{} 00:00:00+09:00", "Etc/GMT-9"),
        ("{} 00:00:00-05:00", "Etc/GMT+5"),
        ("{} 00:00:00 GMT+0100", "Etc/GMT-1"),
        ("{} 16:00:00", "UTC"),
        ("{} 15:30:00+09:00", "Etc/GMT-9"),
    ],
)
def test_the_day_of_a_daily_bar_is_its_written_date(
    series_of: Series, form: str, time_zone: str
):
    series = series_of(form.format(day) for day in DATES)

    assert dates_of(series) == DATES
    assert series.time_zone == time_zone


def test_the_days_of_one_offset_begin_at_its_midnight(series_of: Series):
    bar = series_of(f"{day}T00:00:00+09:00" for day in DATES).bars[0]

    assert bar.opened_at == datetime(2024, 1, 31, 15, tzinfo=UTC)
    assert bar.at == datetime(2024, 2, 1, 14, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "fault"),
    [
        (
            [f"{day} 00:00:00 GMT+0530" for day in DATES],
            "line 2, column Date: times have the offset +05:30 (70 bars), which names "
            "no time zone: whose days are these? Give time_zone, such as "
            "Asia/Kolkata",
        ),
        (
            [at.isoformat(" ") for at in midnights(NEW_YORK)],
            "line 41, column Date: times have the offset -05:00 (39 bars) and -04:00 "
            "(31 bars), which together name no time zone: whose days are these? Give "
            "time_zone, such as America/New_York",
        ),
        (
            [str(int(at.timestamp())) for at in midnights(NEW_YORK)],
            "line 2, column Date: daily bars at 05:00 UTC: whose days are these? Give "
            "time_zone, such as America/New_York, or UTC for their dates in UTC",
        ),
        (
            [f"{day}T15:00:00Z" for day in DATES],
            "line 2, column Date: daily bars at 15:00 UTC: whose days are these? Give "
            "time_zone, such as America/New_York, or UTC for their dates in UTC",
        ),
        (
            [*map(str, DATES[:5]), *(f"{day} 00:00Z" for day in DATES[5:])],
            "line 7, column Date: is a time with an offset, the first bar has a time "
            "without an offset",
        ),
    ],
)
def test_days_that_no_zone_is_known_of_are_asked_for(
    series_of: Series, times: list[str], fault: str
):
    with pytest.raises(BarsError) as caught:
        series_of(times)

    assert str(caught.value) == f"prices.csv, {fault}"


@pytest.mark.parametrize(
    ("times", "time_zone"),
    [
        ([f"{day} 00:00:00 GMT+0530" for day in DATES], "Asia/Kolkata"),
        ([at.isoformat() for at in midnights(NEW_YORK)], "America/New_York"),
        ([str(int(at.timestamp())) for at in midnights(BERLIN)], "Europe/Berlin"),
        (
            # The open of New York's exchange, as a count since 1970.
            [
                str(int((at + timedelta(hours=9, minutes=30)).timestamp()))
                for at in midnights(NEW_YORK)
            ],
            "America/New_York",
        ),
        (
            # Sydney's open is the evening before in UTC.
            [
                f"{(at + timedelta(hours=10)).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
                for at in midnights(ZoneInfo("Australia/Sydney"))
            ],
            "Australia/Sydney",
        ),
        ([str(day) for day in DATES], "Asia/Tokyo"),
        # Midnight does not exist there on 8 September 2024.
        ([str(day) for day in DATES], "America/Santiago"),
    ],
)
def test_a_zone_given_has_the_days(series_of: Series, times: list[str], time_zone: str):
    series = series_of(times, time_zone)

    assert dates_of(series) == DATES
    assert series.time_zone == time_zone


def test_a_column_named_as_utc_is_not_taken_as_local(series_of: Series):
    times = [f"{at.astimezone(UTC):%Y-%m-%d %H:%M}" for at in midnights(BERLIN)]

    assert dates_of(series_of(times, "Europe/Berlin", name="Gmt time")) == DATES


def test_a_day_without_a_midnight_begins_when_it_does(series_of: Series):
    dates = [date(2024, 9, 1) + timedelta(days=i) for i in range(70)]

    series = series_of(map(str, dates), "America/Santiago")

    assert dates_of(series) == dates
    assert series.bars[7].opened_at == datetime(2024, 9, 8, 4, tzinfo=UTC)


def test_midnights_of_another_zone_are_refused(series_of: Series):
    with pytest.raises(BarsError, match=r"2024-01-31 10:00 in America/New_York"):
        series_of((f"{day}T00:00:00+09:00" for day in DATES), "America/New_York")


def test_two_bars_of_one_day_are_refused(series_of: Series):
    times = [*(f"{day} 00:00" for day in DATES), f"{DATES[-1]} 23:00"]

    with pytest.raises(BarsError, match="2024-04-10 is the same day as line 71"):
        series_of(times)


def test_a_month_of_weeks_and_of_months_keeps_its_dates(series_of: Series):
    weeks = [FIRST + timedelta(weeks=i) for i in range(70)]

    series = series_of(f"{day}T00:00:00+09:00" for day in weeks)

    assert [bar.opened_at.date() for bar in series.bars] == weeks
    assert series.bars[0].at.date() == weeks[1] - timedelta(days=1)


# Shorter bars


def hours(start: datetime, zone: ZoneInfo) -> list[datetime]:
    return [(start + timedelta(hours=i)).astimezone(zone) for i in range(70)]


AUTUMN = hours(datetime(2024, 10, 25, 22, tzinfo=UTC), BERLIN)
SPRING = hours(datetime(2024, 3, 30, tzinfo=UTC), BERLIN)


@pytest.mark.parametrize("times", [AUTUMN, SPRING])
@pytest.mark.parametrize("newest_first", [False, True])
def test_hours_of_a_zone_are_instants_over_a_change_of_clocks(
    series_of: Series, times: list[datetime], newest_first: bool
):
    written = [f"{at:%Y-%m-%d %H:%M}" for at in times]

    series = series_of(written[::-1] if newest_first else written, "Europe/Berlin")

    assert [bar.opened_at for bar in series.bars] == [
        at.astimezone(UTC) for at in times
    ]
    assert all(bar.at - bar.opened_at == timedelta(seconds=3599) for bar in series.bars)


def test_an_hour_that_comes_twice_needs_a_zone(series_of: Series):
    with pytest.raises(BarsError, match="same time as in line 28; if clocks were set"):
        series_of(f"{at:%Y-%m-%d %H:%M}" for at in AUTUMN)


def test_an_hour_that_comes_twice_and_stands_once_is_refused(series_of: Series):
    times = dict.fromkeys(f"{at:%Y-%m-%d %H:%M}" for at in AUTUMN)

    with pytest.raises(BarsError, match=r"line 28.*comes twice in Europe/Berlin"):
        series_of(times, "Europe/Berlin")


def test_an_hour_that_does_not_exist_is_refused(series_of: Series):
    times = hours(datetime(2024, 3, 30, tzinfo=UTC), ZoneInfo("UTC"))

    with pytest.raises(BarsError, match="2024-03-31 02:00:00 does not exist in Europe"):
        series_of((f"{at:%Y-%m-%d %H:%M}" for at in times), "Europe/Berlin")


def test_hours_with_one_offset_have_its_days(series_of: Series):
    start = datetime(2024, 1, 31, 15, tzinfo=UTC)
    times = hours(start, ZoneInfo("Asia/Tokyo"))

    series = series_of(at.isoformat() for at in times)

    assert series.time_zone == "Etc/GMT-9"
    assert series.bars[0].opened_at == start
    assert f"{series.bars[0].opened_at:%Y-%m-%d %H:%M}" == "2024-02-01 00:00"


def test_a_daily_bar_at_another_time_of_day_is_noted(series_of: Series):
    assert series_of(f"{day} 16:00" for day in DATES).notes == (
        "daily bars at 16:00; a bar's day is its written date",
    )
