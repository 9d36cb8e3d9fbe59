"""The same message of a bot from many sides at once."""

from threading import Barrier, Thread

import pytest
from django.db import connection

from tests.http import make_trader, unthrottled  # noqa: F401
from trades.models import WebhookFill
from trades.tests.api.test_webhooks import (
    assert_no_drift,
    body,
    of_trade,
    tell,
    tell_all,
    trade_of,
)


@pytest.mark.django_db(transaction=True)
def test_the_same_fill_from_many_sides_at_once_is_one() -> None:
    trader = make_trader()
    trader.ids["hook"] = trader.post("/api/webhooks/", body(), 201)["path"]
    tell_all(trader, of_trade(4)[:2])
    sold, start, answers = of_trade(4)[2], Barrier(6), []

    def sell() -> None:
        start.wait()
        try:
            answers.append(tell(trader, sold)["outcome"])
        finally:
            connection.close()

    threads = [Thread(target=sell) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["booked", *["known"] * 5]
    assert trade_of(4).parts.count() == 1
    assert WebhookFill.objects.filter(trade=trade_of(4)).count() == 3
    assert_no_drift(trader)
