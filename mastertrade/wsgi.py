"""WSGI entry point: `gunicorn mastertrade.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import resolve

from mastertrade.limits import serve_requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")

application = get_wsgi_application()
serve_requests()
# Imports every view now: else the first body would hold all connections meanwhile.
resolve("/")
