from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "mastertrade.dashboard"
    verbose_name = "Dashboard"
