"""The commands of a page: its `bash` blocks, and what the page shows of answers.

A comment right above a block says how it is run; it is invisible when rendered:

    <!-- serves -->          the last command goes on until the pages are through, or
                             until the next such block
    <!-- given: COMMAND -->  what a reader has already; run first
    <!-- needs: PROGRAM -->  not run where the program is not installed
    <!-- not run: REASON -->
    <!-- answer -->          above the block that shows what the last command printed:
                             `json` with some fields of it, `text` with some lines;
                             `…` stands for anything

Blocks are without a prompt, so that they can be pasted.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

NOT_BASH = ("console", "sh", "shell")
REMARK = re.compile(r"<!-- (serves|answer|given|needs|not run)(?:: (.+))? -->")


@dataclass(frozen=True)
class Command:
    line: int
    text: str


@dataclass
class Block:
    commands: list[Command]
    remarks: dict[str, str]
    shown: str = ""  # lines of the last command's output
    answer: Any = None  # fields of it, where it is JSON


def read_blocks(page: Path) -> list[Block]:
    """The blocks of a page in their order; ValueError where one cannot be read."""
    blocks: list[Block] = []
    remarks: dict[str, str] = {}
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            remarks |= dict(REMARK.findall(token.content))
            continue
        if token.type == "fence" and token.info == "bash":
            assert token.map is not None
            commands = list(_read_commands(token.content, token.map[0] + 2))
            blocks.append(Block(commands, remarks))
        elif token.type == "fence" and "answer" in remarks:
            if token.info == "json":
                blocks[-1].answer = json.loads(token.content)
            else:
                blocks[-1].shown = token.content
        elif token.type == "fence" and token.info in NOT_BASH:
            raise ValueError(f"{page}: write commands as bash, without a prompt")
        elif remarks:
            raise ValueError(f"{page}: {remarks} stands above no block")
        remarks = {}
    return blocks


def _read_commands(text: str, first_line: int) -> Iterator[Command]:
    pending: list[str] = []
    for number, line in enumerate(text.splitlines(), first_line):
        if pending or line.strip():
            pending.append(line)
        command = "\n".join(pending)
        if pending and _is_complete(command):
            yield Command(number - len(pending) + 1, command)
            pending = []
    if pending:  # bash will say what is wrong with it
        yield Command(number - len(pending) + 1, command)


def _is_complete(command: str) -> bool:
    """Whether bash would run it, or wait for another line."""
    checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True)
    return checked.returncode == 0 and not command.endswith("\\")


def is_shown(shown: str, output: str) -> bool:
    """Whether the lines follow each other in what a command printed."""
    pattern = re.escape(" ".join(shown.split())).replace("…", ".*?")
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
