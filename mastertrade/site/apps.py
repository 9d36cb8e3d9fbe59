from django.apps import AppConfig
from django.contrib.admin import apps as admin


class DashboardConfig(AppConfig):
    name = "mastertrade.site"
    verbose_name = "Dashboard"
    default = True

    def ready(self) -> None:
        from mastertrade import checks  # noqa: F401  (registers them)
        from mastertrade.web import converters  # noqa: F401  (registers it)


class MasterTradeAdminConfig(admin.AdminConfig):
    """In `INSTALLED_APPS` in place of "django.contrib.admin"."""

    default = False
    default_site = "mastertrade.site.site.MasterTradeAdminSite"
