"""What the commands that import and export trades share."""

from typing import Any

from django.core.management.base import CommandError

from goals.models import Portfolio, User
from goals.services.portfolios import find_portfolio
from mastertrade.values.exceptions import InvalidInput
from mastertrade.values.messages import MOST_LISTED, did_you_mean


def find_user(name: str) -> User:
    user = User.objects.filter(username=name).first()
    if user is None:
        names = User.objects.order_by("username").values_list("username", flat=True)
        hint = did_you_mean(name, names[:MOST_LISTED])
        raise CommandError(f"There is no user {name}.{hint}")
    return user


def portfolio_of(user: User, reference: str | None) -> Portfolio:
    try:
        return find_portfolio(user, reference)
    except InvalidInput as unknown:
        raise CommandError(str(unknown.detail)) from unknown


def add_portfolio_arguments(parser: Any) -> None:
    parser.add_argument("--user", required=True, help="whose trades, by username")
    parser.add_argument("--portfolio", help="key or name (default: main)")
