"""Settings from the environment: read as what they should be, or refused loudly."""

import multiprocessing
import stat

import pytest

from mastertrade.environment import (
    SettingError,
    read_bool,
    read_int,
    read_list,
    read_secret,
    read_text,
)

NAME = "MASTERTRADE_TEST_SETTING"


@pytest.fixture(autouse=True)
def _unset(monkeypatch):
    monkeypatch.delenv(NAME, raising=False)


@pytest.mark.parametrize("word", ["1", "true", "TRUE", "yes", "on"])
def test_a_switch_can_be_on(monkeypatch, word):
    monkeypatch.setenv(NAME, word)
    assert read_bool(NAME, default=False) is True


@pytest.mark.parametrize("word", ["0", "false", "No", "off", ""])
def test_a_switch_can_be_off(monkeypatch, word):
    monkeypatch.setenv(NAME, word)
    assert read_bool(NAME, default=True) is False


@pytest.mark.parametrize("default", [True, False])
def test_a_switch_left_out_has_its_default(default):
    assert read_bool(NAME, default=default) is default


def test_a_switch_that_is_neither_is_refused_by_name(monkeypatch):
    monkeypatch.setenv(NAME, "maybe")
    with pytest.raises(SettingError, match=f"{NAME} must be one of .* 'maybe'"):
        read_bool(NAME, default=False)


def test_a_number_is_read(monkeypatch):
    monkeypatch.setenv(NAME, "42")
    assert read_int(NAME, default=7) == 42


def test_a_number_left_out_has_its_default():
    assert read_int(NAME, default=7) == 7


@pytest.mark.parametrize("word", ["", "1.5", "many"])
def test_what_is_no_whole_number_is_refused_by_name(monkeypatch, word):
    monkeypatch.setenv(NAME, word)
    with pytest.raises(SettingError, match=f"{NAME} must be a whole number"):
        read_int(NAME, default=7)


def test_a_list_is_split_at_commas(monkeypatch):
    monkeypatch.setenv(NAME, " a.example , b.example,, ")
    assert read_list(NAME, []) == ["a.example", "b.example"]


def test_a_list_left_out_has_its_default():
    assert read_list(NAME, ["localhost"]) == ["localhost"]


def test_a_text_left_out_has_its_default():
    assert read_text(NAME, "INFO") == "INFO"


def test_a_secret_of_the_environment_is_not_written_down(monkeypatch, tmp_path):
    monkeypatch.setenv(NAME, "from outside")
    assert read_secret(NAME, tmp_path / "secret") == "from outside"
    assert not (tmp_path / "secret").exists()


def test_a_secret_is_made_once_and_kept(tmp_path):
    path = tmp_path / "var" / "secret"
    assert read_secret(NAME, path) == read_secret(NAME, path)


def test_a_secret_is_long(tmp_path):
    assert len(read_secret(NAME, tmp_path / "secret")) >= 50


def test_two_checkouts_have_different_secrets(tmp_path):
    assert read_secret(NAME, tmp_path / "one") != read_secret(NAME, tmp_path / "two")


def test_a_secret_is_readable_by_its_owner_only(tmp_path):
    path = tmp_path / "secret"
    read_secret(NAME, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_but_the_secret_is_left_behind(tmp_path):
    read_secret(NAME, tmp_path / "secret")
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_processes_that_make_a_secret_at_once_agree(tmp_path):
    context = multiprocessing.get_context("fork")
    gate = context.Barrier(3)
    answer = context.Queue()
    processes = [
        context.Process(target=_tell_secret, args=(gate, answer, tmp_path / "secret"))
        for _ in range(3)
    ]
    for process in processes:
        process.start()
    secrets = {answer.get(timeout=10) for _ in processes}
    for process in processes:
        process.join()
    assert len(secrets) == 1


def _tell_secret(gate, answer, path):
    gate.wait(timeout=10)
    answer.put(read_secret(NAME, path))
