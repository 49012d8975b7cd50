-- SPDX-License-Identifier: Apache-2.0
-- The registry, version 1. Times are ms since the epoch, UTC. Sealed = encrypted under the storage key (vault.h).

-- Small pages: a frame changes two or three short rows, and the log gets a whole page for each.
PRAGMA page_size = 1024;
PRAGMA synchronous = FULL;
BEGIN; -- the code that runs this adds the storage key's check value, and commits
PRAGMA application_id = 0x534c4b52; -- "SLKR"
PRAGMA user_version = 1;

CREATE TABLE about (
    name  TEXT PRIMARY KEY,      -- 'storage-key': the check value of the right storage.key
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE device (
    address     BLOB PRIMARY KEY,
    name        TEXT NOT NULL,
    claim       BLOB,            -- sealed; NULL = none
    listed      INTEGER NOT NULL,-- added by an administrator
    revoked     INTEGER NOT NULL,
    status      INTEGER NOT NULL,-- enum selkie_device_status: follows from the above and the bindings
    reset_alarm INTEGER NOT NULL -- when the alarm was last raised
) WITHOUT ROWID;
CREATE INDEX device_status ON device (status, address);

-- An ID at an address. Never deleted: a retired ID must not be accepted again.
CREATE TABLE binding (
    number      INTEGER PRIMARY KEY,
    address     BLOB NOT NULL,
    id_hash     BLOB NOT NULL,   -- SHA-256(ID)
    tag         BLOB NOT NULL,   -- of its SESSION frames
    session     BLOB,            -- its session key, sealed; NULL once retired
    status      INTEGER NOT NULL,-- enum selkie_binding_status
    key_id      INTEGER NOT NULL,-- that sealed its last SEALED frame
    counter     INTEGER NOT NULL,-- the highest accepted; while pending, the highest parked
    received    INTEGER NOT NULL,-- frames accepted
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    gateway     TEXT NOT NULL,
    form        INTEGER NOT NULL,-- enum selkie_frame_type
    firmware    TEXT NOT NULL,
    silent      INTEGER NOT NULL,-- the event has been raised
    clone_alarm INTEGER NOT NULL,
    session_frames INTEGER NOT NULL,-- of those received
    session_bytes INTEGER NOT NULL,-- of their bodies: their airtime
    revoked     INTEGER NOT NULL,-- its device is revoked
    row         INTEGER NOT NULL,-- the newest row of the window, as in `seen`: here, so that a frame changes one page
    present     INTEGER NOT NULL,
    entries     BLOB NOT NULL
);
CREATE UNIQUE INDEX binding_id ON binding (address, id_hash);
CREATE INDEX binding_live ON binding (address) WHERE status <> 3;
CREATE INDEX binding_tag ON binding (tag, status, number);

-- The window without its newest row: 32 counters a row, at binding << 27 | counter >> 5.
CREATE TABLE seen (
    place   INTEGER PRIMARY KEY,
    present INTEGER NOT NULL,    -- bit i: counter i of the 32 was accepted
    entries BLOB NOT NULL        -- 32 x (digest 8, second of the capture 4, clock and gateway 2)
);

-- Which counters of an ID are open (model/history.h). Only for IDs that miss something.
CREATE TABLE history (
    binding INTEGER PRIMARY KEY,
    open    BLOB NOT NULL
);

-- Frames of pending bindings.
CREATE TABLE parked (
    number  INTEGER PRIMARY KEY,
    binding INTEGER NOT NULL,
    counter INTEGER NOT NULL,
    digest  BLOB NOT NULL,
    rx      INTEGER NOT NULL,
    clock   INTEGER NOT NULL,    -- enum selkie_clock
    gateway TEXT NOT NULL,
    form    INTEGER NOT NULL,
    key_id  INTEGER NOT NULL,
    payload BLOB                 -- sealed; NULL for a REGISTER
);
CREATE INDEX parked_binding ON parked (binding, counter, number);

-- SESSION frames with an unknown tag: their REGISTER may come. `arrived` is not since the epoch but a time of the clock
-- in rules/effects.h, which is never set.
CREATE TABLE unmatched (
    number  INTEGER PRIMARY KEY,
    tag     BLOB NOT NULL,
    digest  BLOB NOT NULL,
    rx      INTEGER NOT NULL,
    clock   INTEGER NOT NULL,    -- enum selkie_clock
    arrived INTEGER NOT NULL,
    gateway TEXT NOT NULL,
    body    BLOB NOT NULL        -- as received: sealed by the device
);
CREATE UNIQUE INDEX unmatched_tag ON unmatched (tag, digest);

-- Their number for each gateway.
CREATE TABLE unmatched_count (
    gateway TEXT PRIMARY KEY,
    count   INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TRIGGER unmatched_added AFTER INSERT ON unmatched BEGIN
    INSERT INTO unmatched_count VALUES (new.gateway, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER unmatched_removed AFTER DELETE ON unmatched BEGIN
    UPDATE unmatched_count SET count = count - 1 WHERE gateway = old.gateway;
    DELETE FROM unmatched_count WHERE gateway = old.gateway AND count = 0;
END;

-- What must reach the broker, in this order, even after a crash.
CREATE TABLE outbox (
    number  INTEGER PRIMARY KEY,
    kind    INTEGER NOT NULL,    -- enum selkie_output_kind: payload, state or event
    address BLOB NOT NULL,
    counter INTEGER NOT NULL,
    rx      INTEGER NOT NULL,
    clock   INTEGER NOT NULL,    -- enum selkie_clock
    gateway TEXT NOT NULL,
    form    INTEGER NOT NULL,
    data    BLOB                 -- payload: sealed; event: JSON; state: NULL, made when it is published
);

-- Devices whose retained state has changed since it was last put into the outbox.
CREATE TABLE stale (
    address BLOB PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE gateway (
    name       TEXT PRIMARY KEY,
    auth       INTEGER NOT NULL, -- enum selkie_gateway_auth
    salt       BLOB,
    hash       BLOB,             -- PBKDF2-HMAC-SHA-256(password, salt, iterations)
    iterations INTEGER,
    added      INTEGER NOT NULL
) WITHOUT ROWID;

-- Counts that would take long to make: devices by status, active bindings by key.
CREATE TABLE tally (
    what  TEXT NOT NULL,         -- 'status' or 'key'
    which INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (what, which)
) WITHOUT ROWID;

CREATE TRIGGER device_added AFTER INSERT ON device BEGIN
    INSERT INTO tally VALUES ('status', new.status, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER device_changed AFTER UPDATE OF status ON device WHEN old.status <> new.status BEGIN
    UPDATE tally SET count = count - 1 WHERE what = 'status' AND which = old.status;
    INSERT INTO tally VALUES ('status', new.status, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER device_removed AFTER DELETE ON device BEGIN
    UPDATE tally SET count = count - 1 WHERE what = 'status' AND which = old.status;
END;
CREATE TRIGGER binding_added AFTER INSERT ON binding WHEN new.status = 1 BEGIN
    INSERT INTO tally VALUES ('key', new.key_id, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER binding_changed AFTER UPDATE OF status, key_id ON binding BEGIN
    UPDATE tally SET count = count - 1 WHERE old.status = 1 AND what = 'key' AND which = old.key_id;
    INSERT INTO tally SELECT 'key', new.key_id, 1 WHERE new.status = 1 ON CONFLICT DO UPDATE SET count = count + 1;
END;
