"""Printing on a terminal what may hold anything: names of files, figures, errors."""

from typing import Any

from rich.console import Console


def open_console(**options: Any) -> Console:
    """A console that takes every text as it is: `[/red]` and `:bug:` are no markup."""
    return Console(markup=False, emoji=False, **options)


def printable(text: str) -> str:
    """The text without what a terminal would obey: escapes, and marks of direction."""
    return "".join(one if one.isprintable() else "\ufffd" for one in text)
