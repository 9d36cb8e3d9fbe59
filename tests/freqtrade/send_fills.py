"""Let freqtrade live through trades and tell their fills: in its environment.

    python send_fills.py URL FORMAT DATABASE TIMES

The trades are those of the fixture, kept by freqtrade's models in the file DATABASE.
Its own webhook sends the messages to URL, as FORMAT; each as many times as TIMES says,
as it would if the answers got lost.
"""

import logging
import sys
from pathlib import Path
from typing import Any

from offline import cut_the_network

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "trades/tests/files"))

import make_freqtrade_database as fixture  # noqa: E402


def main() -> None:
    url, encoding, database, times = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    cut_the_network()
    config = fixture.configuration()
    config["webhook"] |= {"url": url, "format": encoding, "retries": 0}
    words_of, sent = fixture.bot_of, 0

    def bot_of(story: Any, settings: dict[str, Any]) -> Any:
        bot = words_of(story, settings)
        real = type(bot.rpc)._send_msg

        def send(payload: dict[str, Any]) -> None:
            nonlocal sent
            sent += 1
            for _ in range(int(times)):
                real(bot.rpc, payload)

        bot.rpc._send_msg = send
        return bot

    fixture.bot_of = bot_of
    fixture.record(Path(database), config)
    print(sent)


if __name__ == "__main__":
    main()
