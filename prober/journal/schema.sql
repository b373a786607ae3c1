-- The journal. Times are milliseconds since 1970 UTC, spans are microseconds.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

-- A journey in a region: a small number instead of two names in every row.
CREATE TABLE series (
    id      INTEGER PRIMARY KEY,
    journey TEXT NOT NULL,
    region  TEXT NOT NULL,
    changed INTEGER NOT NULL DEFAULT 0, -- how often an hour before the open one changed
    UNIQUE (journey, region)
);

-- Everything that happened, in the order it was written: what is shipped, and what every
-- other table can be rebuilt from. `body` is zlib-compressed canonical JSON.
CREATE TABLE record (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT    NOT NULL CHECK (kind IN ('run', 'gap', 'schedule')),
    written_ms INTEGER NOT NULL,
    body       BLOB    NOT NULL
);

-- One row per run, stored in the order a window is read in.
CREATE TABLE run (
    series      INTEGER NOT NULL REFERENCES series,
    slot_ms     INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    kind        TEXT    NOT NULL CHECK (kind IN ('scheduled', 'manual')),
    outcome     INTEGER NOT NULL CHECK (outcome BETWEEN 0 AND 2), -- passed, failed, inconclusive
    silent      INTEGER NOT NULL, -- 1: failed while the browser saw no first-party 5xx
    odd         INTEGER NOT NULL, -- bit n: by mark n bad though it passed, or good though it failed
    unasked     INTEGER NOT NULL, -- bit n: it did not come to the assertion of mark n
    counted     INTEGER NOT NULL, -- of its slot's attempts: 1 the first to count, 2 the final, 3 both
    duration_us INTEGER NOT NULL,
    finished_ms INTEGER NOT NULL,
    written_ms  INTEGER NOT NULL, -- when its first record was
    seq         INTEGER NOT NULL REFERENCES record,
    PRIMARY KEY (series, slot_ms, attempt, kind)
) WITHOUT ROWID;

-- Bad runs are few and asked for one by one: what spent the budget.
CREATE INDEX run_bad ON run (series, slot_ms) WHERE outcome = 1 OR odd != 0;

-- Runs that are no slot's first, for saying what was not counted.
CREATE INDEX run_beside ON run (series, slot_ms) WHERE counted & 1 = 0;

-- Records of runs whose place a worse one took: what was believed until then.
CREATE TABLE superseded (
    series      INTEGER NOT NULL REFERENCES series,
    slot_ms     INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    kind        TEXT    NOT NULL,
    seq         INTEGER NOT NULL REFERENCES record,
    outcome     INTEGER NOT NULL,
    believed_ms INTEGER NOT NULL, -- from then
    replaced_ms INTEGER NOT NULL, -- to then
    PRIMARY KEY (series, slot_ms, attempt, kind, seq)
) WITHOUT ROWID;

-- Records of runs that were there already: the same again, or another that claims the same run.
CREATE TABLE repeat (
    series     INTEGER NOT NULL REFERENCES series,
    slot_ms    INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    kind       TEXT    NOT NULL,
    conflict   INTEGER NOT NULL CHECK (conflict IN (0, 1)),
    written_ms INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    PRIMARY KEY (series, slot_ms, attempt, kind, conflict, written_ms)
) WITHOUT ROWID;

-- What contracts ask of a run beyond its outcome, by bit in run.odd and run.unasked: to take at
-- most so long, as a whole or in a step, or a named assertion to hold.
CREATE TABLE mark (
    journey      TEXT    NOT NULL,
    bit          INTEGER NOT NULL CHECK (bit BETWEEN 0 AND 61),
    threshold_us INTEGER,
    step         TEXT,
    assertion    TEXT,
    from_ms      INTEGER NOT NULL, -- runs of earlier slots are not marked
    PRIMARY KEY (journey, bit)
) WITHOUT ROWID;

-- Sums of the runs that count, for each thing that can be found in them. meta.open_hour is the
-- last hour that changes as a matter of course; whoever changes an earlier one says so in
-- series.changed, so that readers may remember sums of earlier hours until then.
CREATE TABLE rollup (
    series  INTEGER NOT NULL REFERENCES series,
    level   INTEGER NOT NULL CHECK (level IN (0, 1)), -- of hours, of days
    bucket  INTEGER NOT NULL, -- slot_ms / length
    final   INTEGER NOT NULL CHECK (final IN (0, 1)), -- 1: what final attempts add to first ones
    outcome INTEGER NOT NULL,
    silent  INTEGER NOT NULL,
    odd     INTEGER NOT NULL,
    unasked INTEGER NOT NULL,
    n       INTEGER NOT NULL, -- below 0 where a final attempt takes a first one's place
    PRIMARY KEY (series, level, bucket, final, outcome, silent, odd, unasked)
) WITHOUT ROWID;

-- Slots that were not completed, as ranges.
CREATE TABLE gap (
    series   INTEGER NOT NULL REFERENCES series,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    n        INTEGER NOT NULL CHECK (n > 0),
    state    TEXT    NOT NULL CHECK (state IN ('skipped', 'missed')),
    reason   TEXT    NOT NULL,
    seq      INTEGER NOT NULL REFERENCES record,
    PRIMARY KEY (series, first_ms)
) WITHOUT ROWID;

-- Which slots are due; each row holds until the next one of its series.
CREATE TABLE schedule (
    series   INTEGER NOT NULL REFERENCES series,
    from_ms  INTEGER NOT NULL,
    every_ms INTEGER NOT NULL,
    phase_ms INTEGER NOT NULL,
    seq      INTEGER NOT NULL REFERENCES record,
    PRIMARY KEY (series, from_ms)
) WITHOUT ROWID;

-- The slot ledger of an agent: every slot before next_ms has a state or a claim.
CREATE TABLE ledger (
    series  INTEGER PRIMARY KEY REFERENCES series,
    next_ms INTEGER NOT NULL
);

-- Runs that have begun and not ended.
CREATE TABLE claim (
    series     INTEGER NOT NULL REFERENCES series,
    slot_ms    INTEGER NOT NULL,
    attempt    INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    PRIMARY KEY (series, slot_ms, attempt)
) WITHOUT ROWID;

-- Lifetime counters: they only grow, also when the rows behind them are pruned.
CREATE TABLE counter (
    metric     TEXT    NOT NULL,
    attributes TEXT    NOT NULL, -- canonical JSON
    value      INTEGER NOT NULL,
    PRIMARY KEY (metric, attributes)
) WITHOUT ROWID;

-- Lifetime histograms: how many values fell in (bound below, le], and their sum.
CREATE TABLE bucket (
    metric     TEXT    NOT NULL,
    attributes TEXT    NOT NULL,
    le         INTEGER NOT NULL, -- 9223372036854775807: no bound
    n          INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    PRIMARY KEY (metric, attributes, le)
) WITHOUT ROWID;

-- How far each destination has acknowledged each signal.
CREATE TABLE cursor (
    destination TEXT    NOT NULL,
    signal      TEXT    NOT NULL CHECK (signal IN ('logs', 'metrics', 'traces')),
    acked       INTEGER NOT NULL, -- record.seq, or snapshot.id for metrics
    inflight    INTEGER NOT NULL, -- end of the batch last sent: resent with the same bytes
    PRIMARY KEY (destination, signal)
) WITHOUT ROWID;

-- Metric payloads that some destination has not acknowledged: frozen, sent again as they are.
CREATE TABLE snapshot (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    taken_ms INTEGER NOT NULL,
    body     BLOB    NOT NULL
);

-- Records that one destination refuses alone; kept, and tried again now and then.
CREATE TABLE quarantine (
    destination TEXT    NOT NULL,
    signal      TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    since_ms    INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    PRIMARY KEY (destination, signal, seq)
) WITHOUT ROWID;
