"""The checks before a migration: read-only, each with an id, a status, a figure and what to type."""

from separation.preflight.checks import BACKUP_AGE
from separation.preflight.report import FAIL, PASS, WARN, Report, Result
from separation.preflight.run import run_preflight

__all__ = ["BACKUP_AGE", "FAIL", "PASS", "WARN", "Report", "Result", "run_preflight"]
