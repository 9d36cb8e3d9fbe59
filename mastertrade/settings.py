"""Settings, from environment variables. `.env.example` lists them all.

Without any of them MasterTrade serves this machine: an embedded PostgreSQL under
`var/`, a secret made at first start, no HTTPS. `MASTERTRADE_HTTPS=1` turns on what a
site on the internet needs.
"""

from datetime import timedelta
from pathlib import Path

from mastertrade import __version__
from mastertrade.database import database_settings
from mastertrade.db.limits import LONG, Limits
from mastertrade.environment import (
    SettingError,
    read_bool,
    read_choice,
    read_int,
    read_list,
    read_networks,
    read_secret,
    read_text,
)
from mastertrade.logs import FORMATTERS, without_clients_traceback

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

TESTING = read_bool("MASTERTRADE_TESTING", default=False)
DEBUG = read_bool("MASTERTRADE_DEBUG", default=False)
HTTPS = read_bool("MASTERTRADE_HTTPS", default=False)
# A connection pooler in transaction mode stands before the database: nothing is left on
# a connection for the next transaction.
POOLER = read_bool("MASTERTRADE_POOLER", default=False)
SECRET_KEY = (
    "only-for-tests"
    if TESTING
    else read_secret("MASTERTRADE_SECRET_KEY", VAR_DIR / "secret-key")
)
ALLOWED_HOSTS = read_list("MASTERTRADE_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
# Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.
TRUSTED_PROXIES = read_networks("MASTERTRADE_TRUSTED_PROXIES")
CSRF_TRUSTED_ORIGINS = read_list("MASTERTRADE_TRUSTED_ORIGINS", [])

INSTALLED_APPS = [
    "mastertrade.site.apps.MasterTradeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "knox",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "procrastinate.contrib.django",
    "django_htmx",
    "goals",
    "strategies",
    "trades",
    "mastertrade.site",
]
MIDDLEWARE = [
    "mastertrade.site.metrics.answer_metrics",
    "mastertrade.web.middleware.believe_trusted_proxies",
    "mastertrade.web.middleware.answer_health_checks",
    "mastertrade.web.metrics.measure_requests",
    "mastertrade.web.middleware.restrict_content",
    "mastertrade.web.middleware.complete_api_addresses",
    "mastertrade.web.body_limits.BodyLimitMiddleware",
    "mastertrade.web.parameters.KnownParametersMiddleware",
    "mastertrade.web.unavailable.UnavailableMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "mastertrade.site.sign_in.TooManyTriesMiddleware",
]
ROOT_URLCONF = "mastertrade.urls"
WSGI_APPLICATION = "mastertrade.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "mastertrade.site.shell.shell",
            ],
        },
    },
]

DATABASES = {
    "default": database_settings(base_dir=BASE_DIR, testing=TESTING)
    | {"LIMITS": LONG, "DISABLE_SERVER_SIDE_CURSORS": POOLER}
}
# A lock is waited for longer than PostgreSQL waits before it looks for a deadlock
# (1 s), for what is deadlocked is tried again; a statement less than the 30 s that
# proxies wait.
WEB_LIMITS = Limits(
    lock_timeout=read_int("DATABASE_LOCK_TIMEOUT_MS", default=2_000),
    statement_timeout=read_int("DATABASE_STATEMENT_TIMEOUT_MS", default=15_000),
    idle_in_transaction_session_timeout=read_int(
        "DATABASE_IDLE_TIMEOUT_MS", default=15_000
    ),
    crowded_lock_timeout=read_int("DATABASE_CROWDED_LOCK_TIMEOUT_MS", default=100),
)
# Encrypt the addresses of alert channels: the first, and of what older ones encrypted
# all read. `manage.py encrypt_channels` encrypts everything with the first again.
CHANNEL_KEYS = [
    word.strip()
    for word in (
        "only-for-tests"
        if TESTING
        else read_secret("MASTERTRADE_CHANNEL_KEYS", VAR_DIR / "channel-key")
    ).split(",")
]
# Alert channels that a user may have.
CHANNELS_PER_USER = read_int("MASTERTRADE_CHANNELS_PER_USER", default=20)
# Whether users may have alerts sent to addresses that are not on the internet.
ALLOW_PRIVATE_TARGETS = read_bool("MASTERTRADE_ALLOW_PRIVATE_TARGETS", default=False)
# The mail server that alerts, and links of accounts, are handed to. Without a name of
# it no links are sent, and pages offer no channel by e-mail.
HAS_MAIL = read_text("MASTERTRADE_EMAIL_HOST", "") != ""
EMAIL_HOST = read_text("MASTERTRADE_EMAIL_HOST", "localhost")
EMAIL_PORT = read_int("MASTERTRADE_EMAIL_PORT", default=25)
EMAIL_HOST_USER = read_text("MASTERTRADE_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = read_text("MASTERTRADE_EMAIL_PASSWORD", "")
# At most one: TLS from the first byte (port 465), or begun by STARTTLS (port 587).
EMAIL_USE_SSL = read_bool("MASTERTRADE_EMAIL_SSL", default=False)
EMAIL_USE_TLS = read_bool("MASTERTRADE_EMAIL_STARTTLS", default=False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = read_text("MASTERTRADE_EMAIL_FROM", "mastertrade@localhost")
# Where links in alerts lead, such as https://mastertrade.example; empty: no links.
SITE_URL = read_text("MASTERTRADE_URL", "").rstrip("/")
# The jobs that there are are named in `trades.jobs`.
PROCRASTINATE_ON_APP_READY = "trades.jobs.register"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEST_RUNNER = "mastertrade.test_runner.PytestRunner"

AUTH_USER_MODEL = "goals.User"
AUTHENTICATION_BACKENDS = ["goals.api.authentication.CountingBackend"]
LOGIN_URL = "site:login"
LOGIN_REDIRECT_URL = "site:home"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
if TESTING:
    PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = read_text("MASTERTRADE_STATIC_ROOT", "") or None
# Static files are served from the packages they come in; nothing need be collected.
WHITENOISE_USE_FINDERS = True

# What gunicorn and the proxies before it let a request take.
REQUEST_SECONDS = read_int("MASTERTRADE_REQUEST_SECONDS", default=30)
# The largest bodies, in bytes: where nobody need be signed in, where somebody is, and
# of a file of trades. Other pages read up to DATA_UPLOAD_MAX_MEMORY_SIZE. Without
# credentials nothing reads more than the first.
BODY_LIMITS = {
    "anonymous": read_int("MASTERTRADE_ANONYMOUS_BODY_BYTES", default=32_768),
    "signed_in": read_int("MASTERTRADE_BODY_BYTES", default=262_144),
    "upload": read_int("MASTERTRADE_UPLOAD_BYTES", default=100 * 2**20),
}
# Bytes of bodies above `signed_in` that a process takes in at once, an address at most
# half of them; and the connections that an address may hold in a process.
BODIES_IN_FLIGHT = read_int(
    "MASTERTRADE_BODIES_IN_FLIGHT_BYTES", default=4 * BODY_LIMITS["upload"]
)
if 2 * BODY_LIMITS["upload"] > BODIES_IN_FLIGHT:
    raise SettingError(
        "MASTERTRADE_BODIES_IN_FLIGHT_BYTES must be at least twice "
        f"MASTERTRADE_UPLOAD_BYTES, {2 * BODY_LIMITS['upload']}; it is "
        f"{BODIES_IN_FLIGHT}."
    )
CONNECTIONS_PER_ADDRESS = read_int("MASTERTRADE_CONNECTIONS_PER_ADDRESS", default=32)
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "mastertrade.web.uploads.NamelessUploadHandler",
]

# Throttles count here, in each process; many requests must not push a counter out.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "OPTIONS": {"MAX_ENTRIES": 20_000},
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First, so that a request without credentials answers 401.
        "goals.api.authentication.TokenAuthentication",
        "goals.api.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "mastertrade.web.permissions.KnowsParameters",
    ],
    "DEFAULT_PAGINATION_CLASS": "mastertrade.web.errors.Pages",
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "mastertrade.web.negotiation.Negotiation",
    "DEFAULT_PARSER_CLASSES": ["mastertrade.web.json_parser.ExactJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "mastertrade.web.openapi.TruthfulSchema",
    "DEFAULT_THROTTLE_CLASSES": [
        "goals.api.throttling.UserThrottle",
        "goals.api.throttling.AnonymousThrottle",
    ],
    # The address is the client's already, by `believe_trusted_proxies`.
    "NUM_PROXIES": 0,
    "DEFAULT_THROTTLE_RATES": {
        "user": read_text("MASTERTRADE_USER_RATE", "1200/min"),
        "anon": read_text("MASTERTRADE_ANONYMOUS_RATE", "60/min"),
        # Wrong tokens, and addresses of webhooks that there are not.
        "failed": read_text("MASTERTRADE_FAILED_RATE", "60/min"),
        # Test messages to alert channels.
        "channel_tests": read_text("MASTERTRADE_CHANNEL_TEST_RATE", "10/min"),
    },
    "EXCEPTION_HANDLER": "mastertrade.web.errors.handle_exception",
    "COERCE_DECIMAL_TO_STRING": True,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
# API tokens, and webhooks, that a user may have.
TOKENS_PER_USER = read_int("MASTERTRADE_TOKENS_PER_USER", default=100)
# Jobs of a user that have not ended; and where the files are that came with them, which
# every worker reads.
JOBS_PER_USER = read_int("MASTERTRADE_JOBS_PER_USER", default=10)
JOB_FILES = Path(read_text("MASTERTRADE_JOB_FILES", str(VAR_DIR / "jobs")))
KNOX_TOKEN_MODEL = "goals.ApiToken"
REST_KNOX = {
    # A bot's token lasts until it is revoked, unless it was issued with an end.
    "TOKEN_TTL": None,
    "AUTO_REFRESH": False,
    "TOKEN_LIMIT_PER_USER": None,
    "AUTH_HEADER_PREFIX": "Token",
    "EXPIRY_DATETIME_FORMAT": None,
    "MIN_REFRESH_INTERVAL": int(timedelta(hours=1).total_seconds()),
}
SPECTACULAR_SETTINGS = {
    "TITLE": "MasterTrade",
    "DESCRIPTION": (
        "Goal-oriented trading: before every trade, how large and with which "
        "strategy; after every trade, how far the goal is.\n\n"
        "Decimals travel as strings, instants as RFC 3339 UTC. Send the token as "
        "`Authorization: Token …`."
    ),
    "VERSION": __version__,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "ENUM_NAME_OVERRIDES": {
        "AlertKindEnum": "goals.api.serializers.channels.ALERT_KINDS",
        "ChannelKindEnum": "goals.api.serializers.channels.CHANNEL_KINDS",
        "DeliveryStateEnum": "goals.api.serializers.channels.DELIVERY_STATES",
        "GoalStatusEnum": "goals.api.serializers.goals.GOAL_STATUSES",
        "GoalSwitchEnum": "goals.api.serializers.goals.GOAL_SWITCHES",
        "GoalTypeEnum": "goals.api.serializers.goals.GOAL_TYPES",
        "HaltCauseEnum": "goals.api.serializers.halts.HALT_CAUSES",
        "JobKindEnum": "trades.api.serializers.jobs.JOB_KINDS",
        "JobStateEnum": "trades.api.serializers.jobs.JOB_STATES",
        "PortfolioKindEnum": "goals.api.serializers.portfolios.PORTFOLIO_KINDS",
        "ReplayedGoalTypeEnum": "trades.api.serializers.replays.GOAL_TYPES",
        "StrategyStatusEnum": "strategies.api.serializers.STRATEGY_STATUSES",
        "TradeStatusEnum": "trades.api.serializers.trades.TRADE_STATUSES",
    },
}

# Who sends it may read /metrics; without one it is this machine's.
METRICS_TOKEN = read_text("MASTERTRADE_METRICS_TOKEN", "")

LOG_FORMAT = read_choice("MASTERTRADE_LOG_FORMAT", "line", FORMATTERS)
LOG_LEVEL = read_text("MASTERTRADE_LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "without_clients_traceback": {
            "()": "django.utils.log.CallbackFilter",
            "callback": without_clients_traceback,
        },
    },
    "formatters": {
        "line": {
            "()": FORMATTERS[LOG_FORMAT],
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        }
    },
    # The only handler: Django's own, which know nothing of secrets, are taken away.
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "line",
            "filters": ["without_clients_traceback"],
        }
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": "INFO"},
        "django.server": {"handlers": [], "propagate": True},
        # What a request got wrong is in its answer; only what we got wrong is logged.
        "django.request": {"level": "ERROR"},
        # A line for each request, with its id, where programs read the logs.
        "mastertrade.requests": {
            "level": "INFO" if LOG_FORMAT == "json" else "WARNING"
        },
        # It reports every font it finds, in the middle of a report.
        "matplotlib": {"level": "WARNING"},
        # A line for every job, twice.
        "procrastinate": {"level": "WARNING"},
        # A warning for each request that waits for a thread.
        "waitress.queue": {"level": "ERROR"},
    },
}

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SESSION_COOKIE_HTTPONLY = True
if HTTPS:
    SECURE_SSL_REDIRECT = True
    # Of a trusted proxy, which ends TLS and sets this header itself.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = read_int("MASTERTRADE_HSTS_SECONDS", default=31_536_000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    # Browsers would carry the domain in their own list, for years: only when asked.
    SECURE_HSTS_PRELOAD = read_bool("MASTERTRADE_HSTS_PRELOAD", default=False)
    SILENCED_SYSTEM_CHECKS = ["security.W021"]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
