"""One person's way through a deployment over HTTP: their cookies, what they ask, what is answered."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT = 30
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Unreachable(Exception):
    """The deployment gave no answer; the message says why."""


@dataclass(frozen=True)
class Answer:
    """What came back: redirects are answers too."""

    status: int
    headers: Mapping[str, str]
    text: str

    def json(self) -> Any:
        """Return the body's JSON, or None where it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


class Browser:
    """Keeps cookies from one answer to the next, and follows nothing by itself."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"{url!r} is no address of a deployment")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self.url = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{self._base}"
        self.cookies: dict[str, str] = {}

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask for PATH, sending BODY as JSON or FORM as a form does; raises Unreachable if there is no answer."""
        sent = {"Accept": "application/json, */*", "Referer": f"{self.url}/", **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        data = b""
        if form is not None:
            sent["Content-Type"], data = "application/x-www-form-urlencoded", urlencode(form).encode()
        elif body is not None:
            sent["Content-Type"], data = "application/json", json.dumps(body).encode()
        return self._exchange(method, f"{self._base}{path}", data, sent)

    def submit(self, path: str, form: Mapping[str, str], *, to: str = "") -> Answer:
        """Open the page at PATH and send its form, there or TO elsewhere, with the token that the page holds.

        Where it holds none, that page is the answer.
        """
        page = self.ask("GET", path)
        token = _CSRF.search(page.text)
        return self.ask("POST", to or path, form={**form, "csrfmiddlewaretoken": token[1]}) if token else page

    def _exchange(self, method: str, path: str, data: bytes, headers: Mapping[str, str]) -> Answer:
        kind = HTTPSConnection if self._secure else HTTPConnection
        connection = kind(self._host, self._port, timeout=TIMEOUT)
        try:
            connection.request(method, path, data or None, dict(headers))
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, HTTPException) as error:
            raise Unreachable(f"{self.url} gives no answer: {error or type(error).__name__}") from error
        finally:
            connection.close()
        for line in response.headers.get_all("Set-Cookie") or ():
            self.cookies.update({name: morsel.value for name, morsel in SimpleCookie(line).items()})
        return Answer(response.status, dict(response.headers), text)
