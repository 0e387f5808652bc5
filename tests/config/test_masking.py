"""Nothing shown holds a whole email or a hash."""

import pytest

from config.masking import mask_email, mask_text


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("anna.lind@example.org", "an***@ex***.org"),
        (" anna@mail.example.co.uk ", "an***@ma***.uk"),
        ("a@b", "a***@b***"),
        ("not an address", "no***"),
        ("", "***"),
        ("@", "***@***"),
        ("محمد@مثال.إختبار", "مح***@مث***.إختبار"),
    ],
)
def test_an_email_keeps_two_characters_of_each_part(email, shown):
    assert mask_email(email) == shown


def test_a_server_error_loses_emails_and_hashes():
    error = (
        'duplicate key value violates unique constraint "customers_email_key"\n'
        "DETAIL:  Key (lower(email))=(anna.lind@example.org) already exists; $2b$10$abcdefghijklmnopqrstuv and argon2 "
        "$argon2id$v=19$m=102400."
    )

    assert mask_text(error) == (
        'duplicate key value violates unique constraint "customers_email_key"\n'
        "DETAIL:  Key (lower(email))=(an***@ex***.org) already exists; *** and argon2 ***"
    )
