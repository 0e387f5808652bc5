"""What can go wrong, one class for each exit code of the commands; and the commands that most of it leads to."""

BACKUP = "python manage.py backup"
MIGRATE = "python manage.py migrate"
PREFLIGHT = "python manage.py preflight"
EXECUTE = "python manage.py migrate_customers --execute"
ROLL_BACK = "python manage.py migrate_customers --rollback"
REHEARSE = "python manage.py rehearse"
CLEAN_UP = "python manage.py cleanup_legacy --execute"
STATUS = "python manage.py separation_status"
VERIFY = "python manage.py verify_separation"
RESOLVE = "python manage.py resolve_findings"


class SeparationError(Exception):
    """Something failed: `message` says what and which object, `next_command` what to type next."""

    exit_code = 1

    def __init__(self, message: str, next_command: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_command = next_command


class CheckFailed(SeparationError):
    """A check, an invariant or a chunk failed."""


class UsageFault(SeparationError):
    """The command line makes no sense."""

    exit_code = 2


class Refused(SeparationError):
    """An interlock holds: `interlock` names it, `next_command` satisfies it."""

    exit_code = 3

    def __init__(self, interlock: str, message: str, next_command: str = "") -> None:
        super().__init__(message, next_command)
        self.interlock = interlock


class PhraseNotGiven(SeparationError):
    """The typed phrase was not given exactly; nothing was changed."""

    exit_code = 4


class Interrupted(SeparationError):
    """Stopped on request between two transactions; the same command resumes."""

    exit_code = 130
