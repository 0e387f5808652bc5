"""Pages of other origins may use the API only where the setting names them."""

import pytest
from django.test import override_settings

from tests.api import Api

APP = "https://app.restaurants.example"
ASK = {"origin": APP, "access-control-request-method": "PATCH", "access-control-request-headers": "if-match"}


def cors(response: object) -> dict[str, str]:
    return {name.title(): value for name, value in response.items() if name.startswith("access-")}  # type: ignore[attr-defined]


@pytest.mark.parametrize("origins", [[], ["https://other.example"]])
def test_other_origins_get_nothing(api: Api, origins: list[str]) -> None:
    with override_settings(CORS_ALLOWED_ORIGINS=origins):
        assert cors(api.options("me", headers=ASK)) == {}
        assert cors(api.get("nowhere", headers={"origin": APP})) == {}


@override_settings(CORS_ALLOWED_ORIGINS=[APP])
def test_a_named_origin_may_send_and_read_what_the_api_uses(api: Api) -> None:
    asked = cors(api.options("me", headers=ASK))
    assert asked["Access-Control-Allow-Origin"] == APP
    assert asked["Access-Control-Allow-Credentials"] == "true"
    assert {"authorization", "if-match", "if-none-match", "idempotency-key", "x-request-id"} <= set(
        asked["Access-Control-Allow-Headers"].split(", ")
    )
    assert cors(api.get("nowhere", headers={"origin": APP})) == {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Request-ID, ETag, Retry-After, Location, Link, Deprecation, Sunset, "
        "WWW-Authenticate, Idempotent-Replayed",
    }


@override_settings(CORS_ALLOWED_ORIGINS=[APP])
def test_the_admin_is_for_no_other_origin(api: Api) -> None:
    assert cors(api.get("/admin/login/", headers={"origin": APP})) == {}
