-- Names of queues, and what a queue remembers of its consumers' calls.
CREATE TABLE IF NOT EXISTS queue (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  -- When a consumer called last while anyone held a lease.
  called_us INTEGER NOT NULL,
  fence INTEGER NOT NULL
) STRICT;

-- The last number given to a job, of any queue: as its id, or as its place when it became ready.
CREATE TABLE IF NOT EXISTS job_number (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  last INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS job (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  -- 0 ready, 1 timed, 2 in flight, 3 dead.
  state INTEGER NOT NULL CHECK (state IN (0, 1, 2, 3)),
  -- In flight when a worker crashed: given to workers one at a time.
  is_suspect INTEGER NOT NULL DEFAULT 0 CHECK (is_suspect IN (0, 1)),
  -- Order in which jobs became ready, or died.
  place INTEGER NOT NULL,
  -- Timed: when it is due. Dead: when it died.
  at_us INTEGER NOT NULL DEFAULT 0,
  -- In flight: for which epoch, and the number of the call that claimed it.
  epoch INTEGER,
  claimed_in INTEGER NOT NULL DEFAULT 0,
  attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  max_attempts INTEGER NOT NULL CHECK (max_attempts >= 1),
  crashes INTEGER NOT NULL DEFAULT 0 CHECK (crashes >= 0),
  payload TEXT NOT NULL,
  -- Dead: why.
  reason TEXT,
  CHECK ((state = 2) = (epoch IS NOT NULL)),
  CHECK ((state = 3) = (reason IS NOT NULL))
) STRICT;

CREATE INDEX IF NOT EXISTS job_ready ON job (queue, is_suspect, place) WHERE state = 0;
CREATE INDEX IF NOT EXISTS job_timed ON job (queue, at_us) WHERE state = 1;
CREATE INDEX IF NOT EXISTS job_in_flight ON job (epoch, claimed_in) WHERE state = 2;
CREATE INDEX IF NOT EXISTS job_dead ON job (queue, place) WHERE state = 3;

-- One life of one consumer: its lease while it has jobs in flight, and its last call.
CREATE TABLE IF NOT EXISTS epoch (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  name TEXT NOT NULL,
  -- Null: nothing is in flight, and there is no lease.
  deadline_us INTEGER,
  lease_us INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  claimed_count INTEGER NOT NULL,
  stale_ids TEXT NOT NULL,
  called_us INTEGER NOT NULL,
  UNIQUE (queue, name)
) STRICT;

CREATE INDEX IF NOT EXISTS epoch_lease ON epoch (queue, deadline_us) WHERE deadline_us IS NOT NULL;
CREATE INDEX IF NOT EXISTS epoch_idle ON epoch (called_us) WHERE deadline_us IS NULL;

-- The last batch of each producer, so that the same batch again adds nothing.
CREATE TABLE IF NOT EXISTS producer (
  queue INTEGER NOT NULL,
  name TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  first_id INTEGER NOT NULL,
  added_us INTEGER NOT NULL,
  PRIMARY KEY (queue, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS producer_added ON producer (added_us);
