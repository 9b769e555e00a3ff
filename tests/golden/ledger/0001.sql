PRAGMA application_id = 1313688625;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
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
INSERT INTO "account" VALUES(1,'acme',1,0,16,24,32,40,48,4,0,0,0,0,0);
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
INSERT INTO "address" VALUES(1,'vcd','urn:vcloud:ipSpaceIpAllocation:1','acme','urn:vcloud:org:1','internet-v6','ip_prefix','2001:db8::/56','4722366482869645213696','4722366482869645213696',1789999199990,1789999199990,NULL);
CREATE TABLE address_known (
    source TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "address_known" VALUES('vcd',1789999200000);
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
INSERT INTO "address_quota" VALUES('vcd','urn:vcloud:org:1','internet-v6','ip_prefix',56,'acme','4',1789999200000,NULL);
CREATE TABLE address_reading (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    at INTEGER NOT NULL,
    previous_at INTEGER
) STRICT;
INSERT INTO "address_reading" VALUES(1,'vcd',1789999200000,NULL);
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
INSERT INTO "event" VALUES(1,1789999200000,1789999200000,2,'nsx-a','reset','acme','nsx-a:/infra/up1','node-1','{"unknown_bytes_max_ingress":"2361183241434822606848","nodes":["a"],"note":null}','series-1');
CREATE TABLE event_total (
    source TEXT NOT NULL,
    event TEXT NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (source, event)
) STRICT, WITHOUT ROWID;
INSERT INTO "event_total" VALUES('nsx-a','reset',2);
CREATE TABLE exporter_cursor (
    name TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    registered INTEGER NOT NULL CHECK (registered IN (0, 1)),
    registered_at INTEGER NOT NULL,
    history_until INTEGER NOT NULL,
    live_after INTEGER NOT NULL,
    address_reading INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
INSERT INTO "exporter_cursor" VALUES('influxdb',1,1,0,0,0,0);
CREATE TABLE inventory (
    source TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "inventory" VALUES('nsx-a',1789999200000,X'00696E76656E746F7279');
INSERT INTO "inventory" VALUES('vcd',1789999200000,X'6D6170');
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    at INTEGER NOT NULL,
    first_sample_at INTEGER,
    last_sample_at INTEGER,
    samples BLOB
) STRICT;
INSERT INTO "journal" VALUES(1,'batch-1',1789999200000,1789999200000,1789999260000,X'78019B349971F2790606C605475CCC19A00CAB9669E7FF43C1016616563666B82257C5048822579527D3189940929C00D8D31A27');
CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    probes INTEGER NOT NULL
) STRICT;
INSERT INTO "meta" VALUES(1,0);
CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    slot INTEGER NOT NULL
) STRICT;
INSERT INTO "outbox" VALUES(1,1789999200000,34168835661627408);
INSERT INTO "outbox" VALUES(2,1789999200000,34168835661627409);
CREATE TABLE owner (
    point INTEGER NOT NULL REFERENCES point (id),
    valid_from INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('billed', 'balance', 'internal')),
    reason TEXT NOT NULL,
    PRIMARY KEY (point, valid_from)
) STRICT, WITHOUT ROWID;
INSERT INTO "owner" VALUES(1,0,'acme','billed','config');
CREATE TABLE parked (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    exporter TEXT NOT NULL,
    at INTEGER NOT NULL,
    line TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
INSERT INTO "parked" VALUES(1,'influxdb',1789999200000,'usage bytes=1i','partial write');
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
INSERT INTO "point" VALUES(1,'nsx-a','tier0_uplink','/infra/up1','interface',1789999199991,1789999199992,1790001600000);
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
INSERT INTO "quarantine" VALUES(1,1,1789999200000,1789999200000,1789999260000,'acme',100000000000,X'95CF000001A0C4443700CF000001A0C445216096CFFFFFFFFFFFFFFFFF01010101010007',X'96CFFFFFFFFFFFFFFFFF0000000000','waiting');
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
CREATE TABLE rate_state (
    series INTEGER PRIMARY KEY REFERENCES series (id),
    state BLOB NOT NULL
) STRICT;
CREATE TABLE run (
    series INTEGER NOT NULL REFERENCES series (id),
    start_at INTEGER NOT NULL,
    end_at INTEGER NOT NULL,
    quality INTEGER NOT NULL CHECK (quality BETWEEN 0 AND 3),
    PRIMARY KEY (series, start_at, end_at, quality)
) STRICT, WITHOUT ROWID;
INSERT INTO "run" VALUES(1,1789999080000,1789999140000,1);
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
INSERT INTO "series" VALUES(1,1,'interface','port-1','node-1',X'9393CF000001A0C4443700CF000001A0C4443A8496CFFFFFFFFFFFFFFFFFC00304050693CF000001A0C4452160CF000001A0C44524E49601020304050693CF000001A0C4434CA0CF000001A0C444370000',1789999199995);
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
INSERT INTO "slot" VALUES(34168835661627408,2305843009213693952,2,3,4,5,6,30000,40000,30000);
INSERT INTO "slot" VALUES(34168835661627409,2305843009213693952,2,3,4,5,6,30000,40000,30000);
INSERT INTO "slot" VALUES(34168835661627410,2305843009213693952,2,3,4,5,6,30000,40000,30000);
INSERT INTO "slot" VALUES(34168835661627411,2305843009213693952,2,3,4,5,6,30000,40000,30000);
INSERT INTO "slot" VALUES(34168835661627412,2305843009213693952,2,3,4,5,6,30000,40000,30000);
INSERT INTO "slot" VALUES(34168835661627413,2305843009213693952,2,3,4,5,6,30000,40000,30000);
INSERT INTO "slot" VALUES(34168835661627414,2305843009213693952,2,3,4,5,6,30000,40000,30000);
INSERT INTO "slot" VALUES(34168835661627415,2305843009213693952,2,3,4,5,6,30000,40000,30000);
CREATE TABLE watermark (
    source TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "watermark" VALUES('nsx-a',1789999200007);
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
CREATE INDEX journal_by_time ON journal (last_sample_at, first_sample_at) WHERE samples IS NOT NULL;
CREATE INDEX event_by_repeat ON event (repeat_key, source, event, at) WHERE repeat_key <> '';
CREATE INDEX address_by_tenant ON address (tenant, end_at);
CREATE INDEX address_by_end ON address (source, end_at);
CREATE INDEX address_quota_by_tenant ON address_quota (tenant, end_at);
CREATE INDEX parked_by_exporter ON parked (exporter);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('address_reading',1);
INSERT INTO "sqlite_sequence" VALUES('journal',1);
INSERT INTO "sqlite_sequence" VALUES('outbox',2);
INSERT INTO "sqlite_sequence" VALUES('quarantine',1);
INSERT INTO "sqlite_sequence" VALUES('event',1);
INSERT INTO "sqlite_sequence" VALUES('parked',1);
COMMIT;
