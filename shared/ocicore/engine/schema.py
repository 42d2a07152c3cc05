"""The schema of state.sqlite and its migrations, oldest first.

`PRAGMA user_version` holds how many steps a file has seen. A step is never edited once released: append one.
What `ps` prints lives in columns of its own, so that listing reads no JSON but the few short lists it shows.
"""

from __future__ import annotations

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE names (
        name TEXT PRIMARY KEY NOT NULL,
        id TEXT NOT NULL,
        kind TEXT NOT NULL              -- container | pod: they share one name space
    ) WITHOUT ROWID;
    CREATE INDEX names_by_id ON names(id);
    CREATE TABLE containers (
        id TEXT PRIMARY KEY NOT NULL,
        name TEXT NOT NULL,
        created INTEGER NOT NULL,       -- nanoseconds since the epoch, as every time here
        image_id TEXT NOT NULL,
        image_name TEXT NOT NULL,
        command TEXT NOT NULL,          -- JSON list
        labels TEXT NOT NULL,           -- JSON object
        ports TEXT NOT NULL,            -- JSON list of port mappings
        exposed TEXT NOT NULL,          -- JSON object: "80/tcp" -> {}
        networks TEXT NOT NULL,         -- JSON list of names
        mounts TEXT NOT NULL,           -- JSON list of destinations the user asked for
        pod_id TEXT NOT NULL,
        auto_remove INTEGER NOT NULL,
        is_infra INTEGER NOT NULL,
        cidfile TEXT NOT NULL,
        config TEXT NOT NULL,           -- JSON object; see create.py
        status TEXT NOT NULL,           -- see records.py
        pid INTEGER NOT NULL,
        pid_start INTEGER NOT NULL,     -- clock ticks since boot, from /proc/PID/stat
        conmon_pid INTEGER NOT NULL,
        conmon_start INTEGER NOT NULL,
        boot_id TEXT NOT NULL,
        started INTEGER NOT NULL,
        finished INTEGER NOT NULL,
        exit_code INTEGER NOT NULL,
        oom_killed INTEGER NOT NULL,
        restarts INTEGER NOT NULL,
        stopped_by_user INTEGER NOT NULL,
        health TEXT NOT NULL,
        mountpoint TEXT NOT NULL,
        netns TEXT NOT NULL,
        state TEXT NOT NULL             -- JSON object: what only some verbs need
    ) WITHOUT ROWID;
    CREATE INDEX containers_by_pod ON containers(pod_id) WHERE pod_id != '';
    CREATE INDEX containers_by_image ON containers(image_id);
    CREATE TABLE dependencies (
        container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
        needs TEXT NOT NULL REFERENCES containers(id),
        PRIMARY KEY (container_id, needs)
    ) WITHOUT ROWID;
    CREATE INDEX dependencies_by_needs ON dependencies(needs);
    CREATE TABLE exit_codes (           -- kept after a container is gone, for `wait`
        id TEXT PRIMARY KEY NOT NULL,
        at INTEGER NOT NULL,
        exit_code INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE exec_sessions (
        id TEXT PRIMARY KEY NOT NULL,
        container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
        config TEXT NOT NULL,
        status TEXT NOT NULL,           -- created | running | stopped
        pid INTEGER NOT NULL,
        pid_start INTEGER NOT NULL,
        conmon_pid INTEGER NOT NULL,
        boot_id TEXT NOT NULL,
        exit_code INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX exec_by_container ON exec_sessions(container_id);
    CREATE TABLE volumes (
        name TEXT PRIMARY KEY NOT NULL,
        created INTEGER NOT NULL,
        driver TEXT NOT NULL,
        mountpoint TEXT NOT NULL,
        labels TEXT NOT NULL,
        options TEXT NOT NULL,
        anonymous INTEGER NOT NULL,
        needs_copy_up INTEGER NOT NULL,
        needs_chown INTEGER NOT NULL,
        mount_count INTEGER NOT NULL,
        boot_id TEXT NOT NULL,
        state TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE volume_users (
        volume TEXT NOT NULL REFERENCES volumes(name),
        container_id TEXT NOT NULL REFERENCES containers(id) ON DELETE CASCADE,
        PRIMARY KEY (volume, container_id)
    ) WITHOUT ROWID;
    CREATE INDEX volume_users_by_container ON volume_users(container_id);
    """,
    """
    CREATE TABLE pods (
        id TEXT PRIMARY KEY NOT NULL,
        name TEXT NOT NULL,
        created INTEGER NOT NULL,
        labels TEXT NOT NULL,           -- JSON object
        infra_id TEXT NOT NULL,         -- container, "" for none
        config TEXT NOT NULL            -- JSON object; see pods.py
    ) WITHOUT ROWID;
    """,
)
