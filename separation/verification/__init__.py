"""Proof, from the tables alone, that a separation did what it promises; shares no SQL with the migrator."""

from separation.verification.changed import Mark
from separation.verification.report import FAIL, PASS, WARN, Report, Result
from separation.verification.unknown import baseline_of
from separation.verification.verify import examine, examine_person, verify

__all__ = ["FAIL", "PASS", "WARN", "Mark", "Report", "Result", "baseline_of", "examine", "examine_person", "verify"]
