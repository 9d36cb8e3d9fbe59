"""A file that is the body itself, without a form around it."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser

from mastertrade.uploads import nameless_file

CHUNK_BYTES = 1 << 16


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
        told = {name: query[name] for name in query if name not in {"file", "partial"}}
        file = nameless_file("body", media_type)
        try:
            while chunk := stream.read(CHUNK_BYTES):
                file.write(chunk)
        except BaseException:
            file.close()
            raise
        file.size = file.tell()
        file.seek(0)
        return {"format": self.format_name, **told, "file": file}


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
