"""Legacy databases of every kind: those of the samples, and one that only tests need."""

from pathlib import Path

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from config.sql import Queries
from separation import sample

# What each further kind is made from.
_BASES = {"camel": "plain"}


def build(connection: BaseDatabaseWrapper, *, kind: str, customers: int, seed: int) -> sample.Summary:
    """Fill an empty database with a legacy database of any kind, as `sample.build` does; `rows` counts the sample's."""
    summary = sample.build(connection, kind=_BASES.get(kind, kind), customers=customers, seed=seed)
    if kind in _BASES:
        queries = Queries(Path(__file__).parent / f"{kind}.sql")
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            for name in queries:
                cursor.execute(getattr(queries, name))
    return summary
