"""freqtrade in a virtual environment of its own: it is no dependency of the project."""

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MIXIN = ROOT / "docs/integrations/freqtrade"
PLACE = ROOT / "var/freqtrade-venv"
VARIABLE = "FREQTRADE_VENV"
RELEASE = "freqtrade==2026.9"
LONGEST_RUN = 600.0


@dataclass(frozen=True, slots=True)
class Freqtrade:
    """An interpreter that has freqtrade."""

    python: Path

    def run(self, *arguments: str | Path, **environment: str) -> str:
        """Run a script of ours; what it printed, and an error where it failed."""
        # Neither our settings nor a proxy's.
        kept = {
            name: os.environ[name]
            for name in ("PATH", "HOME", "LANG")
            if name in os.environ
        }
        done = subprocess.run(
            [self.python, *arguments],
            env={**kept, "PYTHONPATH": str(MIXIN), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LONGEST_RUN,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{arguments[0]} failed:\n{done.stdout[-4000:]}")
        return done.stdout


def prepare() -> Freqtrade:
    """The environment that `FREQTRADE_VENV` names, else one under var/, made once."""
    named = os.environ.get(VARIABLE, "").strip()
    place = Path(named) if named else PLACE
    found = Freqtrade(place / "bin" / "python")
    if named:
        return found
    done = place / "installed"
    if not done.exists() or done.read_text() != RELEASE:
        print(f"Installing {RELEASE} into {place.relative_to(ROOT)} …", flush=True)
        venv.create(place, with_pip=True, clear=True)
        install = (found.python, "-m", "pip", "install", "--quiet")
        quiet = "--disable-pip-version-check"
        subprocess.run([*install, quiet, RELEASE], check=True)
        done.write_text(RELEASE)
    return found


@dataclass(frozen=True, slots=True)
class Backtest:
    """A backtest that was run: its trades as freqtrade exports them, and its words."""

    trades: list[dict[str, Any]]
    log: str


def backtest(
    freqtrade: Freqtrade,
    place: Path,
    pairs: Mapping[str, Any],
    settings: Mapping[str, Any],
    **environment: str,
) -> Backtest:
    """Backtest the strategy over these candles; `settings` add to the configuration."""
    data = place / "data" / "binance"
    data.mkdir(parents=True)
    for pair, candles in pairs.items():
        name = f"{pair.replace('/', '_')}-1d.json"
        (data / name).write_text(json.dumps(candles), encoding="utf-8")
    config = place / "config.json"
    config.write_text(
        json.dumps({**CONFIGURATION, **settings, "exchange": exchange(list(pairs))}),
        encoding="utf-8",
    )
    results = place / "results"
    results.mkdir()
    log = freqtrade.run(
        HERE / "offline.py",
        "backtesting",
        *("--config", config, "--userdir", place, "--datadir", data),
        *("--strategy", "GoalSized", "--strategy-path", HERE / "strategies"),
        *("--backtest-directory", results, "--export", "trades", "--cache", "none"),
        **environment,
    )
    (archive,) = results.glob("*.zip")
    with zipfile.ZipFile(archive) as opened:
        name = archive.with_suffix(".json").name
        answer = json.loads(opened.read(name))
    return Backtest(answer["strategy"]["GoalSized"]["trades"], log)


CONFIGURATION = {
    "bot_name": "proof",
    "dry_run": True,
    "trading_mode": "spot",
    "stake_currency": "USDT",
    "dataformat_ohlcv": "json",
    "entry_pricing": {"price_side": "same", "use_order_book": False},
    "exit_pricing": {"price_side": "same", "use_order_book": False},
    "pairlists": [{"method": "StaticPairList"}],
}


def exchange(pairs: list[str]) -> dict[str, Any]:
    return {"name": "binance", "pair_whitelist": pairs, "pair_blacklist": []}


if __name__ == "__main__":
    sys.exit("Run `make freqtrade`.")
