-- The first schema. Instants are milliseconds since the epoch, UTC. Forward only; a change is a new file.

-- One row that `is_writable` touches.
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    probes INTEGER NOT NULL
) STRICT;
INSERT INTO meta (id, probes) VALUES (1, 0);

-- What is metered.
CREATE TABLE point (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    path TEXT NOT NULL,
    read_at TEXT,
    created_at INTEGER,
    lacked_at INTEGER,
    complete_until INTEGER NOT NULL DEFAULT 0,
    UNIQUE (source, path, kind)
) STRICT;

-- Who a point belongs to from an instant on.
CREATE TABLE owner (
    point INTEGER NOT NULL REFERENCES point (id),
    valid_from INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('billed', 'balance', 'internal')),
    reason TEXT NOT NULL,
    PRIMARY KEY (point, valid_from)
) STRICT, WITHOUT ROWID;

-- A counter as one node reports it. `state` is MessagePack (collector/ledger/codec.py): counters reach 2^64 - 1, which no
-- column type of SQLite holds.
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    point INTEGER NOT NULL REFERENCES point (id),
    read_at TEXT NOT NULL,
    port TEXT NOT NULL,
    node TEXT NOT NULL,
    state BLOB,
    expected_from INTEGER,
    UNIQUE (point, read_at, port, node)
) STRICT;

-- Closed stretches of coverage of a series; append-only.
CREATE TABLE run (
    series INTEGER NOT NULL REFERENCES series (id),
    start_at INTEGER NOT NULL,
    end_at INTEGER NOT NULL,
    quality INTEGER NOT NULL CHECK (quality BETWEEN 0 AND 3),
    PRIMARY KEY (series, start_at, end_at, quality)
) STRICT, WITHOUT ROWID;

-- What a series of rates has booked: MessagePack of whole numbers (collector/model/rates.py).
CREATE TABLE rate_state (
    series INTEGER PRIMARY KEY REFERENCES series (id),
    state BLOB NOT NULL
) STRICT;

-- Samples of rates that were news, each with the row of the table in docs/accounting.md, section 8, that decided it.
CREATE TABLE rate_sample (
    series INTEGER NOT NULL REFERENCES series (id),
    at INTEGER NOT NULL,
    interval_ms INTEGER NOT NULL,
    rx_bytes INTEGER NOT NULL,
    tx_bytes INTEGER NOT NULL,
    rule INTEGER NOT NULL,
    polled_at INTEGER NOT NULL,
    PRIMARY KEY (series, at, interval_ms, rx_bytes, tx_bytes, rule)
) STRICT, WITHOUT ROWID;

-- Everything ever booked to (tenant, point); `=balance` is the tenant of what is read for the balance of a gateway. A total is carry * 2^62 + rest, so it never ends.
CREATE TABLE account (
    id INTEGER PRIMARY KEY CHECK (id < 4294967296),
    tenant TEXT NOT NULL,
    point INTEGER NOT NULL REFERENCES point (id),
    ingress_bytes INTEGER NOT NULL DEFAULT 0,
    egress_bytes INTEGER NOT NULL DEFAULT 0,
    ingress_packets INTEGER NOT NULL DEFAULT 0,
    egress_packets INTEGER NOT NULL DEFAULT 0,
    ingress_dropped INTEGER NOT NULL DEFAULT 0,
    egress_dropped INTEGER NOT NULL DEFAULT 0,
    ingress_bytes_carry INTEGER NOT NULL DEFAULT 0,
    egress_bytes_carry INTEGER NOT NULL DEFAULT 0,
    ingress_packets_carry INTEGER NOT NULL DEFAULT 0,
    egress_packets_carry INTEGER NOT NULL DEFAULT 0,
    ingress_dropped_carry INTEGER NOT NULL DEFAULT 0,
    egress_dropped_carry INTEGER NOT NULL DEFAULT 0,
    UNIQUE (tenant, point)
) STRICT;

-- Five minutes of an account, both directions. key = hour since the epoch << 36 | account << 4 | slot of the hour
-- (docs/adr/0004-slot-key.md). What is left of the slot beside the three durations was measured, so that the usual row
-- keeps nothing for them. STRICT refuses a sum that has left 64 bits, which would otherwise turn into a float in silence.
CREATE TABLE slot (
    key INTEGER PRIMARY KEY,
    ingress_bytes INTEGER NOT NULL,
    egress_bytes INTEGER NOT NULL,
    ingress_packets INTEGER NOT NULL,
    egress_packets INTEGER NOT NULL,
    ingress_dropped INTEGER NOT NULL,
    egress_dropped INTEGER NOT NULL,
    missing_ms INTEGER NOT NULL,
    spread_ms INTEGER NOT NULL,
    inferred_ms INTEGER NOT NULL
) STRICT;

-- The same for people: northmeter never reads it.
CREATE VIEW slot_readable AS
SELECT
    account.tenant,
    point.kind,
    point.source || ':' || point.path AS point,
    (slot.key >> 36) * 3600000 + (slot.key & 15) * 300000 AS start_at,
    slot.ingress_bytes,
    slot.egress_bytes,
    slot.ingress_packets,
    slot.egress_packets,
    slot.ingress_dropped,
    slot.egress_dropped,
    slot.missing_ms,
    slot.spread_ms,
    slot.inferred_ms
FROM slot
JOIN account ON account.id = (slot.key >> 4) & 4294967295
JOIN point ON point.id = account.point;

-- One row per batch with the samples that it rests on; append-only. `samples` is deflated MessagePack.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    first_sample_at INTEGER,
    last_sample_at INTEGER,
    samples BLOB
) STRICT;
CREATE INDEX journal_by_time ON journal (last_sample_at, first_sample_at) WHERE samples IS NOT NULL;

-- What was seen and done. Repeats of one key within an hour are one row.
CREATE TABLE event (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    count INTEGER NOT NULL,
    source TEXT NOT NULL,
    event TEXT NOT NULL,
    tenant TEXT,
    point TEXT,
    node TEXT,
    detail TEXT NOT NULL,
    repeat_key TEXT NOT NULL
) STRICT;
CREATE INDEX event_by_repeat ON event (repeat_key, source, event, at) WHERE repeat_key <> '';

-- How often each event was seen, ever: it outlives the rows.
CREATE TABLE event_total (
    source TEXT NOT NULL,
    event TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (source, event)
) STRICT, WITHOUT ROWID;

-- Usage set aside whole. `delta` and `usage` are MessagePack, since they may be as large as a counter.
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    series INTEGER NOT NULL REFERENCES series (id),
    at INTEGER NOT NULL,
    start_at INTEGER NOT NULL,
    end_at INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    max_rate INTEGER NOT NULL,
    delta BLOB NOT NULL,
    usage BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'released', 'rejected'))
) STRICT;

-- The last complete inventory of each source.
CREATE TABLE inventory (
    source TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Addresses that organisations held, by directors, from start_at to end_at. Numbers of addresses are decimal text: an
-- IPv6 prefix has more than 64 bits can count.
CREATE TABLE address (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    allocation TEXT NOT NULL,
    tenant TEXT NOT NULL,
    org TEXT NOT NULL,
    space TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('floating_ip', 'ip_prefix', 'uplink_range')),
    value TEXT NOT NULL,
    addresses TEXT NOT NULL,
    used TEXT NOT NULL,
    allocated_at INTEGER,
    start_at INTEGER NOT NULL,
    end_at INTEGER CHECK (end_at > start_at),
    UNIQUE (source, allocation, start_at)
) STRICT;
CREATE INDEX address_by_tenant ON address (tenant, end_at);
CREATE INDEX address_by_end ON address (source, end_at);

-- How many addresses an organisation might hold, or prefixes of a length (0: floating addresses); without a number, as
-- many as it liked.
CREATE TABLE address_quota (
    source TEXT NOT NULL,
    org TEXT NOT NULL,
    space TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('floating_ip', 'ip_prefix', 'uplink_range')),
    prefix_length INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    most TEXT,
    start_at INTEGER NOT NULL,
    end_at INTEGER CHECK (end_at > start_at),
    PRIMARY KEY (source, org, space, kind, prefix_length, start_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX address_quota_by_tenant ON address_quota (tenant, end_at);

-- The readings that addresses rest on, in order: exporters are given the counts at each.
CREATE TABLE address_reading (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    previous_at INTEGER
) STRICT;

-- Up to when the addresses of each director are known: the time of its last reading.
CREATE TABLE address_known (
    source TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Up to when each source is accounted.
CREATE TABLE watermark (
    source TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Slots to be sent (again), in order; `slot` is a key of the slot table.
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    slot INTEGER NOT NULL
) STRICT;

-- What each destination confirmed. A negative seq is on the way through the slots that were complete before the exporter
-- came: seq = key - 2^62, for slots that end by `history_until`; then come the publications after `live_after`.
-- `address_reading` is the last reading of addresses that was confirmed; a new exporter is given all that are left.
CREATE TABLE exporter_cursor (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    registered INTEGER NOT NULL CHECK (registered IN (0, 1)),
    registered_at INTEGER NOT NULL,
    history_until INTEGER NOT NULL,
    live_after INTEGER NOT NULL,
    address_reading INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

-- Lines that a destination refused as wrong.
CREATE TABLE parked (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    exporter TEXT NOT NULL,
    at INTEGER NOT NULL,
    line TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE INDEX parked_by_exporter ON parked (exporter);
