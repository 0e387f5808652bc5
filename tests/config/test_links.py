"""Links in mails: each purpose by itself, none of another key, none too old, none changed."""

from time import time

import pytest
from django.core.signing import TimestampSigner, b62_encode

from config import links
from config.links import (
    LinkExpired,
    LinkInvalid,
    fingerprint,
    fingerprint_holds,
    link_for,
    link_read,
    link_sign,
    register,
)
from config.masking import scrub


@pytest.fixture(autouse=True)
def purposes(monkeypatch):
    monkeypatch.setattr(links, "_purposes", {})
    register("one", path="/one/{token}", claims=lambda argument, to: {"id": int(argument), "to": to}, max_age=60)
    register("other", path="/other/{token}", claims=lambda argument, to: None)


def test_a_link_leads_to_the_portal_and_says_what_it_claims(settings):
    settings.PORTAL_URL = "https://restaurants.example"
    address = link_for("one", "7", "anna@example.org")
    assert address is not None
    base, _, token = address.rpartition("/")
    assert base == "https://restaurants.example/one"
    assert link_read("one", token) == {"id": 7, "to": "anna@example.org"}


def test_no_claims_no_link():
    assert link_for("other", "7", "anna@example.org") is None


def test_a_purpose_is_registered_once():
    with pytest.raises(ValueError, match="There are links for 'one' already"):
        register("one", path="/{token}", claims=lambda argument, to: {})


def test_a_link_is_for_one_purpose():
    with pytest.raises(LinkInvalid):
        link_read("other", link_sign("one", {"id": 7}))


def test_a_link_is_as_old_as_its_purpose_allows(monkeypatch):
    with monkeypatch.context() as then:
        then.setattr(TimestampSigner, "timestamp", lambda self: b62_encode(int(time() - 3600)))
        tokens = {purpose: link_sign(purpose, {"id": 7}) for purpose in ("one", "other")}
    with pytest.raises(LinkExpired) as caught:
        link_read("one", tokens["one"])
    assert caught.value.code == "link_expired"
    assert link_read("other", tokens["other"]) == {"id": 7}


@pytest.mark.parametrize("key", ["staff", "former"])
def test_a_key_of_staff_signs_nothing_here(settings, key):
    settings.SECRET_KEY_FALLBACKS = ["f" * 50]
    signer = TimestampSigner(
        key=settings.SECRET_KEY if key == "staff" else "f" * 50, salt="links.one", sep=".", fallback_keys=[]
    )
    with pytest.raises(LinkInvalid):
        link_read("one", signer.sign_object({"id": 7}))


def test_links_and_fingerprints_outlive_a_change_of_the_key(settings):
    token, proof = link_sign("one", {"id": 7}), fingerprint("one", "anna@example.org")
    former, settings.PORTAL_SIGNING_KEY = settings.PORTAL_SIGNING_KEY, "another key " * 6
    assert not fingerprint_holds(proof, "one", "anna@example.org")
    with pytest.raises(LinkInvalid):
        link_read("one", token)
    settings.PORTAL_SIGNING_KEY_FALLBACKS = [former]
    assert link_read("one", token) == {"id": 7}
    assert fingerprint_holds(proof, "one", "anna@example.org")
    assert fingerprint("one", "anna@example.org") != proof
    assert not fingerprint_holds(proof, "one", "other@example.org")
    assert not fingerprint_holds(proof, "other", "anna@example.org")
    assert not fingerprint_holds("é", "one", "anna@example.org")


@pytest.mark.parametrize(
    "change", [lambda t: "", lambda t: "x", lambda t: t[:-1], lambda t: "é" + t, lambda t: t + "x"]
)
def test_a_changed_link_is_refused(change):
    with pytest.raises(LinkInvalid) as caught:
        link_read("one", change(link_sign("one", {"id": 7})))
    assert (caught.value.status, caught.value.code) == (400, "link_invalid")


def test_a_token_may_stand_in_a_path_and_is_masked_in_logs():
    token = link_sign("one", {"id": 7, "to": "ä@example.org"})
    assert all(char.isalnum() or char in "-_." for char in token)
    assert scrub(f"GET /one/{token} 200") == "GET /one/*** 200"
