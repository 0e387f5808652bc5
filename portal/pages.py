"""The pages behind the links of mails: plain HTML that needs no script. To look changes nothing; a button does."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from config.api.problems import DomainError
from customers import services as accounts
from customers.links import CONFIRM, REACTIVATE, RESET, VERIFY, Link
from portal import services

# The address holds a key: it goes to nobody, by no way. Nothing but our own stylesheet is loaded.
HEADERS = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
}


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """Return a page that nobody keeps, and that tells no other site where it was."""
    response = render(request, template, context, status=status)
    for name, value in HEADERS.items():
        response[name] = value
    return response


# Who has the link may use it: no cookie is asked, so there is nothing to forge. And a page that sends no referrer sends
# `Origin: null`, which Django's check would refuse.
@method_decorator(csrf_exempt, name="dispatch")
class LinkPage(View):
    """A page for one purpose of links: what the button does, and what is said before and after."""

    http_method_names = ["get", "head", "post"]
    link: ClassVar[Link]
    use: ClassVar[Callable[..., Any]]
    template_name: ClassVar[str] = "portal/link.html"
    words: ClassVar[dict[str, str]]

    def get(self, request: HttpRequest, token: str) -> HttpResponse:
        """Show what the link is for, with a button; 400 where it cannot be used."""
        return self._page(request) if self.link.readable(token) else self._refused(request)

    def post(self, request: HttpRequest, token: str) -> HttpResponse:
        """Use the link."""
        try:
            type(self).use(token=token, **self.given(request))
        except ValidationError as error:
            return self._page(request, 400, faults=error.messages)
        except DomainError as error:
            return self._refused(request, error)
        except OperationalError:
            return self._page(request, 503, faults=["This cannot be done just now. Please try again in a minute."])
        return page(request, "portal/done.html", {"words": self.words})

    def given(self, request: HttpRequest) -> dict[str, str]:
        """Return what the form brings beside the link."""
        return {}

    def _page(self, request: HttpRequest, status: int = 200, **context: Any) -> HttpResponse:
        return page(request, self.template_name, {"words": self.words, **context}, status)

    def _refused(self, request: HttpRequest, error: DomainError | None = None) -> HttpResponse:
        taken = error is not None and error.status == 409
        return page(request, "portal/refused.html", {"taken": taken}, error.status if error else 400)


class VerifyPage(LinkPage):
    """Proves an address."""

    link = VERIFY
    use = services.email_verify
    words: ClassVar = {
        "title": "Confirm your email address",
        "text": "Press the button if it was you who registered. If it was somebody else, close this page.",
        "button": "Confirm my address",
        "done": "Your address is confirmed",
        "then": "What was booked with it is in your account now.",
    }


class ResetPage(LinkPage):
    """Sets a new password."""

    link = RESET
    use = services.password_reset
    template_name = "portal/reset.html"
    words: ClassVar = {
        "title": "Set a new password",
        "button": "Set this password",
        "done": "Your new password is set",
        "then": "You are logged out everywhere. Log in with the new password.",
    }

    def given(self, request: HttpRequest) -> dict[str, str]:
        """Return the password as it was typed."""
        return {"new_password": request.POST.get("new_password", "")}


class ConfirmPage(LinkPage):
    """Makes an address the account's."""

    link = CONFIRM
    use = services.email_confirm
    words: ClassVar = {
        "title": "Use this email address",
        "text": "Press the button to use this email address for your account from now on.",
        "button": "Use this address",
        "done": "Your email address is changed",
        "then": "You are logged out everywhere. Log in with the new address.",
    }


class ReactivatePage(LinkPage):
    """Opens an account again."""

    link = REACTIVATE
    use = accounts.customer_reactivate
    words: ClassVar = {
        "title": "Open your account again",
        "text": "Press the button to open your account again, as it was.",
        "button": "Open my account",
        "done": "Your account is open again",
        "then": "Log in with the password you had.",
    }
