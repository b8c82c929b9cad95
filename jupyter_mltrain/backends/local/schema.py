"""The tables of ``jobs.sqlite3`` and how an older database becomes a present one.

``jobs.manifest`` and ``jobs.status`` are what an API server would hold; ``pods`` adds to that what a node knows: which
container runs, in which folder, on which devices. Times are seconds since the epoch.
"""

from __future__ import annotations

import sqlite3
from typing import Final

_VERSION_1: Final = """
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counters VALUES ('change', 0), ('turn', 0), ('forgotten', 0);

CREATE TABLE jobs (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  manifest TEXT NOT NULL,
  status TEXT NOT NULL DEFAULT '{}',
  state TEXT NOT NULL CHECK (state IN ('queued', 'active', 'idle')),
  deleted INTEGER NOT NULL DEFAULT 0,
  resume INTEGER NOT NULL DEFAULT 0,
  turn INTEGER,
  message TEXT NOT NULL DEFAULT '',
  gpus INTEGER NOT NULL DEFAULT 0,
  context TEXT NOT NULL DEFAULT '{}',
  ports TEXT NOT NULL DEFAULT '{}',
  created REAL NOT NULL,
  clock REAL NOT NULL,
  ended REAL,
  expires REAL,
  size INTEGER,
  change INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX jobs_by_name ON jobs (kind, namespace, name) WHERE deleted = 0;
CREATE INDEX jobs_by_change ON jobs (change);
CREATE INDEX jobs_by_creation ON jobs (created, id);
CREATE UNIQUE INDEX jobs_queue ON jobs (turn) WHERE state = 'queued';
CREATE INDEX jobs_queued_for_gpus ON jobs (turn) WHERE state = 'queued' AND gpus > 0;
CREATE INDEX jobs_active ON jobs (id) WHERE state = 'active';
CREATE INDEX jobs_unattended ON jobs (id) WHERE state = 'active' OR deleted = 1;
CREATE INDEX jobs_expiring ON jobs (expires) WHERE expires IS NOT NULL;
CREATE INDEX jobs_ended ON jobs (ended) WHERE ended IS NOT NULL;

CREATE TABLE departed (
  change INTEGER PRIMARY KEY,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL
);

CREATE TABLE pods (
  uid TEXT PRIMARY KEY,
  job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  idx INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  manifest TEXT NOT NULL,
  phase TEXT NOT NULL DEFAULT 'Pending',
  stage TEXT NOT NULL DEFAULT 'waiting' CHECK (stage IN ('waiting', 'launched', 'ended')),
  deleting INTEGER NOT NULL DEFAULT 0,
  gone INTEGER NOT NULL DEFAULT 0,
  step INTEGER NOT NULL DEFAULT 0,
  runs INTEGER NOT NULL DEFAULT 0,
  restarts INTEGER NOT NULL DEFAULT 0,
  failures INTEGER NOT NULL DEFAULT 0,
  due REAL NOT NULL DEFAULT 0,
  exit_code INTEGER,
  reason TEXT NOT NULL DEFAULT '',
  message TEXT NOT NULL DEFAULT '',
  devices TEXT NOT NULL DEFAULT '[]',
  created REAL NOT NULL,
  started REAL,
  finished REAL,
  peak_memory INTEGER,
  UNIQUE (job, name, generation)
);

CREATE TABLE services (
  job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  manifest TEXT NOT NULL,
  PRIMARY KEY (job, name)
) WITHOUT ROWID;

CREATE TABLE events (
  job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  object TEXT NOT NULL,
  type TEXT NOT NULL,
  reason TEXT NOT NULL,
  message TEXT NOT NULL,
  first REAL NOT NULL,
  last REAL NOT NULL,
  count INTEGER NOT NULL DEFAULT 1,
  UNIQUE (job, object, type, reason, message)
);

CREATE TABLE leases (
  device TEXT PRIMARY KEY,
  job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
  role TEXT NOT NULL,
  share INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX leases_by_job ON leases (job);
"""

_VERSION_2: Final = """
ALTER TABLE jobs ADD COLUMN phase TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN notebook TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN words TEXT NOT NULL DEFAULT '';
DROP INDEX jobs_by_creation;
CREATE INDEX jobs_by_creation ON jobs (created, id, deleted, phase, kind, notebook, words) WHERE deleted = 0;
CREATE INDEX jobs_by_phase ON jobs (phase, deleted) WHERE deleted = 0;
"""

MIGRATIONS: Final = (_VERSION_1, _VERSION_2)
"""Step ``n`` takes a database of version ``n`` to ``n + 1``. A step that was released is never edited."""


def version(connection: sqlite3.Connection) -> int:
    """Return the version that the database is at; 0 for an empty one."""
    found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the present version, all steps or none. Call it inside a write transaction."""
    found = version(connection)
    for step in range(found, len(MIGRATIONS)):
        for statement in MIGRATIONS[step].split(";\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {step + 1}")
    if found == 1:
        from .tables import index_jobs

        index_jobs(connection)
