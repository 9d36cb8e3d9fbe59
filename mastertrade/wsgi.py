"""WSGI entry point: `gunicorn mastertrade.wsgi`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from mastertrade.limits import serve_requests

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mastertrade.settings")

application = get_wsgi_application()
serve_requests()
# Now, not with the first request; where it cannot be, the process ends and says why.
if embedded := settings.DATABASES["default"].get("EMBEDDED"):
    embedded.serve()
