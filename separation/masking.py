"""What may be shown of personal data and secrets."""

import re

# A full stop after an address ends the sentence, not the address.
_EMAIL = re.compile(r"[^\s@<>()\"',;:=]+@[^\s@<>()\"',;:=]*[^\s@<>()\"',;:=.]")
_HASH = re.compile(r"\$(?:2[abxy]|argon2\w*|pbkdf2\w*)\$[^\s'\",)]+")


def mask_email(email: str) -> str:
    """Return EMAIL with two characters of each part kept: `an***@ex***.org`."""
    local, at, domain = email.strip().rpartition("@")
    if not at:
        return f"{email.strip()[:2]}***"
    name, dot, top = domain.rpartition(".")
    return f"{local[:2]}***@{(name if dot else top)[:2]}***{dot}{top if dot else ''}"


def mask_text(text: str) -> str:
    """Return TEXT, for instance an error of the server, with every email masked and every hash removed."""
    return _HASH.sub("***", _EMAIL.sub(lambda match: mask_email(match.group()), text))
