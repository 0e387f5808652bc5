"""How the staff's API is used: its documents."""

from pathlib import Path

from config.api.docs import Docs

DOCS = Docs(
    urlconf="backoffice.urls",
    prefix="/api/v1/staff/",
    title="Restaurants: staff API",
    name="staff-",
    changed={
        "TITLE": "Restaurants, for staff",
        "DESCRIPTION": (Path(__file__).parent / "api.md").read_text(encoding="utf-8"),
        "SCHEMA_PATH_PREFIX": "/api/v1/staff",
        "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums"],
        "TAGS": [
            {"name": "auth", "description": "Logging in and out."},
            {"name": "accounts", "description": "Oneself, and one's log-ins."},
            {"name": "backoffice", "description": "The restaurants one works for, and their customers."},
            {"name": "menus", "description": "Recipes and menus."},
            {"name": "reservations", "description": "The bookings of a restaurant, and its day."},
            {"name": "orders", "description": "The orders of a restaurant."},
            {"name": "separation", "description": "How the customers' move stands."},  # separation: line
        ],
    },
)
