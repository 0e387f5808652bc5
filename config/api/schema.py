"""What the OpenAPI document says of an endpoint beyond its own annotations, so that no view has to repeat it."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from config.api.problems import CONTENT_TYPE, GENERAL, DomainError, kinds, problem_body

_ANY = TypeVar("_ANY", bound=Callable[..., Any])
_CHANGES = ("POST", "PUT", "PATCH", "DELETE")
_HEADERS = {
    "401": {"WWW-Authenticate": "The scheme to authenticate by."},
    "429": {"Retry-After": "How many seconds to wait."},
    "503": {"Retry-After": "How many seconds to wait."},
}
_IF_MATCH = "The `ETag` that was read: the change is made only if nobody made another since."
_IF_NONE_MATCH = "An `ETag` that is there already: while it is current, the answer is 304 without a body."


@extend_schema_serializer(component_name="FieldError")
class FieldErrorBody(serializers.Serializer[Any]):
    """What is wrong with one field."""

    field = serializers.CharField(help_text="Its path, as in `items.0.quantity`; empty for all of them together.")
    code = serializers.CharField()
    message = serializers.CharField()


@extend_schema_serializer(component_name="Problem")
class ProblemBody(serializers.Serializer[Any]):
    """An error, as RFC 9457 has it. Programs branch on `code`."""

    type = serializers.CharField(help_text="Where the code is explained.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField(allow_blank=True)
    code = serializers.CharField()
    errors = FieldErrorBody(many=True)  # type: ignore[assignment]
    request_id = serializers.CharField(help_text="As in the header `X-Request-ID`, and in the logs.")


def refuses(*refusals: type[DomainError] | str) -> Callable[[_ANY], _ANY]:
    """Say of a view's method which errors of services, or which general codes, it answers with, for the schema."""

    def mark(method: _ANY) -> _ANY:
        method.refusals = [each if isinstance(each, str) else each.code for each in refusals]  # type: ignore[attr-defined]
        return method

    return mark


def versioned(method: _ANY) -> _ANY:
    """Say of a view's method that its answer has an ETag, and that If-Match or If-None-Match count."""
    method.versioned = True  # type: ignore[attr-defined]
    return method


class Schema(AutoSchema):
    """Adds names, tags, problems, versions and deprecation to what drf-spectacular finds by itself."""

    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        """Return the operation, with every status it can answer with."""
        operation = super().get_operation(*args, **kwargs)
        if operation:
            self._add_versions(operation)
            self._add_problems(operation)
        return operation

    def get_operation_id(self) -> str:
        """Return a name such as `me_reservations_list`, from which clients make those of functions."""
        names = [name.replace("-", "_").replace(".", "_") for name in self._names()]
        match self.method:
            case "GET":
                names.append("list" if self._is_list_view() else "read")
            case "POST" if names[-1].endswith("s"):
                names.append("create")
            case "PATCH" | "DELETE":
                names.append({"PATCH": "update", "DELETE": "delete"}[self.method])
        return "_".join(names)

    def get_tags(self) -> list[str]:
        """Return where the operation belongs: its app, or `auth`."""
        return ["auth" if self._names()[0] == "auth" else type(self.view).__module__.partition(".")[0]]

    def get_summary(self) -> str | None:
        """Return the first sentence of the docstring."""
        return super().get_description().partition("\n\n")[0].replace("\n", " ").rstrip(".") or None

    def get_description(self) -> str:  # type: ignore[override]
        """Return the rest of the docstring."""
        return super().get_description().partition("\n\n")[2]

    def is_deprecated(self) -> bool:
        """Return whether the view says that it is to go."""
        return getattr(self.view, "deprecated_since", None) is not None

    def _names(self) -> list[str]:
        parts = self.path.removeprefix(spectacular_settings.SCHEMA_PATH_PREFIX).split("/")
        return [part for part in parts if part and not part.startswith("{")]

    def _method(self) -> Any:
        return getattr(self.view, self.method.lower())

    def _add_versions(self, operation: dict[str, Any]) -> None:
        if not getattr(self._method(), "versioned", False):
            return
        changes = self.method in _CHANGES
        name, description = ("If-Match", _IF_MATCH) if changes else ("If-None-Match", _IF_NONE_MATCH)
        parameter = {"in": "header", "name": name, "description": description, "schema": {"type": "string"}}
        operation.setdefault("parameters", []).append(parameter | ({"required": True} if changes else {}))
        etag = {"ETag": {"description": "The version of what is shown.", "schema": {"type": "string"}}}
        for status, response in operation["responses"].items():
            if status.startswith("2") and "content" in response:
                response.setdefault("headers", {}).update(etag)
        if not changes:
            operation["responses"]["304"] = {"description": "What is there already is current.", "headers": etag}

    def _add_problems(self, operation: dict[str, Any]) -> None:
        known = kinds()
        by_status: dict[int, list[str]] = {}
        for code in self._codes(operation):
            by_status.setdefault(known[code].status, []).append(code)
        reference = self.resolve_serializer(ProblemBody, "response").ref
        for status, codes in sorted(by_status.items()):
            operation["responses"].setdefault(str(status), _response(reference, str(status), codes))

    def _codes(self, operation: dict[str, Any]) -> Iterable[str]:
        """Return the codes that the operation can answer with, each once."""
        places = {parameter["in"] for parameter in operation.get("parameters", [])}
        body = "requestBody" in operation
        codes = ["not_acceptable", "throttled", *(code for code, kind in GENERAL.items() if kind.status == 503)]
        for authenticator in self.view.get_authenticators():
            codes += ["not_authenticated", "authentication_failed"]
            codes += getattr(authenticator, "refuses_changes", ()) if self.method in _CHANGES else ()
        codes += ["not_found"] if "path" in places else []
        codes += ["invalid"] if body or "query" in places else []
        codes += ["malformed", "too_large", "unsupported_media_type"] if body else []
        if getattr(self._method(), "versioned", False) and self.method in _CHANGES:
            codes += ["precondition_failed", "precondition_required"]
        return dict.fromkeys([*codes, *getattr(self._method(), "refusals", [])])


def _response(reference: dict[str, Any], status: str, codes: list[str]) -> dict[str, Any]:
    known = kinds()
    headers = {
        name: {"description": description, "schema": {"type": "string"}}
        for name, description in _HEADERS.get(status, {}).items()
    }
    return {
        "description": "\n".join(f"`{code}`: {known[code].meaning}" for code in codes),
        **({"headers": headers} if headers else {}),
        "content": {
            CONTENT_TYPE: {
                "schema": reference,
                "examples": {
                    code: {"value": problem_body(known[code].status, code, known[code].title)} for code in codes
                },
            }
        },
    }
