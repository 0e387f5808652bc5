import bcrypt
import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from config.hashers import BCryptLengthValidator, LegacyBCryptHasher
from tests.hashes import ROUNDS

SALT = b"abcdefghijklmnopqrstuu"


def old_hash(password: bytes, version: str = "2b") -> str:
    """Return the hash that the old application would have stored."""
    raw = bcrypt.hashpw(password[:72], b"$2b$04$" + SALT).decode()
    return raw.replace("$2b$", f"${version}$", 1)


@pytest.mark.parametrize("version", ["2a", "2b", "2y"])
def test_every_version_of_bcrypt_is_checked(version: str) -> None:
    stored = "bcrypt$" + old_hash(b"secret", version)
    assert check_password("secret", stored) is True
    assert check_password("Secret", stored) is False


def test_a_password_is_never_trimmed() -> None:
    stored = "bcrypt$" + old_hash(b" secret ")
    assert check_password(" secret ", stored) is True
    assert check_password("secret", stored) is False


@pytest.mark.parametrize("password", ["x" * 73, "x" * 200, "ä" * 36 + "é", "ä" * 100])
def test_only_the_first_72_bytes_count_when_checking(password: str) -> None:
    stored = "bcrypt$" + old_hash(password.encode())
    assert check_password(password, stored) is True
    assert check_password("y" + password[1:], stored) is False


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "!",
        "!unusable",
        "bcrypt$",
        "bcrypt$$2b$",
        "bcrypt$$2b$04$",
        "bcrypt$$2b$04$short",
        "bcrypt$" + old_hash(b"secret")[:-1],
        "bcrypt$" + old_hash(b"secret") + "x",
        "bcrypt$" + old_hash(b"secret")[:10] + "*" * 50,
        "bcrypt$" + old_hash(b"secret")[:20] + "\x00" + old_hash(b"secret")[21:],
        "bcrypt$" + old_hash(b"secret").replace("$04$", "$99$"),
        "bcrypt$" + old_hash(b"secret").replace("$04$", "$00$"),
        "bcrypt$" + old_hash(b"secret").replace("$04$", "$xx$"),
        "bcrypt$" + old_hash(b"secret").replace("$2b$", "$2x$"),
        "bcrypt$" + old_hash(b"secret").replace("$2b$", "$2$"),
        "bcrypt$pässwörd",
        "bcrypt$\ud800",
        "5baa61e4c9b93f3f0682250b6cf8331b7ee68fd8",  # SHA-1, as very old accounts have it
        "5f4dcc3b5aa765d61d8327deb882cf99",  # MD5
        "MIGRATED_TO_CUSTOMERS_TABLE",
        "secret",
        "$",
        "unknown$hash",
    ],
)
def test_what_is_no_hash_is_a_wrong_password(stored: str) -> None:
    assert check_password("secret", stored) is False


@pytest.mark.parametrize("password", ["", "\x00", "secret\x00", "sec\x00ret", "\ud800", "🍷" * 30])
def test_an_odd_password_is_a_wrong_password(password: str) -> None:
    assert check_password(password, "bcrypt$" + old_hash(b"secret")) is False


def test_no_hash_ever_has_to_be_updated() -> None:
    hasher = LegacyBCryptHasher()
    for rounds in ("04", "10", "12", "14"):
        assert hasher.must_update(f"bcrypt$$2a${rounds}$" + "x" * 53) is False


def test_a_new_password_is_bcrypt_that_the_old_application_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LegacyBCryptHasher, "rounds", ROUNDS)
    stored = make_password("secret")
    raw = stored.removeprefix("bcrypt$")
    assert stored.startswith("bcrypt$$2b$12$")
    assert len(raw) == 60
    assert bcrypt.checkpw(b"secret", raw.encode()) is True
    assert type(identify_hasher(stored)) is LegacyBCryptHasher


def test_72_bytes_may_be_set() -> None:
    BCryptLengthValidator().validate("ä" * 36)


@pytest.mark.parametrize("password", ["a" * 73, "ä" * 36 + "a", "🍷" * 19])
def test_more_than_72_bytes_may_not_be_set(password: str) -> None:
    with pytest.raises(ValidationError) as caught:
        BCryptLengthValidator().validate(password)
    assert caught.value.messages == [
        "This password is too long: at most 72 bytes, and accented letters and emoji take 2 to 4."
    ]
    assert caught.value.code == "password_too_long"


def test_the_rule_about_length_is_in_force() -> None:
    with pytest.raises(ValidationError) as caught:
        validate_password("Correct horse battery staple " * 3)
    assert caught.value.messages == [
        "This password is too long: at most 72 bytes, and accented letters and emoji take 2 to 4."
    ]
    assert BCryptLengthValidator().get_help_text() == "Your password may have at most 72 bytes."
