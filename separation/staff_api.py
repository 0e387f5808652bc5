"""How the move of the customers stands, over the staff's API: from records alone, whatever the number of customers."""

from typing import Any

from django.db import connection
from django.urls import path
from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api.views import StaffView
from config.rights import SUPERADMIN
from separation import watch
from separation.models import Phase, Run
from separation.phases import phase_of
from separation.status import next_command, open_findings

INTEGRITY = {"view": SUPERADMIN}


@extend_schema_serializer(component_name="Verification")
class VerificationShown(serializers.Serializer[Any]):
    """What a verification came to."""

    at = serializers.DateTimeField()
    failures = serializers.ListField(child=serializers.CharField(), help_text="The invariants it found broken.")


@extend_schema_serializer(component_name="SeparationRun")
class RunShown(serializers.Serializer[Any]):
    """The run that was begun last."""

    id = serializers.IntegerField()
    kind = serializers.CharField()
    state = serializers.CharField()
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


@extend_schema_serializer(component_name="Integrity")
class IntegrityShown(serializers.Serializer[Any]):
    """Whether all is right with the customers who are moved, and what to type next."""

    phase = serializers.ChoiceField(choices=Phase.NAMES)
    next = serializers.CharField(help_text="At the command line.")
    run = RunShown(allow_null=True)
    verified = VerificationShown(allow_null=True)
    clean_at = serializers.DateTimeField(allow_null=True, help_text="When nothing was found broken last.")
    open_findings = serializers.DictField(child=serializers.IntegerField(), help_text="By kind.")


class IntegrityView(StaffView):
    """The integrity of the data."""

    rights = INTEGRITY

    @extend_schema(responses=IntegrityShown)
    def get(self, request: Request) -> Response:
        """Show whether all is right with the customers who are moved; for a SUPERADMIN."""
        self.places("view")
        run, seen, phase = Run.objects.first(), watch.latest(connection), phase_of(connection)
        shown = {
            "phase": phase,
            "next": next_command(phase, run),
            "run": run,
            "verified": seen.last and {"at": seen.last.looked_at, "failures": seen.last.failures},
            "clean_at": seen.clean and seen.clean.looked_at,
            "open_findings": open_findings(connection),
        }
        return Response(IntegrityShown(shown).data)


urlpatterns = [path("integrity", IntegrityView.as_view())]
