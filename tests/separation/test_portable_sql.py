"""The SQL says the same on PostgreSQL 14 to 18, of which the packages bring only 16 and 18."""

import re

from django.conf import settings

# E'\v' is a vertical tab on PostgreSQL 18 and the letter v on 16: trimming with it cut the v off vera@example.org.
NOT_EVERYWHERE = re.compile(r"E'[^']*\\v")


def test_no_string_has_an_escape_that_older_servers_read_as_a_letter():
    sources = [
        path
        for suffix in ("*.sql", "*.py")
        for path in settings.BASE_DIR.rglob(suffix)
        if not {".venv", ".postgres", "tests"} & set(path.relative_to(settings.BASE_DIR).parts)
    ]
    assert len(sources) > 100
    assert [str(path) for path in sources if NOT_EVERYWHERE.search(path.read_text(encoding="utf-8"))] == []
