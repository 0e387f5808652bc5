"""Every mail there is: three parts, both bodies say the same, and nothing is loaded from anywhere."""

import re
from html import unescape
from pathlib import Path

import pytest
from django.apps import apps
from django.template import Context, Engine
from django.utils.html import strip_tags

FOLDERS = [Path(app.path) / "templates" / "mail" for app in apps.get_app_configs()]
MAILS = sorted(path.name.removesuffix(".subject.txt") for folder in FOLDERS for path in folder.glob("*.subject.txt"))
VALUES: dict[str, str | int] = {
    "sender": "مطعم «Bella» & Co",
    "booking": 7,
    "when": "Friday, 27 November 2026 at 19:30",
    "party": "4 people",
    "address": "Hauptstr. 1, Berlin",
    "phone": "+49 30 1",
    "limits": "You can change or cancel it until 17:30.",
    "new_email": "ca***@ex***.org",
    "customer_id": 7,
}


def parts(name: str) -> tuple[str, str, str, set[str]]:
    """Return subject, text, HTML and the placeholders of the mail NAME."""
    links: dict[str, list[str]] = {}
    values = {**VALUES, "mail_links": links}
    made = [
        str(Engine.get_default().get_template(f"mail/{name}{end}").render(Context(dict(values), autoescape=escape)))
        for end, escape in ((".subject.txt", False), (".txt", False), (".html", True))
    ]
    return made[0], made[1], made[2], set(links)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


def test_all_mails_are_here() -> None:
    assert len(set(MAILS)) == len(MAILS) >= 14


@pytest.mark.parametrize("name", MAILS)
def test_both_bodies_of_a_mail_say_the_same(name: str) -> None:
    subject, text, html, links = parts(name)
    assert len(" ".join(subject.split())) in range(5, 100)
    body = html[html.index("<body") :]
    labels = set().union(*(words(label) for label in re.findall(r'class="button"[^>]*>([^<]*)<', body)))
    assert words(unescape(strip_tags(body))) - labels <= words(text)
    assert set(re.findall(r"https://link\.invalid/\w+", text)) == links
    assert set(re.findall(r"https://link\.invalid/\w+", html)) == links
    assert str(VALUES["sender"]) in text
    assert "{" not in subject + text


@pytest.mark.parametrize("name", MAILS)
def test_a_mail_loads_nothing_and_is_for_dark_screens_too(name: str) -> None:
    html = parts(name)[2]
    assert re.findall(r"<(?:img|link|script|iframe|object|form)\b|url\(|@import", html) == []
    assert html.count("prefers-color-scheme: dark") == 1
    assert '<meta name="color-scheme" content="light dark">' in html
    # What colours text or ground by itself gives dark screens a class to change it by.
    coloured = re.findall(r'<\w+(?=[^>]*style="[^"]*(?:[^-]|^)color:)[^>]*>', html[html.index("<body") :])
    assert [tag for tag in coloured if 'class="' not in tag] == []
