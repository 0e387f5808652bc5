"""Migrations whose models are rendered once per process, not for each database: that is most of what `migrate` does."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.db.migrations import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.transaction import atomic

# What led to a state: the migrations since there was nothing.
_PATH = "_path_of_migrations"
# By that path with the migration applied to it: the states before and after each of its operations.
_known: dict[tuple[str, ...], list[ProjectState]] = {}
_apply, _unapply, _mutate_state, _clone = (
    Migration.apply,
    Migration.unapply,
    Migration.mutate_state,
    ProjectState.clone,
)


def remember_states() -> None:
    """Take the same states of the models again wherever migrations are applied in the same order from the first."""
    for owner, method in ((Migration, apply), (Migration, unapply), (Migration, mutate_state), (ProjectState, clone)):
        setattr(owner, method.__name__, method)


def clone(self: ProjectState) -> ProjectState:
    """Do what Django's own does, and keep the path."""
    result = _clone(self)
    setattr(result, _PATH, getattr(self, _PATH, ()))
    return result


def mutate_state(self: Migration, project_state: ProjectState, preserve: bool = True) -> ProjectState:
    """Do what Django's own does, and say by which path it led there."""
    path = _path_to(self, project_state)
    if preserve and path in _known:
        return _known[path][-1].clone()
    result = _mutate_state(self, project_state, preserve)
    setattr(result, _PATH, path)
    return result


def apply(self: Migration, project_state: ProjectState, schema_editor: Any, collect_sql: bool = False) -> ProjectState:
    """Do what Django's own does, with states that were rendered before."""
    path = _path_to(self, project_state)
    if collect_sql or not path:
        return _apply(self, project_state, schema_editor, collect_sql)
    states = _states_on(path, self, project_state)
    for operation, before, after in zip(self.operations, states[:-1], states[1:], strict=True):
        with _transaction(self, operation, schema_editor):
            operation.database_forwards(self.app_label, schema_editor, before, after)
    return states[-1]


def unapply(
    self: Migration, project_state: ProjectState, schema_editor: Any, collect_sql: bool = False
) -> ProjectState:
    """Do what Django's own does, in the same way."""
    path = _path_to(self, project_state)
    if collect_sql or not path or not all(operation.reversible for operation in self.operations):
        return _unapply(self, project_state, schema_editor, collect_sql)
    states = _states_on(path, self, project_state)
    for operation, before, after in reversed(list(zip(self.operations, states[:-1], states[1:], strict=True))):
        with _transaction(self, operation, schema_editor):
            operation.database_backwards(self.app_label, schema_editor, after, before)
    return project_state


def _transaction(migration: Migration, operation: Operation, schema_editor: Any) -> AbstractContextManager[None]:
    """Return a transaction for an operation that wants one and is not in one."""
    wanted = operation.atomic or (migration.atomic and operation.atomic is not False)
    return atomic(schema_editor.connection.alias) if wanted and not schema_editor.atomic_migration else nullcontext()


def _states_on(path: tuple[str, ...], migration: Migration, state: ProjectState) -> list[ProjectState]:
    if path not in _known:
        _known[path] = list(_states(migration, state))
        setattr(_known[path][-1], _PATH, path)
    return _known[path]


def _path_to(migration: Migration, state: ProjectState) -> tuple[str, ...]:
    """Return the path to what MIGRATION makes of STATE, empty if nobody knows how that came about."""
    if state.models and not getattr(state, _PATH, ()):
        return ()
    return (*getattr(state, _PATH, ()), f"{migration.app_label}.{migration.name}")


def _states(migration: Migration, state: ProjectState) -> Iterator[ProjectState]:
    """Give STATE, which stays as it is, and what each operation makes of it."""
    yield _kept(state)
    state = state.clone()
    for operation in migration.operations:
        operation.state_forwards(migration.app_label, state)
        yield _kept(state)


def _kept(state: ProjectState) -> ProjectState:
    """Return STATE as it is now, never to be rendered again for a function that might look at its models."""
    kept = state.clone()
    kept.is_delayed = False
    return kept
