"""A file that is the body itself, without a form around it."""

import shlex
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser

from mastertrade.values.exceptions import InvalidInput
from mastertrade.web.uploads import nameless_file
from trades.importing.estimating import estimate_rows, estimate_seconds
from trades.importing.formats.mapped import MAPPED
from trades.importing.options import FILE_FLAGS, FLAGS, REPEATED_FLAGS
from trades.importing.recognising import HEAD_BYTES

CHUNK_BYTES = 1 << 16
# Of the query, next to a file that is the body.
NO_FIELDS = {"file", "partial", "background"}


def refuse_slow_reading() -> Callable[[int], None]:
    """To be called while a file is read, for its first rows may say little of others.

    Raises `InvalidInput` for `file` when half the time of a request is over: what was
    read is still to be written.
    """
    most = settings.REQUEST_SECONDS / 2
    end = time.monotonic() + most

    def check(_: int) -> None:
        if time.monotonic() > end:
            raise InvalidInput(
                "file",
                f"takes longer to read than {most:g} s, half of what a request may "
                "take here (MASTERTRADE_REQUEST_SECONDS). Nothing was imported: send "
                "it with ?background=1, or import it on the server with "
                "manage.py import_trades.",
            )

    return check


def refuse_slow_upload(asked: Mapping[str, Any], user_name: str) -> None:
    """Raise `InvalidInput` for `file` where a request is too short for the import."""
    file, format_name = asked["file"], asked["format"]
    head = file.read(HEAD_BYTES)
    file.seek(0)
    rows = estimate_rows(head, file.size, format_name)
    seconds = estimate_seconds(rows, format_name)
    if seconds <= settings.REQUEST_SECONDS:
        return
    raise InvalidInput(
        "file",
        f"holds about {rows:,} rows, which may take {seconds} s; a request may take "
        f"{settings.REQUEST_SECONDS} s here (MASTERTRADE_REQUEST_SECONDS). Send it "
        f"with ?background=1, or import it on the server: "
        f"{_show_command(asked, user_name)}",
    )


def _show_command(asked: Mapping[str, Any], user_name: str) -> str:
    """The command that imports the same file in the same way."""
    words = ["manage.py", "import_trades", "FILE", "--user", user_name]
    for name, option in FLAGS.items():
        if name in asked:
            words += [option, str(asked[name])]
    for name, option in REPEATED_FLAGS.items():
        for pair in filter(None, asked.get(name, "").split(",")):
            words += [option, pair.strip()]
    if "fx_rates_file" in asked:
        words += [FILE_FLAGS["fx_rates_file"], "RATES"]
    return shlex.join(words)


class FileBodyParser(BaseParser):
    """Keeps the body in a temporary file, whatever its size; the rest is the query.

    The media type says the format, unless the query does.
    """

    format_name: str

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        query = parser_context["request"].query_params if parser_context else {}
        asked = {name: query[name] for name in query if name not in NO_FIELDS}
        file = nameless_file("body", media_type)
        try:
            while chunk := stream.read(CHUNK_BYTES):
                file.write(chunk)
        except BaseException:
            file.close()
            raise
        file.size = file.tell()
        file.seek(0)
        format_name = MAPPED.name if "mapping" in asked else self.format_name
        return {"format": format_name, **asked, "file": file}


class CSVBodyParser(FileBodyParser):
    media_type = "text/csv"
    format_name = "mastertrade-csv"


class JSONBodyParser(FileBodyParser):
    media_type = "application/json"
    format_name = "mastertrade-json"


class JSONLinesBodyParser(FileBodyParser):
    media_type = "application/x-ndjson"
    format_name = "mastertrade-json"


class PlainNegotiation(DefaultContentNegotiation):
    """`?format=` is the file's, not the answer's."""

    def filter_renderers(self, renderers: Any, format: str) -> Any:
        return renderers
