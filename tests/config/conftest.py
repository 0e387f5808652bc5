"""Mails and links that no app makes, for what `config` does with any."""

import pytest
from django.template import Engine
from django.template.loaders.locmem import Loader

from config import attachments, links

TEMPLATES = {
    "mail/test-hello.subject.txt": "Hello\n{{ name }}\n",
    "mail/test-hello.txt": (
        '{% extends "mail/base.txt" %}{% block content %}\nHello {{ name }},\n\n\n\n'
        'go to {% signed_link "test-link" number %}  \n{% endblock %}{% block why %}Because.{% endblock %}'
    ),
    "mail/test-hello.html": (
        '{% extends "mail/base.html" %}{% block content %}<p>Hello {{ name }}</p>'
        '{% signed_link "test-link" number as url %}{% include "mail/button.html" with label="Go" %}{% endblock %}'
    ),
}


@pytest.fixture
def hello(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Make the template `test-hello` and the purpose `test-link`; return what its links claim, to be changed."""
    engine = Engine.get_default()
    monkeypatch.setattr(engine, "template_loaders", [Loader(engine, TEMPLATES), *engine.template_loaders])
    monkeypatch.setattr(links, "_purposes", dict(links._purposes))
    claims: dict[str, object] = {}

    def of(argument: str, to: str) -> dict[str, object] | None:
        return None if claims.get(argument, "") is None else {"number": argument, "to": to}

    links.register("test-link", path="/test/{token}", claims=of, max_age=3600)
    return claims


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Make the kind `test-note` of files; return what they say by what they are about, to be filled."""
    monkeypatch.setattr(attachments, "_kinds", dict(attachments._kinds))
    said: dict[str, str] = {}

    def of(argument: str, to: str) -> attachments.Attachment | None:
        return (
            attachments.Attachment("note.txt", f"{said[argument]} {to}", "text/x-note; a=b")
            if argument in said
            else None
        )

    attachments.register("test-note", of)
    return said
