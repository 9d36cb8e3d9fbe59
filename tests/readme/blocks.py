"""The commands of a page: its `console` blocks, and what the page shows of answers.

A comment right above a block says how it is run; it is invisible when rendered:

    <!-- serves -->          the last command goes on until the pages are through, or
                             until the next such block
    <!-- given: COMMAND -->  what a reader has already; run first
    <!-- needs: PROGRAM -->  not run where the program is not installed
    <!-- not run: REASON -->
    <!-- answer -->          above `json`: fields of the last command's answer

Lines of a `console` block that are no commands are output that must appear. `…` stands
for anything there, and in an answer's texts.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

REMARK = re.compile(r"<!-- (serves|answer|given|needs|not run)(?:: (.+))? -->")


@dataclass
class Command:
    line: int
    text: str
    shown: list[str] = field(default_factory=list)


@dataclass
class Block:
    commands: list[Command]
    remarks: dict[str, str]
    answer: Any = None


def read_blocks(page: Path) -> list[Block]:
    """The blocks of a page in their order; ValueError where one cannot be read."""
    blocks: list[Block] = []
    remarks: dict[str, str] = {}
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            remarks |= dict(REMARK.findall(token.content))
            continue
        if token.type == "fence" and token.info == "console":
            assert token.map is not None
            commands = list(_read_commands(token.content, token.map[0] + 2))
            blocks.append(Block(commands, remarks))
        elif token.type == "fence" and "answer" in remarks:
            blocks[-1].answer = json.loads(token.content)
        elif remarks:
            raise ValueError(f"{page}: {remarks} stands above no block")
        remarks = {}
    return blocks


def _read_commands(text: str, first_line: int) -> Iterator[Command]:
    command: Command | None = None
    for number, line in enumerate(text.splitlines(), first_line):
        if line.startswith("$ "):
            if command is not None:
                yield command
            command = Command(number, line.removeprefix("$ "))
        elif command is None:
            raise ValueError(f"line {number}: a block begins with a command, $ …")
        elif command.text.endswith("\\"):
            command.text += f"\n{line}"
        else:
            command.shown.append(line)
    if command is not None:
        yield command


def is_shown(shown: list[str], output: str) -> bool:
    """Whether the lines follow each other in what a command printed."""
    lines = (re.escape(" ".join(line.split())) for line in shown)
    pattern = " ".join(lines).replace("…", ".*?")
    return re.search(pattern, " ".join(output.split())) is not None


def find_difference(shown: Any, real: Any, path: str = "answer") -> str | None:
    """What an answer lacks of the fields and values that are shown."""
    if isinstance(shown, dict) and isinstance(real, dict):
        pairs = [(f"{path}.{name}", shown[name], real.get(name)) for name in shown]
    elif isinstance(shown, list) and isinstance(real, list) and len(shown) <= len(real):
        pairs = [
            (f"{path}[{i}]", *both)
            for i, both in enumerate(zip(shown, real, strict=False))
        ]
    elif isinstance(shown, str) and "…" in shown and real is not None:
        pattern = re.escape(shown).replace("…", ".+?")
        return None if re.fullmatch(pattern, str(real)) else _differs(path, shown, real)
    else:
        return None if shown == real else _differs(path, shown, real)
    found = (find_difference(mine, theirs, name) for name, mine, theirs in pairs)
    return next((difference for difference in found if difference), None)


def _differs(path: str, shown: Any, real: Any) -> str:
    return f"{path}: the page shows {shown!r}, the answer is {real!r}"
