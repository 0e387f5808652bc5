"""Tokens of one kind are never taken for those of another; keys can be changed while tokens are out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from config.tokens import TokenInvalid, TokenKind

NEW, OLD = "new " * 12, "old " * 12
KIND = TokenKind("guest+jwt", "house", "kitchen", lambda: [NEW, OLD])
NOW = datetime.now(UTC).replace(microsecond=0)


def made(kind, **claims):
    return kind.encode({"name": "Ada"} | claims, issued=NOW, expires=NOW + timedelta(days=1))


def test_a_token_says_what_it_was_given_and_whose_it_is():
    assert KIND.decode(made(KIND)) == {
        "name": "Ada",
        "iss": "house",
        "aud": "kitchen",
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 24 * 60 * 60,
    }
    header = jwt.get_unverified_header(made(KIND))
    assert (sorted(header), header["alg"], header["typ"]) == (["alg", "kid", "typ"], "HS256", "guest+jwt")


def test_no_claim_takes_the_place_of_what_makes_the_kind():
    assert KIND.decode(made(KIND, aud="x", iss="x", exp=0))["aud"] == "kitchen"


def test_a_former_key_verifies_and_signs_no_more():
    before, after = replace(KIND, secrets=lambda: [OLD]), KIND
    assert after.decode(made(before))["name"] == "Ada"
    with pytest.raises(TokenInvalid):
        before.decode(made(after))
    gone = replace(KIND, secrets=lambda: [NEW])
    with pytest.raises(TokenInvalid):
        gone.decode(made(before))


@pytest.mark.parametrize("changed", [{"name": "staff+jwt"}, {"issuer": "x"}, {"audience": "x"}])
def test_kinds_never_mix(changed):
    another = replace(KIND, **changed)
    for ours, theirs in ((KIND, another), (another, KIND)):
        with pytest.raises(TokenInvalid):
            ours.decode(made(theirs))


def test_a_clock_that_is_ahead_is_no_fault_and_a_token_that_is_over_is_one():
    # As it is now: since this file was read, minutes may have passed.
    now = datetime.now(UTC)
    ahead = now + timedelta(minutes=5)
    assert KIND.decode(KIND.encode({}, issued=ahead, expires=ahead + timedelta(minutes=1)))
    with pytest.raises(TokenInvalid):
        KIND.decode(KIND.encode({}, issued=now - timedelta(minutes=2), expires=now - timedelta(seconds=1)))


@pytest.mark.parametrize(
    "token", ["", ".", "..", "a.b.c", "é", "\ud800", "\0", "eyJhbGciOiJub25lIn0.e30.", "x" * 10000]
)
def test_what_is_no_token_is_invalid(token):
    with pytest.raises(TokenInvalid):
        KIND.decode(token)
