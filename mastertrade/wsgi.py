"""WSGI entry point: `gunicorn mastertrade.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from mastertrade.db.limits import serve_requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")

application = get_wsgi_application()
serve_requests()
# Imports every view now: else the first body would hold all connections meanwhile.
resolve("/")
# Now, not with the first request; where it cannot be, the process ends and says why.
if embedded := settings.DATABASES["default"].get("EMBEDDED"):
    embedded.serve()
