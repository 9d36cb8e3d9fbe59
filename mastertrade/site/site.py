"""The admin site under the project's name, its apps in the order people use them."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.shortcuts import redirect

APP_ORDER = ("goals", "trades", "strategies", "auth", "procrastinate")


class MasterTradeAdminSite(AdminSite):
    site_header = "MasterTrade"
    site_title = "MasterTrade"
    index_title = "Overview"

    def get_app_list(
        self, request: HttpRequest, app_label: str | None = None
    ) -> list[Any]:
        """The apps of `APP_ORDER` first, any other after them by name."""
        apps = super().get_app_list(request, app_label)
        return sorted(apps, key=lambda app: _place_of(app["app_label"]))

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """The site has a page for it, which offers to revoke tokens too."""
        return redirect("site:password")


def _place_of(app_label: str) -> int:
    return APP_ORDER.index(app_label) if app_label in APP_ORDER else len(APP_ORDER)
