"""Reading a JSON array of any length, item by item, in little memory. Pure."""

import codecs
import io
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from mastertrade.values.exceptions import InvalidInput

CHUNK_BYTES = 1 << 16
LONGEST_ITEM = 1_000_000
SPACE = re.compile(r"[ \t\n\r]*")
# The standard decoder bounds depth and the digits of a number by itself.
DECODER = json.JSONDecoder(parse_float=Decimal)


def each_item(source: io.BufferedReader) -> Iterator[Any]:
    """The items of the array that `source` stands before; numbers are exact.

    Raises `ValueError` or `RecursionError` where it is no such JSON, `InvalidInput` for
    `file` where an item is longer than any trade.
    """
    text = _Text(source)
    text.take("[")
    if text.next_character() == "]":
        text.take("]")
    else:
        yield text.take_value()
        while text.next_character() == ",":
            text.take(",")
            yield text.take_value()
        text.take("]")
    if text.next_character():
        raise ValueError("something follows the array")


class _Text:
    """What was read of a file and is not yet taken."""

    def __init__(self, source: io.BufferedReader) -> None:
        self._source = source
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._read = ""
        self._place = 0
        self._ended = False

    def next_character(self) -> str:
        """The next that is no space, not taken; empty at the end."""
        while True:
            found = SPACE.match(self._read, self._place)
            self._place = found.end() if found else self._place
            if self._place < len(self._read) or self._ended:
                return self._read[self._place : self._place + 1]
            self._read_on()

    def take(self, character: str) -> None:
        found = self.next_character()
        if found != character:
            raise ValueError(f"{character} is missing before {found or 'the end'}")
        self._place += 1

    def take_value(self) -> Any:
        self.next_character()
        while True:
            try:
                value, end = DECODER.raw_decode(self._read, self._place)
            except json.JSONDecodeError:
                if self._ended:
                    raise
            else:
                # A number may go on behind what was read.
                if end < len(self._read) or self._ended:
                    self._place = end
                    return value
            if len(self._read) - self._place > LONGEST_ITEM:
                given = f"is not JSON, or has an item above {LONGEST_ITEM} characters."
                raise InvalidInput("file", given)
            self._read_on()

    def _read_on(self) -> None:
        chunk = self._source.read(CHUNK_BYTES)
        self._ended = not chunk
        more = self._decode(chunk, self._ended)
        self._read = self._read[self._place :] + more
        self._place = 0
