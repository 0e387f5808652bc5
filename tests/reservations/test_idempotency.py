"""A request that is repeated with its key is done once, and answered alike."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone

from reservations import idempotency
from reservations.errors import IdempotencyMismatch, InProgress
from reservations.idempotency import Answer, idempotency_keys_forget, idempotent
from reservations.models import IdempotencyKey

pytestmark = pytest.mark.django_db

ASKED = {"day": "2026-06-05", "party_size": 2}


@pytest.fixture
def done() -> list[int]:
    """What was done, each time."""
    return []


@pytest.fixture
def ask(done: list[int]) -> Callable[..., Answer]:
    def ask(key: str = "k", scope: str = "customer:1", request: Any = ASKED, result: Any = None) -> Answer:
        def do() -> tuple[int, Any]:
            done.append(1)
            if isinstance(result, Exception):
                raise result
            return 201, {"id": len(done)}

        return idempotent(scope=scope, key=key, request=request, do=do)

    return ask


def test_the_same_again_gets_the_same_answer(ask: Callable[..., Answer], done: list[int]) -> None:
    assert ask() == Answer(201, {"id": 1})
    assert ask(request=dict(reversed(ASKED.items()))) == Answer(201, {"id": 1}, replayed=True)
    assert done == [1]


def test_another_key_or_another_persons_is_done(ask: Callable[..., Answer], done: list[int]) -> None:
    assert [ask().body, ask("other").body, ask(scope="customer:2").body] == [{"id": 1}, {"id": 2}, {"id": 3}]


def test_another_request_with_the_key_is_refused(ask: Callable[..., Answer], done: list[int]) -> None:
    ask()
    with pytest.raises(IdempotencyMismatch):
        ask(request={**ASKED, "party_size": 3})
    assert done == [1]


def test_what_was_refused_may_be_tried_again(ask: Callable[..., Answer]) -> None:
    with pytest.raises(KeyError):
        ask(result=KeyError("full"))
    assert IdempotencyKey.objects.count() == 0
    assert ask() == Answer(201, {"id": 2})


def test_a_key_is_kept_as_a_hash_for_a_day(ask: Callable[..., Answer]) -> None:
    ask()
    (kept,) = IdempotencyKey.objects.all()
    assert (len(kept.key_hash), len(kept.fingerprint)) == (64, 64)
    assert idempotency_keys_forget() == 0
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert ask() == Answer(201, {"id": 2})
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(hours=24, seconds=1))
    assert idempotency_keys_forget() == 1


def test_the_keys_of_one_person_go_at_once(ask: Callable[..., Answer]) -> None:
    ask()
    ask(scope="customer:2")
    assert idempotency_keys_forget(scope="customer:1") == 1
    assert IdempotencyKey.objects.get().scope == "customer:2"


def test_whoever_asks_meanwhile_waits_for_the_first_answer_or_hears_that_it_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    working, goes_on, over = threading.Event(), threading.Event(), threading.Event()
    heard: list[Any] = []

    def first() -> tuple[int, Any]:
        working.set()
        goes_on.wait(30)
        return 201, "first"

    def live(do: Callable[[], Any]) -> None:
        try:
            heard.append(do())
        except Exception as error:
            heard.append(error)
        finally:
            connections.close_all()

    def request(do: Callable[[], tuple[int, Any]]) -> Callable[[], Answer]:
        return lambda: idempotent(scope="apart", key="k", request=ASKED, do=do)

    def forget() -> None:
        idempotency_keys_forget(scope="apart")
        over.set()

    slow = threading.Thread(target=live, args=(request(first),))
    slow.start()
    assert working.wait(30)
    monkeypatch.setattr(idempotency, "_WAIT", "50ms")
    apart(live, request(lambda: (201, "second")))
    assert isinstance(heard.pop(), InProgress)
    monkeypatch.setattr(idempotency, "_WAIT", "30s")
    waits = threading.Thread(target=live, args=(request(lambda: (201, "second")),))
    waits.start()
    goes_on.set()
    slow.join()
    waits.join()
    apart(live, forget)
    answers = sorted((answer for answer in heard if answer), key=lambda answer: bool(answer.replayed))
    assert answers == [Answer(201, "first"), Answer(201, "first", replayed=True)]
    assert over.is_set()


def apart(live: Callable[..., None], do: Callable[[], Any]) -> None:
    thread = threading.Thread(target=live, args=(do,))
    thread.start()
    thread.join()
