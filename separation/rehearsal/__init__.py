"""The whole day on a restored backup, before it comes: what an execute on production asks for."""

from separation.rehearsal.records import REHEARSAL_AGE, code_version, is_sound, latest, latest_passed, save, shortcoming

__all__ = ["REHEARSAL_AGE", "code_version", "is_sound", "latest", "latest_passed", "save", "shortcoming"]
