-- Every statement the journal runs, by name.

-- name: get_meta
SELECT value FROM meta WHERE key = :key;

-- name: set_meta
INSERT OR REPLACE INTO meta (key, value) VALUES (:key, :value);

-- name: drop_meta
DELETE FROM meta WHERE key = :key;

-- name: begin_life
INSERT INTO meta (key, value) VALUES (:key, :value) ON CONFLICT (key) DO NOTHING;

-- name: raise_meta
INSERT INTO meta (key, value) VALUES (:key, :value)
ON CONFLICT (key) DO UPDATE SET
    value = max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER));

-- Where the pages of the small tables are: all but those that grow with every run.
-- name: list_trees
SELECT 'sqlite_schema' AS name
UNION ALL
SELECT name FROM sqlite_schema WHERE rootpage > 0 AND tbl_name NOT IN ('record', 'run');

-- name: list_pages
SELECT pageno FROM dbstat WHERE name = :tree;

-- name: get_series
SELECT id FROM series WHERE journey = :journey AND region = :region;

-- name: add_series
INSERT INTO series (journey, region) VALUES (:journey, :region) RETURNING id;

-- name: list_series
SELECT id, journey, region FROM series ORDER BY journey, region;

-- name: list_regions
SELECT region, id, changed FROM series WHERE journey = :journey ORDER BY region;

-- name: touch_series
UPDATE series SET changed = changed + 1 WHERE id = :series;

-- name: add_record
INSERT INTO record (kind, written_ms, body) VALUES (:kind, :written_ms, :body) RETURNING seq;

-- name: get_record
SELECT seq, kind, written_ms, body FROM record WHERE seq = :seq;

-- name: list_bodies
SELECT seq, body FROM record WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: list_records
SELECT seq, kind, written_ms, body FROM record
WHERE seq > :after AND seq <= :upto ORDER BY seq LIMIT :limit;

-- name: newest_seq
SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'record'), 0);

-- name: oldest_after
SELECT written_ms FROM record WHERE seq > :after ORDER BY seq LIMIT 1;

-- name: list_attempts
SELECT attempt, outcome, silent, odd, unasked, counted, seq FROM run
WHERE series = :series AND slot_ms = :slot_ms AND kind = :kind;

-- name: put_run
INSERT INTO run (
    series, slot_ms, attempt, kind, outcome, silent, odd, unasked, counted,
    duration_us, finished_ms, written_ms, seq)
VALUES (
    :series, :slot_ms, :attempt, :kind, :outcome, :silent, :odd, :unasked, :counted,
    :duration_us, :finished_ms, :written_ms, :seq)
ON CONFLICT (series, slot_ms, attempt, kind) DO UPDATE SET
    outcome = excluded.outcome, silent = excluded.silent,
    odd = excluded.odd, unasked = excluded.unasked, counted = excluded.counted,
    duration_us = excluded.duration_us, finished_ms = excluded.finished_ms, seq = excluded.seq;

-- name: set_counted
UPDATE run SET counted = :counted
WHERE series = :series AND slot_ms = :slot_ms AND attempt = :attempt AND kind = :kind;

-- name: supersede
INSERT INTO superseded (
    series, slot_ms, attempt, kind, seq, outcome, believed_ms, replaced_ms)
SELECT series, slot_ms, attempt, kind, seq, outcome, coalesce((
    SELECT max(replaced_ms) FROM superseded JOIN run USING (series, slot_ms, attempt, kind)
    WHERE series = :series AND slot_ms = :slot_ms AND attempt = :attempt AND kind = :kind
), written_ms), :replaced_ms
FROM run
WHERE series = :series AND slot_ms = :slot_ms AND attempt = :attempt AND kind = :kind;

-- name: add_repeat
INSERT INTO repeat (series, slot_ms, attempt, kind, conflict, written_ms, n)
VALUES (:series, :slot_ms, :attempt, :kind, :conflict, :written_ms, 1)
ON CONFLICT (series, slot_ms, attempt, kind, conflict, written_ms) DO UPDATE SET n = n + 1;

-- name: newest_run
SELECT slot_ms, finished_ms, outcome, seq FROM run
WHERE series = :series AND kind = 'scheduled' ORDER BY slot_ms DESC, attempt DESC LIMIT 1;

-- name: newest_verdicts
SELECT region, (
    SELECT slot_ms FROM run
    WHERE series = series.id AND slot_ms < :before_ms AND kind = 'scheduled'
      AND outcome IN (0, 1) AND written_ms <= :known_ms
      AND NOT EXISTS (
        SELECT 1 FROM superseded AS old
        WHERE old.series = run.series AND old.slot_ms = run.slot_ms
          AND old.attempt = run.attempt AND old.kind = run.kind
          AND old.outcome = 2 AND old.replaced_ms > :known_ms)
    ORDER BY slot_ms DESC LIMIT 1)
FROM series WHERE journey = :journey ORDER BY region;

-- name: recent_runs
SELECT seq FROM run
WHERE series = :series AND slot_ms < :before_ms AND counted & 1
ORDER BY slot_ms DESC LIMIT :limit;

-- name: recent_bodies
SELECT record.body FROM run JOIN record USING (seq)
WHERE run.series = :series AND run.slot_ms < :before_ms AND run.counted & 1
ORDER BY run.slot_ms DESC LIMIT :limit;

-- name: newest_bad
SELECT seq FROM run INDEXED BY run_bad
WHERE series = :series AND slot_ms >= :start_ms AND slot_ms < :end_ms AND counted & 1
  AND (outcome = 1 OR odd != 0)
ORDER BY slot_ms DESC LIMIT :limit;

-- Of slots, as pairs of series and time, those of which it is not known how they ended.
-- name: list_unended
SELECT series, slot_ms FROM (
    SELECT json_extract(value, '$[0]') AS series, json_extract(value, '$[1]') AS slot_ms
    FROM json_each(:slots)
) AS slot WHERE NOT EXISTS (
    SELECT 1 FROM run
    WHERE run.series = slot.series AND run.slot_ms = slot.slot_ms AND kind = 'scheduled'
      AND written_ms <= :known_ms
) AND NOT EXISTS (
    SELECT 1 FROM gap JOIN record USING (seq)
    WHERE gap.series = slot.series AND first_ms <= slot.slot_ms AND last_ms >= slot.slot_ms
      AND written_ms <= :known_ms
);

-- name: list_runs
SELECT record.body FROM run JOIN record USING (seq)
WHERE run.series = :series AND run.slot_ms >= :start_ms AND run.slot_ms < :end_ms
ORDER BY run.slot_ms DESC, run.attempt DESC LIMIT :limit;

-- Every attempt of every journey and region at one slot.
-- name: runs_at
SELECT record.body FROM series CROSS JOIN run ON run.series = series.id AND run.slot_ms = :slot_ms
JOIN record USING (seq)
ORDER BY run.series, run.kind DESC, run.attempt;

-- name: slot_before
SELECT slot_ms, attempt FROM run
WHERE series = :series AND slot_ms < :slot_ms AND counted & 1 ORDER BY slot_ms DESC LIMIT 1;

-- name: slot_after
SELECT slot_ms, attempt FROM run
WHERE series = :series AND slot_ms > :slot_ms AND counted & 1 ORDER BY slot_ms LIMIT 1;

-- How long the newest runs with a verdict took, and what it was.
-- name: newest_durations
SELECT slot_ms, outcome, duration_us FROM run
WHERE series = :series AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND counted & 1 AND outcome IN (0, 1)
ORDER BY slot_ms DESC LIMIT :limit;

-- name: sum_runs
SELECT region, (slot_ms - :origin_ms) / :slice_ms AS slice, outcome, silent, odd, unasked, count(*)
FROM series CROSS JOIN run ON run.series = series.id
WHERE journey = :journey AND slot_ms >= :start_ms AND slot_ms < :end_ms AND counted & :counted
GROUP BY region, slice, outcome, silent, odd, unasked;

-- The first run with a verdict of every few hours. In SQLite the column beside a lone min() is that
-- of the row that has it.
-- name: few_runs
SELECT min(slot_ms), seq FROM run
WHERE series = :series AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND counted & 1 AND outcome IN (0, 1)
GROUP BY slot_ms / :every_ms ORDER BY slot_ms;

-- name: newest_counted
SELECT slot_ms, seq FROM run
WHERE series = :series AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND counted & 1 AND outcome IN (0, 1)
ORDER BY slot_ms DESC LIMIT 1;

-- name: counted_runs
SELECT slot_ms, seq FROM run
WHERE series = :series AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND counted & 1 AND outcome IN (0, 1)
ORDER BY slot_ms;

-- name: last_durations
SELECT duration_us FROM run
WHERE series = :series AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND counted & 1 AND outcome = 0
ORDER BY slot_ms DESC LIMIT :limit;

-- name: first_durations
SELECT duration_us FROM run
WHERE series = :series AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND counted & 1 AND outcome = 0
ORDER BY slot_ms LIMIT :limit;

-- name: list_unclear
SELECT region, run.seq FROM series CROSS JOIN run ON run.series = series.id
WHERE journey = :journey AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND outcome = 2 AND counted & 1;

-- name: list_gaps
SELECT region, first_ms, last_ms, n, state, reason
FROM series CROSS JOIN gap ON gap.series = series.id
WHERE journey = :journey AND first_ms < :end_ms AND last_ms >= :start_ms;

-- name: count_confirmations
SELECT region, outcome, count(*)
FROM series CROSS JOIN run INDEXED BY run_beside ON run.series = series.id
WHERE journey = :journey AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND counted & 1 = 0 AND kind = 'scheduled' AND attempt > 1
GROUP BY region, outcome;

-- name: list_counted
SELECT slot_ms, region, 0, outcome, silent, odd, unasked
FROM series CROSS JOIN run ON run.series = series.id
WHERE journey = :journey AND slot_ms >= :start_ms AND slot_ms < :end_ms AND counted & :counted
ORDER BY slot_ms;

-- name: sum_rollup
SELECT region, (bucket * :bucket_ms - :origin_ms) / :slice_ms AS slice,
       outcome, silent, odd, unasked, sum(n)
FROM series CROSS JOIN rollup ON rollup.series = series.id
WHERE journey = :journey AND level = :level AND bucket >= :first AND bucket < :last
  AND final <= :final
GROUP BY region, slice, outcome, silent, odd, unasked;

-- What was believed of each slot at a moment, and of its attempts the one that counts. In
-- SQLite the columns beside a lone min() are those of the row that has it.
-- name: list_known
WITH version AS (
    SELECT series, slot_ms, attempt, outcome, silent, odd, unasked, seq, 0 AS replaced FROM run
    WHERE series IN (SELECT id FROM series WHERE journey = :journey)
      AND slot_ms >= :start_ms AND slot_ms < :end_ms AND kind = 'scheduled'
      AND written_ms <= :known_ms
      AND NOT EXISTS (
        SELECT 1 FROM superseded AS old
        WHERE old.series = run.series AND old.slot_ms = run.slot_ms
          AND old.attempt = run.attempt AND old.kind = run.kind AND old.replaced_ms > :known_ms)
    UNION ALL
    SELECT series, slot_ms, attempt, outcome, 0, 0, 0, seq, 1 FROM superseded
    WHERE series IN (SELECT id FROM series WHERE journey = :journey)
      AND slot_ms >= :start_ms AND slot_ms < :end_ms AND kind = 'scheduled'
      AND believed_ms <= :known_ms AND replaced_ms > :known_ms
)
SELECT region, slot_ms, outcome, silent, odd, unasked, seq, replaced,
       min(((outcome = 2) << 40) + :sign * attempt)
FROM version JOIN series ON series.id = version.series
GROUP BY version.series, slot_ms;

-- name: list_bad
SELECT run.seq FROM series
CROSS JOIN run INDEXED BY run_bad ON run.series = series.id
WHERE journey = :journey AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND (outcome = 1 OR odd != 0) AND counted & :counted
  AND (unasked >> :bit) & 1 = 0 AND (outcome = 0) = ((odd >> :bit) & 1)
ORDER BY slot_ms, region;

-- Where what arrived ended up. Runs that are their slot's first to count are many: they are
-- among it only when it is asked what was known by a moment.
-- name: count_arrivals
WITH place AS (SELECT id FROM series WHERE journey = :journey), arrival AS (
    SELECT slot_ms, kind, 0 AS again, 1 AS n, written_ms FROM run INDEXED BY run_beside
    WHERE series IN place AND counted & 1 = 0
    UNION ALL
    SELECT slot_ms, kind, 0, 1, written_ms FROM run
    WHERE :known_ms IS NOT NULL AND series IN place AND counted & 1 = 1
    UNION ALL
    SELECT slot_ms, kind, 1 + conflict, n, written_ms FROM repeat WHERE series IN place
)
SELECT CASE
        WHEN written_ms > :known_ms THEN 'unknown_yet'
        WHEN slot_ms > :end_ms + :skew_ms THEN 'quarantined'
        WHEN slot_ms >= :end_ms THEN 'pending'
        WHEN slot_ms < :start_ms THEN 'out_of_window'
        WHEN again = 1 THEN 'duplicates'
        WHEN again = 2 THEN 'conflicts'
        WHEN kind != 'scheduled' THEN 'non_scheduled'
    END AS reason, sum(n)
FROM arrival GROUP BY reason;

-- name: add_rollup
INSERT INTO rollup (series, level, bucket, final, outcome, silent, odd, unasked, n)
VALUES (:series, :level, :bucket, :final, :outcome, :silent, :odd, :unasked, :n)
ON CONFLICT (series, level, bucket, final, outcome, silent, odd, unasked)
DO UPDATE SET n = n + excluded.n;

-- name: list_marks
SELECT bit, threshold_us, step, assertion, from_ms FROM mark WHERE journey = :journey ORDER BY bit;

-- name: add_mark
INSERT INTO mark (journey, bit, threshold_us, step, assertion, from_ms)
VALUES (:journey, :bit, :threshold_us, :step, :assertion, :from_ms);

-- name: set_mark_from
UPDATE mark SET from_ms = :from_ms WHERE journey = :journey AND bit = :bit;

-- name: newest_slot
SELECT max((SELECT max(slot_ms) FROM run WHERE series = series.id AND slot_ms < :before_ms))
FROM series WHERE journey = :journey;

-- name: latest_slot
SELECT max((SELECT max(slot_ms) FROM run WHERE series = series.id)) FROM series;

-- Those that failed are kept for longer.
-- name: oldest_raw
SELECT min((
    SELECT slot_ms FROM run
    WHERE series = series.id AND slot_ms >= :from_ms AND outcome != 1 ORDER BY slot_ms LIMIT 1))
FROM series;

-- name: list_slow
SELECT series, slot_ms, attempt, kind, outcome, silent, odd, unasked, counted, NULL
FROM run
WHERE series IN (SELECT id FROM series WHERE journey = :journey)
  AND slot_ms >= :start_ms AND slot_ms < :end_ms
  AND outcome = 0 AND duration_us > :threshold_us;

-- name: list_to_mark
SELECT series, slot_ms, attempt, run.kind, outcome, silent, odd, unasked, counted, body
FROM run JOIN record USING (seq)
WHERE series IN (SELECT id FROM series WHERE journey = :journey)
  AND slot_ms >= :start_ms AND slot_ms < :end_ms AND outcome IN (0, 1);

-- name: set_marks
UPDATE run SET odd = :odd, unasked = :unasked
WHERE series = :series AND slot_ms = :slot_ms AND attempt = :attempt AND kind = :kind;

-- name: add_gap
INSERT OR IGNORE INTO gap (series, first_ms, last_ms, n, state, reason, seq)
VALUES (:series, :first_ms, :last_ms, :n, :state, :reason, :seq);

-- name: get_gap
SELECT seq FROM gap WHERE series = :series AND first_ms = :first_ms;

-- name: count_gaps
SELECT state, reason, sum(n) FROM gap
WHERE series = :series AND first_ms >= :start_ms AND first_ms < :end_ms GROUP BY state, reason;

-- name: get_schedule
SELECT seq FROM schedule WHERE series = :series AND from_ms = :from_ms;

-- name: add_schedule
INSERT INTO schedule (series, from_ms, every_ms, phase_ms, seq)
VALUES (:series, :from_ms, :every_ms, :phase_ms, :seq);

-- A schedule that was to begin after one written later never held: the clock was wrong.
-- name: list_schedules
WITH known AS (
    SELECT region, series, from_ms, every_ms, phase_ms, seq
    FROM series JOIN schedule ON schedule.series = series.id JOIN record USING (seq)
    WHERE journey = :journey AND written_ms <= :known_ms
)
SELECT region, from_ms, every_ms, phase_ms FROM known AS own WHERE NOT EXISTS (
    SELECT 1 FROM known AS later
    WHERE later.series = own.series AND later.seq > own.seq AND later.from_ms <= own.from_ms
) ORDER BY region, from_ms;

-- name: get_ledger
SELECT next_ms FROM ledger WHERE series = :series;

-- name: set_ledger
INSERT INTO ledger (series, next_ms) VALUES (:series, :next_ms)
ON CONFLICT (series) DO UPDATE SET next_ms = max(next_ms, excluded.next_ms);

-- name: reset_ledger
INSERT OR REPLACE INTO ledger (series, next_ms) VALUES (:series, :next_ms);

-- name: add_claim
INSERT OR REPLACE INTO claim (series, slot_ms, attempt, started_ms)
VALUES (:series, :slot_ms, :attempt, :started_ms);

-- name: drop_claim
DELETE FROM claim WHERE series = :series AND slot_ms = :slot_ms AND attempt = :attempt;

-- name: list_claims
SELECT series.journey, series.region, slot_ms, attempt, started_ms
FROM claim JOIN series ON series.id = claim.series ORDER BY slot_ms;

-- What runs make at the target, from before it is made until it was taken back. The table is not
-- in schema.sql: journals that were made before there was one get it when they are opened, and
-- versions of the same schema number that know nothing of it leave it alone.
-- name: make_effects
CREATE TABLE IF NOT EXISTS effect (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    journey   TEXT    NOT NULL,
    region    TEXT    NOT NULL,
    slot_ms   INTEGER NOT NULL,
    attempt   INTEGER NOT NULL,
    action    TEXT    NOT NULL, -- a function of the journey's file
    reference TEXT    NOT NULL,
    accounts  TEXT    NOT NULL, -- canonical JSON: by pool, a digest of the login
    tries     INTEGER NOT NULL DEFAULT 0, -- to take it back, that failed
    next_ms   INTEGER NOT NULL DEFAULT 0, -- not tried again before
    error     TEXT -- of the newest try
);

-- name: add_effect
INSERT INTO effect (journey, region, slot_ms, attempt, action, reference, accounts)
VALUES (:journey, :region, :slot_ms, :attempt, :action, :reference, :accounts) RETURNING id;

-- name: drop_effect
DELETE FROM effect WHERE id = :id RETURNING journey, region;

-- name: get_effect
SELECT id, journey, region, slot_ms, attempt, action, reference, accounts, tries, error
FROM effect WHERE id = :id;

-- name: put_off_effect
UPDATE effect SET tries = :tries, next_ms = :next_ms, error = :error WHERE id = :id;

-- name: give_up_effects
UPDATE effect SET tries = :most, error = :error
WHERE tries < :most AND region = :region
  AND journey NOT IN (SELECT value FROM json_each(:journeys))
RETURNING journey;

-- Those of other runs that may be tried, the newest first.
-- name: due_effects
SELECT id, journey, region, slot_ms, attempt, action, reference, accounts, tries, error
FROM effect
WHERE journey = :journey AND region = :region AND next_ms <= :now_ms
  AND NOT (slot_ms = :slot_ms AND attempt = :attempt)
ORDER BY id DESC LIMIT :limit;

-- name: list_orphans
SELECT id, journey, region, slot_ms, attempt, action, reference, accounts, tries, error
FROM effect WHERE tries >= :most ORDER BY id;

-- name: add_counter
INSERT INTO counter (metric, attributes, value) VALUES (:metric, :attributes, :value)
ON CONFLICT (metric, attributes) DO UPDATE SET value = value + excluded.value;

-- name: list_counters
SELECT metric, attributes, value FROM counter ORDER BY metric, attributes;

-- name: add_bucket
INSERT INTO bucket (metric, attributes, le, n, total) VALUES (:metric, :attributes, :le, :n, :total)
ON CONFLICT (metric, attributes, le) DO UPDATE SET n = n + excluded.n, total = total + excluded.total;

-- name: list_buckets
SELECT metric, attributes, le, n, total FROM bucket ORDER BY metric, attributes, le;

-- name: drop_counters
DELETE FROM counter;

-- name: drop_buckets
DELETE FROM bucket;

-- name: get_cursor
SELECT acked, inflight FROM cursor WHERE destination = :destination AND signal = :signal;

-- name: set_cursor
INSERT INTO cursor (destination, signal, acked, inflight)
VALUES (:destination, :signal, :acked, :inflight)
ON CONFLICT (destination, signal) DO UPDATE SET
    acked = excluded.acked, inflight = excluded.inflight;

-- name: list_cursors
SELECT destination, signal, acked FROM cursor;

-- name: drop_cursor
DELETE FROM cursor WHERE destination = :destination AND signal = :signal;

-- name: add_snapshot
INSERT INTO snapshot (taken_ms, body) VALUES (:taken_ms, :body) RETURNING id;

-- name: next_snapshot
SELECT id, taken_ms, body FROM snapshot WHERE id > :after ORDER BY id LIMIT 1;

-- name: list_snapshots
SELECT id, taken_ms, length(body) FROM snapshot ORDER BY id;

-- name: drop_snapshots
DELETE FROM snapshot WHERE id <= :upto;

-- name: drop_snapshot
DELETE FROM snapshot WHERE id = :id;

-- name: add_quarantine
INSERT OR IGNORE INTO quarantine (destination, signal, seq, since_ms, reason)
VALUES (:destination, :signal, :seq, :since_ms, :reason);

-- name: list_quarantine
SELECT seq, since_ms, reason FROM quarantine
WHERE destination = :destination AND signal = :signal ORDER BY seq;

-- name: drop_quarantine
DELETE FROM quarantine WHERE destination = :destination AND signal = :signal AND seq = :seq;

-- Those that failed are kept for longer.
-- name: prune_runs
DELETE FROM run WHERE (series, slot_ms, attempt, kind) IN (
    SELECT series, slot_ms, attempt, kind FROM run
    WHERE series = :series AND slot_ms < :before_ms AND outcome != 1 AND seq <= :upto LIMIT :limit)
RETURNING seq, slot_ms;

-- name: prune_failures
DELETE FROM run WHERE (series, slot_ms, attempt, kind) IN (
    SELECT series, slot_ms, attempt, kind FROM run INDEXED BY run_bad
    WHERE series = :series AND slot_ms < :before_ms AND outcome = 1 AND seq <= :upto LIMIT :limit)
RETURNING seq, slot_ms;

-- name: prune_superseded
DELETE FROM superseded WHERE (series, slot_ms, attempt, kind, seq) IN (
    SELECT series, slot_ms, attempt, kind, seq FROM superseded
    WHERE series = :series AND slot_ms < :before_ms AND seq <= :upto LIMIT :limit)
RETURNING seq, slot_ms;

-- name: prune_gaps
DELETE FROM gap WHERE (series, first_ms) IN (
    SELECT series, first_ms FROM gap
    WHERE series = :series AND last_ms < :before_ms AND seq <= :upto LIMIT :limit)
RETURNING seq, last_ms;

-- name: prune_records
DELETE FROM record WHERE seq IN (SELECT value FROM json_each(:seqs));

-- What came again is kept as long as its run is.
-- name: prune_repeats
DELETE FROM repeat WHERE series = :series AND slot_ms < :before_ms AND NOT EXISTS (
    SELECT 1 FROM run
    WHERE run.series = repeat.series AND run.slot_ms = repeat.slot_ms
      AND run.attempt = repeat.attempt AND run.kind = repeat.kind
);

-- name: prune_rollups
DELETE FROM rollup WHERE series = :series AND level = :level AND bucket < :bucket;
