"""A real browser on the staff's pages, against a server that answers inside the test's own transaction.

So nothing has to be committed, or emptied afterwards.
"""

import asyncio
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.core.signals import request_finished, request_started
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import HttpRequest
from django.test import Client
from django.test.testcases import LiveServerThread, QuietWSGIRequestHandler
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from accounts.models import User
from tests.conftest import BROWSERS

PHONE, DESKTOP = 375, 1280
HEIGHT = 800
# Without a screen, and without what a browser asks its makers.
OPTIONS = ("--disable-gpu", "--disable-dev-shm-usage", "--no-sandbox", "--no-first-run", "--hide-scrollbars")
# What axe calls a violation that keeps people out.
GRAVE = ("serious", "critical")
VIOLATIONS = "([context, options]) => axe.run(context || document, options).then((found) => found.violations)"
# Elements that reach beyond the right edge, and are not inside a box of their own that scrolls.
TOO_WIDE = """() => {
    const edge = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= edge) return [];
    const boxed = (element) => {
        for (let box = element.parentElement; box && box !== document.body; box = box.parentElement)
            if (getComputedStyle(box).overflowX !== "visible") return true;
        return false;
    };
    return [...document.body.querySelectorAll("*")]
        .filter((element) => element.getBoundingClientRect().right > edge + 1 && !boxed(element))
        .map((element) => element.outerHTML.slice(0, 160));
}"""
# Cells of lists that do not show all that is in them.
CUT_OFF = """() => [...document.querySelectorAll(".data-row > :is(th, td)")]
    .filter((cell) => cell.scrollWidth > cell.clientWidth + 1 || cell.scrollHeight > cell.clientHeight + 1)
    .map((cell) => cell.outerHTML.slice(-160))"""
# Links, buttons and fields of the page itself (not of the frame around it) that a thumb misses.
TOO_SMALL = """(least) => [...document.querySelectorAll(".staff-page :is(a.staff-button, button, select, input)")]
    .filter((element) => element.type !== "hidden" && element.offsetParent !== null)
    .filter((element) => {
        const box = (element.closest("label.staff-tick") || element).getBoundingClientRect();
        return box.height < least || (box.width < least && !element.matches("input, select"));
    })
    .map((element) => element.outerHTML.slice(0, 160))"""


@contextmanager
def _connection_kept() -> Iterator[None]:
    """Let no request end the connection, which Django does where it finds a transaction open."""
    signals = request_started, request_finished
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)


class _Files(StaticFilesHandler):
    """Static files, which the browser may keep, and the site."""

    def serve(self, request: HttpRequest) -> Any:
        answer = super().serve(request)
        answer["Cache-Control"] = "max-age=3600, immutable"
        return answer


class _InTurn:
    """The site, one request at a time: all of them use the test's one connection."""

    def __init__(self) -> None:
        self.site: Any = _Files(WSGIHandler())
        self.turn = threading.Lock()

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        with self.turn, _connection_kept():
            answer = self.site(environ, start_response)
            try:
                return [b"".join(answer)]
            finally:
                answer.close()


class _Server(ThreadedWSGIServer):
    """Does not close the connection that it was lent."""

    def _close_connections(self) -> None:
        pass


class _Site(LiveServerThread):
    """Serves on a port of its own as long as the process lives."""

    daemon = True

    def __init__(self, lent: BaseDatabaseWrapper) -> None:
        super().__init__("127.0.0.1", StaticFilesHandler, {lent.alias: lent})

    def run(self) -> None:
        """Serve."""
        address = (self.host, self.port)
        lent = self.connections_override
        self.httpd = _Server(address, QuietWSGIRequestHandler, allow_reuse_address=False, connections_override=lent)
        self.port = self.httpd.server_address[1]
        self.httpd.set_app(_InTurn())
        self.is_ready.set()
        self.httpd.serve_forever()


class Browser:
    """The browser of one test process. Each test opens pages in it, and leaves nothing behind."""

    def __init__(self) -> None:
        self._connection = connections[DEFAULT_DB_ALIAS]
        self._site = _Site(self._connection)
        self._site.start()
        self._site.is_ready.wait()
        self.url = f"http://127.0.0.1:{self._site.port}"
        self._playwright = sync_playwright().start()
        self._loop = asyncio.get_running_loop()
        path = next(filter(None, map(shutil.which, BROWSERS)))
        self._chromium = self._playwright.chromium.launch(executable_path=path, args=OPTIONS, chromium_sandbox=False)
        self._contexts: list[BrowserContext] = []
        asyncio._set_running_loop(None)

    @contextmanager
    def test(self) -> Iterator["Opener"]:
        """Give a test the browser; raises AssertionError at its end if a page complained.

        Playwright's loop counts as running only meanwhile, so that other tests may have loops of their own.
        """
        asyncio._set_running_loop(self._loop)
        connections[DEFAULT_DB_ALIAS] = self._connection  # beside a loop, a thread would get another
        self._connection.inc_thread_sharing()
        opener = Opener(self)
        try:
            yield opener
        finally:
            for context in self._contexts:
                for page in context.pages:
                    page.close()
                context.clear_cookies()
            self._connection.dec_thread_sharing()
            asyncio._set_running_loop(None)
        assert not opener.complaints, opener.complaints

    def context(self, number: int) -> BrowserContext:
        """Return the browser of a test's person NUMBER: with cookies of its own; files are kept from test to test."""
        while len(self._contexts) <= number:
            self._contexts.append(self._chromium.new_context(reduced_motion="reduce", locale="en-GB"))
        return self._contexts[number]

    def close(self) -> None:
        """End the browser and the server."""
        asyncio._set_running_loop(self._loop)
        self._chromium.close()
        self._playwright.stop()
        self._site.httpd.shutdown()
        self._site.httpd.server_close()


class Opener:
    """Opens pages for one test: `browser_page(user)` is an empty tab in which USER is logged in."""

    def __init__(self, browser: Browser) -> None:
        self.url = browser.url
        # What went wrong on any page: errors of its scripts, failed requests, answers of 400 and more, other hosts.
        # A test that expects some takes them out.
        self.complaints: list[str] = []
        self._browser = browser
        self._people: list[User | None] = []

    def __call__(self, user: User | None, *, width: int = DESKTOP, dark: bool = False) -> Page:
        """Return a tab of WIDTH, light or dark, in USER's own browser; `page.goto("/admin/")` follows."""
        if user not in self._people:
            self._people.append(user)
            self._log_in(user)
        page = self._browser.context(self._people.index(user)).new_page()
        page.set_viewport_size({"width": width, "height": HEIGHT})
        page.emulate_media(color_scheme="dark" if dark else "light")
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("requestfailed", self._failed)
        page.on("request", self._asked)
        goto = page.goto
        page.goto = lambda path, **how: goto(f"{self.url}{path}", **how)  # type: ignore[method-assign]
        return page

    def _log_in(self, user: User | None) -> None:
        if user is not None:
            client = Client()
            client.force_login(user)
            session = {"name": "sessionid", "value": client.cookies["sessionid"].value, "url": self.url}
            self._browser.context(self._people.index(user)).add_cookies([session])  # type: ignore[list-item]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left before its icon came
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.complaints.append(f"asked elsewhere: {request.url}")


def axe(page: Page, *rules: str, without: str = "") -> None:
    """Assert that axe-core finds nothing serious on PAGE, by all of its RULES or by these, WITHOUT some element.

    For who hears it, or sees it badly, or has no mouse.
    """
    options = {"resultTypes": ["violations"], **({"runOnly": list(rules)} if rules else {})}
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(VIOLATIONS, [{"exclude": [[without]]} if without else None, options])
    grave = [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for rule in found
        if rule["impact"] in GRAVE
        for node in rule["nodes"]
    ]
    _none_of(grave, page)


def fits(page: Page) -> None:
    """Assert that nobody has to scroll PAGE sideways, and that its lists show all that is in them."""
    _none_of([*page.evaluate(TOO_WIDE), *page.evaluate(CUT_OFF)], page)


def tappable(page: Page, least: int = 44) -> None:
    """Assert that all there is to tap on one of our own pages has LEAST pixels."""
    _none_of(page.evaluate(TOO_SMALL, least), page)


def _none_of(found: list[str], page: Page) -> None:
    assert not found, "\n".join((page.url, *found))
