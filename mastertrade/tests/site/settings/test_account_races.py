"""Two at once: one invitation makes one account, and a deleted one leaves no row."""

from collections.abc import Callable
from decimal import Decimal
from threading import Barrier
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import timezone

from goals.models import CashFlow, Portfolio, User
from goals.services import invitations
from goals.services.invitations import accept_invitation, invite
from goals.services.portfolios import record_cash_flow
from goals.tests.factories import PortfolioFactory, UserFactory
from mastertrade.values.exceptions import DomainError, NotFound
from trades.services import accounts
from trades.services.accounts import delete_account
from trades.tests.races import run_at_once

pytestmark = pytest.mark.django_db(transaction=True)


def meeting(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which both call before either goes on."""
    barrier = Barrier(2)

    def meet(*args: Any) -> Any:
        barrier.wait(timeout=10)
        return function(*args)

    return meet


def test_of_two_that_accept_at_once_one_gets_an_account() -> None:
    root, now = UserFactory(is_superuser=True), timezone.now()
    _, token = invite(by=root, days=3, now=now)

    def accept(name: str) -> Callable[[], User]:
        return lambda: accept_invitation(
            token=token, username=name, password="x", now=now
        )

    with patch.object(invitations, "digest_of", meeting(invitations.digest_of)):
        results = run_at_once(accept("one"), accept("two"))
    assert sorted(type(one).__name__ for one in results) == ["NotFound", "User"]
    assert User.objects.filter(username__in=("one", "two")).count() == 1
    (refused,) = [one for one in results if isinstance(one, NotFound)]
    assert "not valid" in refused.detail


def test_what_is_booked_while_an_account_is_deleted_goes_with_it() -> None:
    portfolio, now = PortfolioFactory(), timezone.now()
    user = User.objects.get(pk=portfolio.user.pk)
    refuse = accounts._refuse_in_use
    began = Barrier(2)

    def delete() -> None:
        def refuse_and_wait(locked: User) -> None:
            refuse(locked)
            began.wait(timeout=10)  # all is locked, nothing deleted yet

        with patch.object(accounts, "_refuse_in_use", refuse_and_wait):
            delete_account(user)

    def book() -> object:
        began.wait(timeout=10)
        return record_cash_flow(
            user=user, portfolio=portfolio.pk, amount=Decimal(5), now=now
        )

    deleted, booked = run_at_once(delete, book)
    assert deleted is None
    assert isinstance(booked, DomainError)
    assert not User.objects.filter(pk=user.pk).exists()
    assert not Portfolio.objects.filter(pk=portfolio.pk).exists()
    assert not CashFlow.objects.exists()
