"""That a page which does not do what it says is noticed, and named."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.readme.__main__ import Failed, Reader, why_not_run
from tests.readme.blocks import find_difference, is_shown, read_blocks

Page = Callable[[str], Path]


@pytest.fixture
def page(tmp_path: Path) -> Page:
    """Writes `page.md` in a directory of its own."""

    def write(text: str) -> Path:
        path = tmp_path / "clone" / "page.md"
        path.parent.mkdir()
        path.write_text(text, encoding="utf-8")
        return path

    return write


def read(path: Path) -> Reader:
    reader = Reader(path.parent, {"PATH": os.environ["PATH"], "PORT": "1"})
    reader.read(Path(path.name))
    return reader


def block(*lines: str, remark: str = "") -> str:
    return "\n".join([remark, "```bash", *lines, "```", ""])


def test_commands_share_a_shell_and_files_of_the_clone(page) -> None:
    path = page(block("NAME=made", "make_it() { touch $1; }") + block("make_it $NAME"))
    read(path)
    assert (path.parent / "made").exists()


@pytest.mark.parametrize(
    "command",
    [
        "false",
        "exit 1",
        "no-such-program",
        "false | cat",
        "NAME=$(false)",
        "cd nowhere",
    ],
)
def test_the_first_command_that_fails_is_named_by_file_and_line(page, command) -> None:
    path = page(f"# A page\n{block('echo first', command, 'touch made')}")
    with pytest.raises(Failed, match=r"page\.md:5: "):
        read(path)
    assert not (path.parent / "made").exists()


def test_what_a_failing_command_printed_is_shown(page) -> None:
    with pytest.raises(Failed, match="exit status 3, after:\nit is broken"):
        read(page(block("(echo it is broken >&2; exit 3)")))


def test_a_command_may_go_on_in_the_next_line(page) -> None:
    path = page(
        block("touch \\", "    made \\", "    too", "", "A='one", "two'", "rm made")
    )
    read(path)
    assert (path.parent / "too").exists()


def test_output_that_the_page_shows_must_appear(page) -> None:
    shown = "<!-- answer -->\n```text\nb … c\nd\n```\n"
    read(page(block("printf 'a\\nb 12 c\\nd\\n'") + shown))


def test_other_output_than_the_page_shows_is_named(page) -> None:
    with pytest.raises(Failed, match="The page shows:\nb\nIt prints:\na"):
        read(page(block("echo a") + "<!-- answer -->\n```text\nb\n```\n"))


def test_an_answer_must_have_the_fields_that_the_page_shows(page) -> None:
    answer = '<!-- answer -->\n```json\n{"size": "2"}\n```\n'
    command = """echo '{"size": "1", "more": 0}'"""
    with pytest.raises(Failed, match="page shows '2', the answer is '1'"):
        read(page(f"{block(command)}\n{answer}"))


def test_a_block_that_is_not_run_gives_its_reason(page) -> None:
    remark = "<!-- not run: it needs the moon -->"
    reader = read(page(block("false", remark=remark)))
    assert reader.not_run == ["page.md:3: it needs the moon"]


def test_a_block_needs_its_program(page) -> None:
    remark = "<!-- needs: no-such-program -->\n<!-- given: touch made -->"
    path = page(block("false", remark=remark))
    assert read(path).not_run == [
        "page.md:4: needs no-such-program, which is not installed"
    ]
    assert not (path.parent / "made").exists()
    (needed,) = read_blocks(path)
    needed.remarks["needs"] = "bash"
    assert why_not_run(needed) is None


def test_what_a_reader_has_already_is_made_first(page) -> None:
    read(page(block("rm made", remark="<!-- given: touch made -->")))


def test_a_site_that_does_not_come_up_is_named(page) -> None:
    remark = "<!-- serves -->"
    with pytest.raises(Failed, match=r"does not answer\. It printed:\nno"):
        read(page(block("echo no", remark=remark)))


def test_a_remark_above_no_block_is_refused(page) -> None:
    with pytest.raises(ValueError, match="stands above no block"):
        read(page("<!-- serves -->\n\nSome text.\n"))


def test_a_block_with_a_prompt_is_refused(page) -> None:
    with pytest.raises(ValueError, match="without a prompt"):
        read(page("```console\n$ true\n```\n"))


@pytest.mark.parametrize(
    ("shown", "real", "difference"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, None),
        ({"a": "Goal …."}, {"a": "Goal 17."}, None),
        ({"a": "…"}, {"a": 17}, None),
        ({"a": [{"b": "1"}]}, {"a": [{"b": "1"}, {}]}, None),
        ({"a": "…"}, {}, "answer.a: the page shows '…', the answer is None"),
        ({"a": []}, {"a": None}, "answer.a: the page shows [], the answer is None"),
        ([1, 2], [1], "answer: the page shows [1, 2], the answer is [1]"),
        ({"a": [{"b": "1"}]}, {"a": [{"b": "2"}]}, "answer.a[0].b: the page shows"),
    ],
)
def test_differences_of_an_answer(shown, real, difference) -> None:
    found = find_difference(shown, real)
    assert found == difference or (difference and found.startswith(difference))


def test_shown_lines_follow_each_other() -> None:
    assert is_shown("b\nc\n", "a\n b\nc  \n")
    assert not is_shown("a\nc\n", "a\nb\nc\n")
