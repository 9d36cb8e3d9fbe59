"""The time of each row.

It stands in one column, in a date and a time of day, or in two columns that must say
the same, such as `unix` and `date`.
"""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from trades.replay.columns import Columns, Row
from trades.replay.times import Stamp, TimeKind, parse_stamp


class StampReader:
    """Collects the times of a file's rows. Raises `BarsError`."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.lines: list[int] = []
        is_pair = len(columns.times) == 2 and not columns.splits_time
        self.read: list[list[Stamp]] = [[], []] if is_pair else [[]]

    def add(self, row: Row) -> None:
        """Read the next row's time."""
        places = self.columns.times
        self.lines.append(row.line)
        if self.columns.splits_time:
            text = " ".join(row.fields[place].strip() for place in places)
            self.read[0].append(self._parse(row, text, places[0]))
            return
        for stamps, place in zip(self.read, places, strict=True):
            stamps.append(self._parse(row, row.fields[place].strip(), place))

    def stamps(self, time_zone: str | None) -> list[Stamp]:
        """The times; of two columns the written one, if it says what the other says."""
        if len(self.read) == 1:
            return self.read[0]
        first, second = self.read
        names = [self.columns.names[place] for place in self.columns.times]
        if any(stamp.kind is TimeKind.EPOCH for stamp in first[:1]):
            first, second = second, first
            names.reverse()
        if all(_says_same(a, b, time_zone) for a, b in zip(first, second, strict=True)):
            return first
        for named, exact in ((first, second), (second, first)):
            if all(stamp.is_midnight for stamp in named) and all(
                a.wall.date() == b.wall.date()
                for a, b in zip(named, exact, strict=True)
            ):
                return exact  # the other is its date alone
        index = next(
            i
            for i, (a, b) in enumerate(zip(first, second, strict=True))
            if not _says_same(a, b, time_zone)
        )
        raise self.columns.time_error(
            self.lines[index],
            f"{' and '.join(names)} are different times "
            f"({first[index].utc:%Y-%m-%d %H:%M:%S} and "
            f"{second[index].utc:%Y-%m-%d %H:%M:%S} UTC); remove the wrong one, or "
            "give time_zone if one of them is local",
        )

    def _parse(self, row: Row, text: str, place: int) -> Stamp:
        try:
            stamp = parse_stamp(text)
        except ValueError as error:
            raise self.columns.time_error(row.line, str(error)) from None
        if place in self.columns.utc_times and stamp.kind is TimeKind.LOCAL:
            return replace(stamp, kind=TimeKind.OFFSET)
        return stamp


def _says_same(first: Stamp, second: Stamp, time_zone: str | None) -> bool:
    return not _instants(first, time_zone).isdisjoint(_instants(second, time_zone))


def _instants(stamp: Stamp, time_zone: str | None) -> set[datetime]:
    """The instants a time may be: two in the hour that clocks repeat."""
    if stamp.kind is not TimeKind.LOCAL or time_zone is None:
        return {stamp.utc}
    zone = ZoneInfo(time_zone)
    return {
        stamp.wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)
    }
