"""Parts of addresses that are text: `<text:…>` in the routes of every app."""

from django.urls import register_converter
from django.urls.converters import StringConverter


class TextConverter(StringConverter):
    """A part of an address that PostgreSQL can look for: any text without NUL."""

    regex = r"[^/\x00]+"


register_converter(TextConverter, "text")
