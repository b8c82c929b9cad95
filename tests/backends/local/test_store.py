"""The database: transactions, changes, migrations, speed of what must stay fast."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jupyter_mltrain.backends.local import schema, tables
from jupyter_mltrain.backends.local.records import Job, Pod
from jupyter_mltrain.backends.local.store import Store, counter, put_setting, setting
from jupyter_mltrain.errors import StorageError


@pytest.fixture
def store(tmp_path: Path):
    made = Store(tmp_path / "home")
    yield made
    made.close()


def job(name: str, **values) -> Job:
    manifest = {"kind": "TFJob", "metadata": {"name": name}, "spec": {}}
    given = {"kind": "TFJob", "namespace": "default", "created": 1.0, "clock": 1.0, **values}
    return Job(id=name, name=name, manifest=manifest, **given)


def pod(job: str, generation: int = 0, name: str = "p", **values) -> Pod:
    return Pod(
        uid=f"{job}-{name}-{generation}",
        job=job,
        name=name,
        role="Worker",
        idx=0,
        generation=generation,
        manifest={"spec": {}},
        created=1.0,
        **values,
    )


def test_what_is_written_is_read_back(store) -> None:
    saved = job("one", status={"conditions": []}, state="queued", turn=3, ports={"p": {"2222": 1}}, message="ü")
    with store.write() as connection:
        tables.insert_job(connection, saved)
        tables.insert_pod(connection, pod("one", devices=["GPU-0"], due=5.5))
    with store.read() as connection:
        assert tables.find_job(connection, "one") == saved
        assert tables.pods_of(connection, "one") == [pod("one", devices=["GPU-0"], due=5.5)]


def test_a_transaction_that_fails_leaves_nothing_and_wakes_nobody(store) -> None:
    def half_a_change() -> None:
        with store.write() as connection:
            tables.insert_job(connection, job("one"))
            tables.insert_job(connection, job("one"))

    with pytest.raises(StorageError):
        half_a_change()
    with store.read() as connection:
        assert tables.find_job(connection, "one") is None
        assert counter(connection, "change") == 0


def test_each_change_has_a_number_of_its_own(store) -> None:
    one, two = job("one"), job("two")
    with store.write() as connection:
        tables.insert_job(connection, one)
        tables.insert_job(connection, two)
        tables.save_job(connection, one)
        tables.mark_deleted(connection, two)
        assert (one.change, two.change, counter(connection, "change")) == (3, 4, 4)
        assert [tuple(row) for row in connection.execute("SELECT change, id FROM departed")] == [(4, "two")]


def test_departures_are_forgotten_in_the_end(store, monkeypatch) -> None:
    monkeypatch.setattr(tables, "REMEMBERED_DEPARTURES", 2)
    with store.write() as connection:
        for name in ("a", "b", "c", "d"):
            made = job(name)
            tables.insert_job(connection, made)
            tables.mark_deleted(connection, made)
        kept = [row[0] for row in connection.execute("SELECT change FROM departed ORDER BY change")]
        assert len(kept) == 2
        assert counter(connection, "forgotten") == kept[0] - 2


def test_a_name_is_free_again_after_deletion(store) -> None:
    with store.write() as connection:
        first = job("one")
        tables.insert_job(connection, first)
        tables.mark_deleted(connection, first)
        tables.insert_job(
            connection, Job(**{**{f: getattr(first, f) for f in first.__slots__}, "id": "x", "deleted": False})
        )
        assert tables.find_named(connection, "TFJob", "default", "one").id == "x"


def test_the_latest_pod_of_each_name_is_what_is_known_of_a_replica(store) -> None:
    with store.write() as connection:
        tables.insert_job(connection, job("one"))
        for generation in range(3):
            tables.insert_pod(connection, pod("one", generation, gone=generation < 2))
        tables.insert_pod(connection, pod("one", 0, name="q", gone=True))
        [found] = tables.latest_pods(connection, ["one"]).values()
        assert [(p.name, p.generation) for p in found] == [("p", 2), ("q", 0)]
        assert [p.generation for p in tables.pods_of(connection, "one")] == [2]


def test_equal_events_are_folded(store) -> None:
    with store.write() as connection:
        tables.insert_job(connection, job("one"))
        for now in (1.0, 2.0, 3.0):
            tables.record_event(connection, "one", now, "Normal", "Pulled", "again", "one")
        tables.record_event(connection, "one", 2.5, "Normal", "Pulled", "other", "one")
        found = tables.events_of(connection, "one")
    assert [(e.message, e.count, e.time[-3:]) for e in found] == [("again", 3, "03Z"), ("other", 1, "02Z")]


def test_settings_are_shared(store) -> None:
    with store.write() as connection:
        put_setting(connection, "slots", 7)
    other = Store(store.home)
    with other.read() as connection:
        assert setting(connection, "slots") == 7
        assert setting(connection, "nothing", "default") == "default"
    other.close()


def test_an_older_database_is_brought_up_step_by_step(tmp_path, monkeypatch) -> None:
    Store(tmp_path).close()
    monkeypatch.setattr(
        schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE added (x);\nINSERT INTO added VALUES (1)")
    )
    store = Store(tmp_path)
    with store.read() as connection:
        assert connection.execute("SELECT x FROM added").fetchone()[0] == 1
        assert schema.version(connection) == len(schema.MIGRATIONS)
    store.close()


def test_a_migration_that_fails_changes_nothing(tmp_path, monkeypatch) -> None:
    Store(tmp_path).close()
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "CREATE TABLE added (x);\nNONSENSE"))
    with pytest.raises(Exception, match="syntax error"):
        Store(tmp_path)
    connection = sqlite3.connect(tmp_path / "jobs.sqlite3")
    assert schema.version(connection) == len(schema.MIGRATIONS) - 1
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'added'").fetchone()[0] == 0
    connection.close()


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM jobs WHERE id = 'x'",
        "SELECT * FROM jobs WHERE kind = 'a' AND namespace = 'b' AND name = 'c' AND deleted = 0",
        "SELECT count(*) FROM jobs WHERE state = 'active'",
        "SELECT id FROM jobs WHERE state = 'active' OR deleted = 1",
        "SELECT * FROM jobs WHERE state = 'queued' AND turn > 1 ORDER BY turn LIMIT 1",
        "SELECT count(*) FROM jobs WHERE state = 'queued' AND turn <= 5",
        "SELECT EXISTS (SELECT 1 FROM jobs WHERE state = 'queued' AND gpus > 0)",
        "SELECT * FROM jobs WHERE expires <= 1",
        "SELECT min(expires) FROM jobs WHERE expires IS NOT NULL",
        "SELECT * FROM jobs WHERE change > 5 AND deleted = 0 ORDER BY change",
        "SELECT * FROM pods WHERE job = 'x' AND gone = 0 ORDER BY rowid",
        "SELECT * FROM pods WHERE job = 'x' AND name = 'y' ORDER BY generation DESC LIMIT 1",
        "SELECT * FROM events WHERE job = 'x' ORDER BY first, rowid",
    ],
)
def test_what_is_asked_often_never_reads_the_whole_table(store, query: str) -> None:
    with store.read() as connection:
        plan = " | ".join(row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert "SCAN jobs" not in plan.replace("SCAN jobs USING", "")
    assert "SCAN pods" not in plan
    assert "SCAN events" not in plan
