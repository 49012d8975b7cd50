-- SPDX-License-Identifier: Apache-2.0
-- The registry, version 3. Times are ms since the epoch, UTC. Sealed = encrypted under the storage key (vault.h).

-- Small pages: a frame changes two or three short rows, and the log gets a whole page for each.
PRAGMA page_size = 1024;
PRAGMA synchronous = FULL;
BEGIN; -- the code that runs this adds the storage key's check value, and commits
PRAGMA application_id = 0x534c4b52; -- "SLKR"
PRAGMA user_version = 3;

CREATE TABLE about (
    name  TEXT PRIMARY KEY,      -- 'storage-key': the check value of the right storage.key
    value BLOB NOT NULL          -- 'day-clock': the time of rules/day_clock.h, ms; `heard` and `day` are its days
                                 -- 'refresh': where rules/refresh.h stands, an address
                                 -- 'came:<gateway>': a registered gateway that has published its state; x''
) WITHOUT ROWID;

CREATE TABLE device (
    address     BLOB PRIMARY KEY,
    name        TEXT NOT NULL,
    claim       BLOB,            -- sealed; NULL = none
    listed      INTEGER NOT NULL,-- added by an administrator
    revoked     INTEGER NOT NULL,
    status      INTEGER NOT NULL,-- enum selkie_device_status: follows from the above and the bindings
    reset_alarm INTEGER NOT NULL,-- when the alarm was last raised
    gateway     TEXT NOT NULL,   -- through which it registered; '' = an administrator listed, approved or revoked it
    wrong_claims INTEGER NOT NULL,-- within an hour
    wrong_claims_since INTEGER NOT NULL,
    model       TEXT NOT NULL    -- that an administrator chose; '' = the one that its firmware says
) WITHOUT ROWID;
CREATE INDEX device_status ON device (status, address);

-- An ID at an address. One of which a frame was accepted, or that a person refused, is never deleted, because it must not
-- be accepted again: once it is retired, what is long of its row becomes empty. One that was denied or removed keeps all
-- of it for a time (rules/forgetting.h), because an administrator may readmit it.
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
    heard       INTEGER NOT NULL,-- the day of the last frame that was accepted or parked
    gateway     TEXT NOT NULL,
    form        INTEGER NOT NULL,-- enum selkie_frame_type
    firmware    TEXT NOT NULL,
    silent      INTEGER NOT NULL,-- the event has been raised
    clone_alarm INTEGER NOT NULL,
    session_frames INTEGER NOT NULL,-- of those received
    session_bytes INTEGER NOT NULL,-- of their bodies: their airtime
    rssi        INTEGER NOT NULL,-- of the last accepted frame of which it is known, dBm; 0 = of none
    rssi_mean   INTEGER NOT NULL,-- of all of them, in 1/64 dBm
    superseded  INTEGER NOT NULL,-- when the frame arrived that took its place
    superseded_day INTEGER NOT NULL,-- also by the day clock
    successor_rx INTEGER NOT NULL,-- and its capture: time, enum selkie_clock, hash of the gateway
    successor_clock INTEGER NOT NULL,
    successor_gateway INTEGER NOT NULL,
    revoked     INTEGER NOT NULL,-- its device is revoked
    ended       INTEGER NOT NULL,-- enum selkie_binding_end, once it is retired
    row         INTEGER NOT NULL,-- the newest row of the window, as in `seen`: here, so that a frame changes one page
    present     INTEGER NOT NULL,
    entries     BLOB NOT NULL
);
CREATE UNIQUE INDEX binding_id ON binding (address, id_hash);
CREATE INDEX binding_live ON binding (address) WHERE status <> 4;
CREATE INDEX binding_pending ON binding (address) WHERE status = 2;
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
    day     INTEGER NOT NULL,    -- on which it came
    rssi    INTEGER NOT NULL,    -- dBm; 0 = unknown
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
    rssi    INTEGER NOT NULL,    -- dBm; 0 = unknown
    body    BLOB NOT NULL        -- as received: sealed by the device
);
CREATE INDEX unmatched_tag ON unmatched (tag, digest, gateway);

-- What gateways share: how many of the devices that no administrator vouched for, of the parked and of the unmatched
-- frames each one holds, and (gateway '') all of them.
CREATE TABLE held (
    what    TEXT NOT NULL,       -- 'device', 'parked' or 'unmatched'
    gateway TEXT NOT NULL,
    count   INTEGER NOT NULL,
    PRIMARY KEY (what, gateway)
) WITHOUT ROWID;

CREATE TRIGGER held_gone AFTER UPDATE ON held WHEN new.count = 0 BEGIN
    DELETE FROM held WHERE what = new.what AND gateway = new.gateway;
END;
CREATE TRIGGER device_held AFTER INSERT ON device WHEN new.gateway <> '' BEGIN
    INSERT INTO held VALUES ('device', '', 1), ('device', new.gateway, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER device_vouched AFTER UPDATE OF gateway ON device WHEN old.gateway <> '' AND new.gateway = '' BEGIN
    UPDATE held SET count = count - 1 WHERE what = 'device' AND gateway IN ('', old.gateway);
END;
CREATE TRIGGER device_gone AFTER DELETE ON device WHEN old.gateway <> '' BEGIN
    UPDATE held SET count = count - 1 WHERE what = 'device' AND gateway IN ('', old.gateway);
END;
CREATE TRIGGER parked_added AFTER INSERT ON parked BEGIN
    INSERT INTO held VALUES ('parked', '', 1), ('parked', new.gateway, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER parked_removed AFTER DELETE ON parked BEGIN
    UPDATE held SET count = count - 1 WHERE what = 'parked' AND gateway IN ('', old.gateway);
END;
CREATE TRIGGER unmatched_added AFTER INSERT ON unmatched BEGIN
    INSERT INTO held VALUES ('unmatched', '', 1), ('unmatched', new.gateway, 1)
        ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER unmatched_removed AFTER DELETE ON unmatched BEGIN
    UPDATE held SET count = count - 1 WHERE what = 'unmatched' AND gateway IN ('', old.gateway);
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
    rssi    INTEGER NOT NULL,    -- dBm; 0 = unknown
    late    INTEGER NOT NULL,    -- payload: it is not the device's newest
    firmware TEXT NOT NULL,      -- payload: of the ID that sent it, which may be replaced while it waits
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

-- Counts that would take long to make: devices by status, active bindings by key, pending bindings (`which` 0).
CREATE TABLE tally (
    what  TEXT NOT NULL,         -- 'status', 'key' or 'pending'
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
CREATE TRIGGER pending_added AFTER INSERT ON binding WHEN new.status = 2 BEGIN
    INSERT INTO tally VALUES ('pending', 0, 1) ON CONFLICT DO UPDATE SET count = count + 1;
END;
CREATE TRIGGER pending_decided AFTER UPDATE OF status ON binding WHEN old.status = 2 AND new.status <> 2 BEGIN
    UPDATE tally SET count = count - 1 WHERE what = 'pending';
END;
CREATE TRIGGER pending_gone AFTER DELETE ON binding WHEN old.status = 2 BEGIN
    UPDATE tally SET count = count - 1 WHERE what = 'pending';
END;
