"""Backups of a whole database as JSON lines, and their restoration, compared afterwards to the last bit."""

from separation.backups.checking import Checked, check
from separation.backups.extracting import extract_customer, extract_table
from separation.backups.pruning import Plan, plan_pruning, prune
from separation.backups.records import BackupRecord, adopt_records, known_records, latest_verified, newest_records
from separation.backups.restoring import Restored, restore
from separation.backups.sealing import Key
from separation.backups.taking import take
from separation.backups.verifying import Listed, find, listing, verify_backup

__all__ = [
    "BackupRecord",
    "Checked",
    "Key",
    "Listed",
    "Plan",
    "Restored",
    "adopt_records",
    "check",
    "extract_customer",
    "extract_table",
    "find",
    "known_records",
    "latest_verified",
    "listing",
    "newest_records",
    "plan_pruning",
    "prune",
    "restore",
    "take",
    "verify_backup",
]
