from django.apps import AppConfig
from django.contrib.admin import apps as admin


class DashboardConfig(AppConfig):
    name = "mastertrade.dashboard"
    verbose_name = "Dashboard"
    default = True


class MasterTradeAdminConfig(admin.AdminConfig):
    """In `INSTALLED_APPS` in place of "django.contrib.admin"."""

    default = False
    default_site = "mastertrade.dashboard.site.MasterTradeAdminSite"
