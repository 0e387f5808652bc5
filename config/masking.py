"""What may be shown of personal data and secrets."""

import re

# A full stop after an address ends the sentence, not the address.
_EMAIL = re.compile(r"[^\s@<>()\"',;:=]+@[^\s@<>()\"',;:=]*[^\s@<>()\"',;:=.]")
_SECRETS = (
    re.compile(r"(?<=://)[^/\s@]*:[^/\s]*@"),  # user and password in an address
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]*"),  # a signed token
    re.compile(r"AGE-SECRET-KEY-\w+"),
    re.compile(r"\b[0-9a-fA-F]{40,}\b"),  # an unsalted hash, a signature
)
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


def scrub(text: str) -> str:
    """Return TEXT without emails, hashes, tokens, keys, and passwords in addresses: fit to leave this machine."""
    for secret in _SECRETS:
        text = secret.sub("***", text)
    return mask_text(text)
