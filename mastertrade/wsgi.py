"""WSGI entry point: `gunicorn mastertrade.wsgi`."""

import os

from django.core.wsgi import get_wsgi_application

from mastertrade.limits import serve_requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")

application = get_wsgi_application()
serve_requests()
