"""A price file as lines of text: opened, unpacked and bounded, never held whole."""

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from trades.replay.bars import BarsError

LARGEST_FILE_BYTES = 256 * 1024 * 1024  # unpacked
LONGEST_LINE = 64 * 1024  # characters
GZIP_MAGIC = b"\x1f\x8b"
UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# How files begin that are no CSV, and what is to be done with them.
OTHER_KINDS = {
    b"PK\x03\x04": "a zip archive or an Excel workbook; unpack it, or save it as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save it as CSV",
    b"%PDF": "a PDF; a CSV file is needed",
    b"PAR1": "a Parquet file; a CSV file is needed",
    b"<!DOCTYPE": "a web page; a CSV file is needed",
    b"<!doctype": "a web page; a CSV file is needed",
    b"<html": "a web page; a CSV file is needed",
    b"{": "JSON; a CSV file is needed",
    b"[": "JSON; a CSV file is needed",
}


class PriceFile:
    """May be read line by line as often as needed. Raises `BarsError`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = path.name

    def lines(self) -> Iterator[str]:
        """The lines with their ends."""
        try:
            with self._open() as file:
                yield from self._bounded(file)
        except UnicodeDecodeError as error:
            line = self._undecodable_line(error.encoding)
            raise BarsError(
                self.name, "not UTF-8 text; save it as UTF-8", line=line
            ) from None
        except (OSError, EOFError, zlib.error) as error:
            raise BarsError(self.name, f"cannot be read: {error}") from error

    def _bounded(self, file: io.TextIOWrapper) -> Iterator[str]:
        size = number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            size += len(line)
            if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
                reason = f"longer than {LONGEST_LINE} characters"
                raise BarsError(self.name, reason, line=number)
            if size > LARGEST_FILE_BYTES:
                raise BarsError(self.name, f"larger than {LARGEST_FILE_BYTES} bytes")
            yield line

    def _open(self) -> io.TextIOWrapper:
        with self._open_binary() as file:
            start = file.read(64)
        for magic, kind in OTHER_KINDS.items():
            if start.lstrip().startswith(magic):
                raise BarsError(self.name, f"is {kind}")
        encoding = "utf-16" if start.startswith(UTF16_MARKS) else "utf-8-sig"
        if encoding != "utf-16" and b"\0" in start:
            raise BarsError(self.name, "not UTF-8 text; save it as UTF-8")
        return io.TextIOWrapper(self._open_binary(), encoding=encoding, newline="")

    def _open_binary(self) -> IO[bytes]:
        with self.path.open("rb") as file:
            is_packed = file.read(2) == GZIP_MAGIC
        if is_packed:
            return cast(IO[bytes], gzip.open(self.path))
        return self.path.open("rb")

    def _undecodable_line(self, encoding: str) -> int | None:
        if encoding.startswith("utf-16"):
            return None
        with self._open_binary() as file:
            for number, line in enumerate(file, start=1):
                try:
                    line.decode()
                except UnicodeDecodeError:
                    return number
        return None
