"""What the separation adds to /readyz and /metrics; plugged in by the settings READINESS and GAUGES."""

from collections.abc import Iterator, Mapping

from django.conf import settings
from django.db import connection
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily

from config.sql import Queries
from separation.backups import latest_verified
from separation.database import now_of, rows
from separation.models import Chunk, Finding, Phase, Run
from separation.watch import latest

SQL = Queries(settings.BASE_DIR / "separation" / "sql" / "gauges.sql")

# By name of the figure: its label, what it may be, and what it says. Each value is shown, be it 0, so that an alert can
# tell nothing from nothing heard.
_FAMILIES: dict[str, tuple[str, list[tuple[str, str]], str]] = {
    "phase": ("phase", Phase.NAMES, "1 for the phase of the database, 0 for the others."),
    "chunks": ("state", Chunk.STATES, "Chunks of the ledger."),
    "findings": ("kind", Finding.KINDS, "Open findings."),
    "runs": ("kind", Run.KINDS, "Runs under way, by their record."),
}


def readiness() -> str:
    """Return why customers cannot be served by this database, or nothing: the phase has to be known."""
    known = Phase.objects.filter(pk=1, name__in=[name for name, _ in Phase.NAMES]).exists()
    return "" if known else "the phase of the database is unknown"


def gauges() -> list[Metric]:
    """Return the figures of the separation."""
    found: dict[str, dict[str, float]] = {}
    for figure, label, value in rows(connection, SQL.figures):
        found.setdefault(figure, {})[label] = value
    return [*_families(found), *_ages()]


def _families(found: Mapping[str, Mapping[str, float]]) -> Iterator[Metric]:
    for figure, (label, names, text) in _FAMILIES.items():
        family = GaugeMetricFamily(f"separation_{figure}", text, labels=[label])
        for name, _ in names:
            family.add_metric([name], found.get(figure, {}).get(name, 0))
        yield family
    text = "People whom the mirror could not bring into step at once."
    yield GaugeMetricFamily("separation_pending", text, value=found["pending"][""])


def _ages() -> Iterator[Metric]:
    """Give what ages; without a backup or a clean verification its age is missing."""
    now, backup, seen = now_of(connection), latest_verified(connection), latest(connection)
    if backup:
        age = backup.age(now).total_seconds()
        yield GaugeMetricFamily("separation_backup_age_seconds", "Age of the newest verified backup.", value=age)
    if seen.last:
        text = "Invariants that the last verification found broken."
        yield GaugeMetricFamily("separation_drift", text, value=len(seen.last.failures))
    if seen.clean:
        age = (now - seen.clean.looked_at).total_seconds()
        text = "Age of the last verification that found nothing broken."
        yield GaugeMetricFamily("separation_clean_verification_age_seconds", text, value=age)
