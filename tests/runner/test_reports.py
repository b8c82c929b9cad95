"""Reports reach the runner whole and in order, from anywhere, and never wait."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from jupyter_mltrain.runner.reports import LINE_LIMIT, Mailbox, Sender


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    box = Mailbox(tmp_path)
    yield box
    box.close()


def test_messages_arrive_in_order(mailbox: Mailbox) -> None:
    sender = Sender(str(mailbox.path))
    sent = [{"number": number, "text": "é" * (number % 50)} for number in range(500)]
    assert all(sender.send(message) for message in sent)
    assert mailbox.read() == sent
    assert mailbox.read() == []


def test_threads_and_forks_do_not_tear_each_others_lines(mailbox: Mailbox) -> None:
    sender = Sender(str(mailbox.path))
    sender.send({"who": "first"})

    def work(who: str) -> None:
        for number in range(100):
            sender.send({"who": who, "number": number, "filler": "x" * 500})

    threads = [threading.Thread(target=work, args=(f"thread {number}",)) for number in range(4)]
    forks = [multiprocessing.get_context("fork").Process(target=work, args=(f"fork {number}",)) for number in range(2)]
    for one in [*forks, *threads]:
        one.start()
    for one in [*threads, *forks]:
        one.join()
    messages = mailbox.read()
    assert len(messages) == 601
    for who in {message["who"] for message in messages} - {"first"}:
        assert [message["number"] for message in messages if message["who"] == who] == list(range(100))


def test_what_does_not_fit_is_dropped_and_counted(mailbox: Mailbox) -> None:
    sender = Sender(str(mailbox.path))
    results = [sender.send({"filler": "x" * 4000}) for _ in range(1000)]
    dropped = results.count(False)
    assert dropped > 0
    assert len(mailbox.read()) == 1000 - dropped
    assert sender.send({"last": True})
    assert mailbox.read() == [{"last": True, "dropped": dropped}]
    assert sender.send({"next": True})
    assert mailbox.read() == [{"next": True}]


def test_a_runner_that_is_gone_is_no_error(tmp_path: Path) -> None:
    box = Mailbox(tmp_path)
    sender = Sender(str(box.path))
    assert sender.send({})
    box.close()
    assert not sender.send({})
    assert not Sender(str(box.path)).send({})


def test_a_message_that_is_too_long_is_the_callers_mistake(mailbox: Mailbox) -> None:
    with pytest.raises(ValueError, match=str(LINE_LIMIT)):
        Sender(str(mailbox.path)).send({"text": "x" * LINE_LIMIT})


def test_lines_that_are_no_messages_are_left_out(mailbox: Mailbox) -> None:
    fd = os.open(mailbox.path, os.O_WRONLY)
    os.write(fd, b'nonsense\n[1]\n\xff\n{"good": 1}\n{"half":')
    os.close(fd)
    assert mailbox.read() == [{"good": 1}]
