"""The engine's own tables: phase, runs, chunks, findings, what an undo needs, backups, rehearsals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Now


class Phase(models.Model):
    """The one row that says where this database stands; changed by `separation.phases` alone, by compare-and-set."""

    LEGACY, DUAL, CLEANING, SEPARATED = "legacy", "dual", "cleaning", "separated"
    NAMES = [(name, name) for name in (LEGACY, DUAL, CLEANING, SEPARATED)]

    id = models.SmallIntegerField(primary_key=True, default=1)
    name = models.CharField(max_length=20, choices=NAMES, default=LEGACY)
    changed_at = models.DateTimeField(db_default=Now())
    closed = models.BooleanField(
        default=False,
        db_default=False,
        help_text="whether the new tables refuse what the new application writes, as in phase legacy",
    )
    export_path = models.TextField(
        null=True,
        blank=True,
        help_text="where the roll-back since then wrote what has no legacy form; empty if there was nothing",
    )

    class Meta:
        db_table = "separation_phase"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="separation_phase_one_row"),
            models.CheckConstraint(
                condition=models.Q(name__in=["legacy", "dual", "cleaning", "separated"]), name="separation_phase_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


@dataclass
class Journal:
    """What one process adds to its log of a run: its workers, and when and why they paused."""

    workers: list[dict[str, Any]] = field(default_factory=list)
    pauses: list[dict[str, Any]] = field(default_factory=list)


class Run(models.Model):
    """A command that can change data, from its beginning to its end; several processes may share in an execute."""

    DRY_RUN, EXECUTE, ROLLBACK, CLEANUP = "dry-run", "execute", "rollback", "cleanup"
    KINDS = [(kind, kind) for kind in (DRY_RUN, EXECUTE, ROLLBACK, CLEANUP)]
    RUNNING, DONE, FAILED, INTERRUPTED = "running", "done", "failed", "interrupted"
    STATES = [(state, state) for state in (RUNNING, DONE, FAILED, INTERRUPTED)]
    PAUSE, ABORT = "pause", "abort"
    REQUESTS = [(request, request) for request in (PAUSE, ABORT)]

    kind = models.CharField(max_length=20, choices=KINDS)
    state = models.CharField(max_length=20, choices=STATES, default=RUNNING)
    started_at = models.DateTimeField(db_default=Now())
    finished_at = models.DateTimeField(null=True, blank=True)
    operator = models.CharField(max_length=200, help_text="operating-system user, host and process id")
    database = models.CharField(max_length=63, default="")
    total = models.IntegerField(default=0, help_text="customers this run set out to move or to purge")
    counts = models.JSONField(default=dict, help_text="what was done, by table")
    baseline = models.JSONField(default=dict, help_text="rows and checksum of each table no model knows, at the start")
    error = models.TextField(default="", blank=True)
    log_path = models.TextField(default="", blank=True)
    note = models.TextField(default="", db_default="", blank=True, help_text="what its operators said about it: --note")
    # What somebody asks of its workers, who look between two chunks; changed by compare-and-set.
    request = models.CharField(max_length=10, choices=REQUESTS, default="", db_default="", blank=True)
    requested_by = models.CharField(max_length=200, default="", db_default="", blank=True)
    requested_at = models.DateTimeField(null=True, blank=True)
    # Who has looked at it and signs for that; `separation.reviews` alone writes these.
    reviewed_by = models.CharField(max_length=200, default="", db_default="", blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review = models.TextField(default="", db_default="", blank=True, help_text="what whoever signed it off says of it")

    class Meta:
        db_table = "separation_runs"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"run {self.pk} ({self.kind}, {self.state})"

    @cached_property
    def journal(self) -> Journal:
        """What this process adds to its log."""
        return Journal()

    def add(self, counts: Mapping[str, int]) -> None:
        """Add COUNTS to what this process has done of the run."""
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count


class Chunk(models.Model):
    """A range of legacy user ids migrated in one short transaction, which also wrote this row's figures."""

    PENDING, MOVED, LINKED, FAILED = "pending", "moved", "linked", "failed"
    STATES = [(state, state) for state in (PENDING, MOVED, LINKED, FAILED)]

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="chunks")
    first_id = models.IntegerField(unique=True)
    last_id = models.IntegerField()
    state = models.CharField(max_length=20, choices=STATES, default=PENDING)
    counts = models.JSONField(default=dict)
    written = models.JSONField(
        default=dict, help_text="rows written by its transaction, by table, as PostgreSQL counted"
    )
    milliseconds = models.IntegerField(null=True)
    moved_at = models.DateTimeField(null=True)
    error = models.TextField(default="", blank=True)

    class Meta:
        db_table = "separation_chunks"
        ordering = ["first_id"]
        indexes = [models.Index(fields=["state", "first_id"], name="separation_chunks_state_idx")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(last_id__gte=models.F("first_id")), name="separation_chunks_range"
            ),
        ]

    def __str__(self) -> str:
        return f"users {self.first_id} to {self.last_id} ({self.state})"


class Merge(models.Model):
    """A duplicate merged into another person: the only mapping that is not the identity. Stands until it is undone."""

    user_id = models.IntegerField(primary_key=True)
    customer_id = models.IntegerField(db_index=True)
    filled = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="what the other's profile got from this one's: column, then what stood there and what stands there",
    )
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "separation_merges"

    def __str__(self) -> str:
        return f"user {self.user_id} into customer {self.customer_id}"


class Finding(models.Model):
    """Something about the data a person has to look at or decide."""

    KINDS = [
        ("staff_marked_as_customer", "staff marked as customer"),
        ("duplicate_email", "duplicate email"),
        ("invalid_email", "invalid email"),
        ("needs_password_reset", "needs a password reset"),
        ("orphan", "reservation or order of a user who does not exist"),
        ("no_restaurant", "recipe or menu whose restaurant cannot be told"),
        ("restaurant_mismatch", "order at another restaurant than its reservation"),
        ("row_failed", "could not be moved"),
        ("deleted_meanwhile", "deleted by the old application meanwhile"),
        ("no_user", "row of an earlier attempt whose customer is not in users"),
        ("truncated", "table emptied by TRUNCATE"),
        ("set_aside", "data of a customer who is none any more, or cannot be"),
        ("drift", "broken by what was written since, as a verification found"),
        ("overbooked", "booking by the old application beyond what its restaurant takes"),
    ]
    OPEN, SETTLED, GONE = "open", "settled", "gone"
    STATES = [(OPEN, "open"), (SETTLED, "settled"), (GONE, "no longer there")]
    STAFF, CUSTOMER, BOTH, MERGE, KEEP, LEFT, RENAME = "staff", "customer", "both", "merge", "keep", "left", "rename"
    MAIL, ASSIGN, ARCHIVE, PLACE, FOLLOW, UNTIE = "mail", "assign", "archive", "place", "follow", "untie"
    DECISIONS = [
        (STAFF, "is staff, and stays in users"),
        (CUSTOMER, "is a customer, and moves"),
        (BOTH, "is both, and moves; the row in users stays at clean-up"),
        (MERGE, "merged into another person"),
        (KEEP, "moves, of all with this email"),
        (LEFT, "stays in users, since another with this email moves"),
        (RENAME, "given another email"),
        (MAIL, "mailed a link that sets a password"),
        (ASSIGN, "given to a user who exists"),
        (ARCHIVE, "of nobody; stays with its restaurant, as history"),
        (PLACE, "given a restaurant"),
        (FOLLOW, "moved to the restaurant of its reservation"),
        (UNTIE, "belongs to no reservation any more"),
    ]

    kind = models.CharField(max_length=40, choices=KINDS)
    state = models.CharField(max_length=20, choices=STATES, default=OPEN, db_default=OPEN)
    table_name = models.CharField(max_length=63, help_text="the legacy table of the row this is about")
    row_id = models.BigIntegerField()
    detail = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True, help_text="the run that saw it first")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    decision = models.CharField(max_length=20, choices=DECISIONS, default="", db_default="", blank=True)
    decided_by = models.CharField(max_length=200, default="", db_default="", blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(default="", db_default="", blank=True)
    reviewed_by = models.CharField(max_length=200, default="", db_default="", blank=True)
    reviewed_at = models.DateTimeField(null=True, blank=True)
    review = models.TextField(default="", db_default="", blank=True, help_text="what whoever signed it off says of it")

    class Meta:
        db_table = "separation_findings"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["kind", "table_name", "row_id"], name="separation_findings_once"),
            # Of all with one email, at most one moves.
            models.UniqueConstraint(
                KeyTextTransform("email", "detail"),
                condition=models.Q(decision="keep"),
                name="separation_findings_kept_once",
            ),
        ]
        indexes = [
            models.Index(fields=["table_name", "row_id"], name="separation_findings_row_idx"),
            # What the board counts: there may be as many as customers.
            models.Index(
                fields=["kind", "created_at"], condition=models.Q(state="open"), name="separation_findings_open_idx"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.table_name} {self.row_id})"


class Pending(models.Model):
    """A user whose mirror could not be written at once and is synchronised by the next chunk, status or verify.

    One user may be here many times: nothing is unique, so that queueing never waits for another session.
    """

    user_id = models.IntegerField()
    queued_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "separation_pending"
        indexes = [models.Index(fields=["user_id"], name="separation_pending_user_id_idx")]

    def __str__(self) -> str:
        return f"user {self.user_id}"


class Undo(models.Model):
    """What a roll-back must know: the value of `customer_id` that stood in a legacy row before, and stays there.

    For a row of an earlier attempt, parked in `customers`: the customer it was taken over by.
    """

    table_name = models.CharField(max_length=63)
    row_id = models.IntegerField()
    customer_id = models.IntegerField()

    class Meta:
        db_table = "separation_undo"
        constraints = [models.UniqueConstraint(fields=["table_name", "row_id"], name="separation_undo_once")]

    def __str__(self) -> str:
        return f"{self.table_name} {self.row_id}"


class Backup(models.Model):
    """A backup of this database: taken, and verified when `verified_at` is set; counts only if it is signed."""

    id = models.CharField(primary_key=True, max_length=60, help_text="the folder's name, backup-<timestamp>")
    path = models.TextField()
    identity = models.TextField(help_text="the database it was taken of: separation.identity")
    taken_at = models.DateTimeField()
    verified_at = models.DateTimeField(null=True, blank=True)
    tables = models.IntegerField()
    rows = models.BigIntegerField()
    bytes = models.BigIntegerField()
    manifest_sha256 = models.CharField(max_length=64)
    checked_at = models.DateTimeField(null=True, blank=True, help_text="when it was last restored for a check")
    check_failed = models.TextField(default="", db_default="", blank=True, help_text="why that failed, if it did")
    signature = models.CharField(max_length=64, default="", db_default="", blank=True)

    class Meta:
        db_table = "separation_backups"
        ordering = ["-taken_at"]

    def __str__(self) -> str:
        return self.id


class Rehearsal(models.Model):
    """The whole day, gone through on a restored backup of this database; written, and signed, by `rehearse` alone."""

    backup_id = models.CharField(max_length=60)
    backup_taken_at = models.DateTimeField(help_text="the data was rehearsed as it was then")
    identity = models.TextField(help_text="the database it was of: separation.identity")
    code = models.CharField(max_length=64, help_text="hash of the code that was rehearsed")
    same_server = models.BooleanField(help_text="whether it was beside the database itself, and so takes as long there")
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    passed = models.BooleanField()
    customers = models.IntegerField(help_text="customers in users of the backup")
    steps = models.JSONField(help_text="each step's name, seconds, whether it was ok, its locks, what it said last")
    operator = models.CharField(max_length=200, help_text="operating-system user, host and process id")
    note = models.TextField(default="", blank=True, help_text="what its operator said about it: --note")
    log_path = models.TextField(default="", blank=True)
    signature = models.TextField(help_text="of all the others; without it the record counts for nothing")

    class Meta:
        db_table = "separation_rehearsals"
        ordering = ["-finished_at", "-id"]

    def __str__(self) -> str:
        return f"rehearsal {self.pk} ({'passed' if self.passed else 'failed'})"


class Look(models.Model):
    """A verification: what it found broken, and how far it saw, which is where the next may begin."""

    looked_at = models.DateTimeField()
    identity = models.TextField(help_text="the database it is about: separation.identity")
    failures = ArrayField(models.TextField(), help_text="the invariants it found broken")
    told = ArrayField(models.TextField(), help_text="of these, what the operators have had mail about")
    xid = models.TextField(help_text="the transaction before which all were over")
    extents = models.JSONField(help_text="by table: how many rows, and the last id")

    class Meta:
        db_table = "separation_looks"
        verbose_name = "verification"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"verification {self.pk} ({'failed' if self.failures else 'clean'})"


class Archived(models.Model):
    """What clean-up took out of the legacy tables: a row, or values out of it, as PostgreSQL writes them as text.

    Columns with secrets, such as password hashes and tokens, are left out.
    """

    id = models.BigAutoField(primary_key=True)
    table_name = models.TextField()
    row_id = models.TextField(help_text="its primary key; several columns of it with commas between")
    columns = ArrayField(models.TextField())
    values = ArrayField(models.TextField(null=True))
    gone = models.BooleanField(help_text="whether the row is deleted; else these values were taken out of it")
    run = models.ForeignKey(Run, on_delete=models.SET_NULL, null=True)
    archived_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "separation_archive"
        indexes = [models.Index(fields=["table_name", "row_id"], name="separation_archive_row_idx")]

    def __str__(self) -> str:
        return f"{self.table_name} {self.row_id}"


class Verdict(models.Model):
    """What one verification of this database came to; written, read and signed by `separation.verdicts` alone."""

    reached_at = models.DateTimeField()
    identity = models.TextField(help_text="the database it is about: separation.identity")
    phase = models.CharField(max_length=20)
    whole = models.BooleanField(help_text="whether everything was looked at, not only what changed")
    failures = ArrayField(models.TextField())
    signature = models.CharField(max_length=64)

    class Meta:
        db_table = "separation_verdicts"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"verdict {self.pk} ({'failed' if self.failures else 'clean'})"


class Checked(models.Model):
    """What the last verification came to for one invariant; `separation.watch` alone writes it."""

    STATES = [("pass", "holds"), ("warn", "wants a look"), ("fail", "broken")]

    id = models.CharField(primary_key=True, max_length=60, help_text="the invariant")
    identity = models.TextField(help_text="the database it is about: separation.identity")
    position = models.IntegerField(help_text="where it stands among the others")
    guarantee = models.TextField()
    status = models.CharField(max_length=10, choices=STATES)
    figure = models.TextField(help_text="what the last verification looked at")
    checked_at = models.DateTimeField()
    compared = models.BigIntegerField(help_text="rows that the last verification of everything compared")
    whole_at = models.DateTimeField(null=True, help_text="when that was")
    offending = models.BigIntegerField()
    sample = models.JSONField(help_text="the first ids that break it")
    details = models.JSONField(help_text="what there is to say of each of these")
    remedy = models.TextField(blank=True)

    class Meta:
        db_table = "separation_invariants"
        verbose_name = "invariant"
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.id} ({self.status})"


class Verification(models.Model):
    """A verification that somebody asked for in the admin, done by a process of its own: `separation.verifying`."""

    asked_by = models.CharField(max_length=200)
    asked_at = models.DateTimeField(db_default=Now())
    since = models.CharField(max_length=40, blank=True, help_text="since when it looks; empty for everything")
    finished_at = models.DateTimeField(null=True, blank=True)
    verdict = models.TextField(default="", db_default="", blank=True, help_text="what it came to, or why to nothing")
    ok = models.BooleanField(null=True, help_text="whether every invariant holds; unknown if it came to nothing")

    class Meta:
        db_table = "separation_verifications"
        verbose_name = "request to verify"
        verbose_name_plural = "requests to verify"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=models.Q(finished_at=None), name="separation_verifications_one_at_once"
            )
        ]

    def __str__(self) -> str:
        return f"verification {self.pk}, asked for by {self.asked_by}"


class Sample(models.Model):
    """What the counters said when an hour began, or soon after; `separation.sampling` alone writes it."""

    hour = models.DateTimeField(primary_key=True)
    identity = models.TextField(help_text="the database it is about: separation.identity")
    taken_at = models.DateTimeField()
    readings = models.JSONField(help_text="each counter's reading; a counter that begins anew reads less than before")

    class Meta:
        db_table = "separation_samples"
        ordering = ["hour"]

    def __str__(self) -> str:
        return f"counters at {self.taken_at:%Y-%m-%d %H:%M} UTC"
