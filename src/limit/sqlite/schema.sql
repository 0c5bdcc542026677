-- A funnel per limiter and key: how full it was when. From `until_us` on it is as good as new. The
-- second funnel of a limiter has place 2, and so on; the same in the other tables.
CREATE TABLE IF NOT EXISTS funnel (
  limiter TEXT NOT NULL,
  key TEXT NOT NULL,
  place INTEGER NOT NULL,
  debt_us REAL NOT NULL CHECK (debt_us >= 0),
  at_us INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  PRIMARY KEY (limiter, key, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS funnel_until ON funnel (until_us);

-- A bucket that is refilled in steps: the units that are missing, and the last step.
CREATE TABLE IF NOT EXISTS bucket (
  limiter TEXT NOT NULL,
  key TEXT NOT NULL,
  place INTEGER NOT NULL,
  used INTEGER NOT NULL CHECK (used >= 0),
  at_us INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  PRIMARY KEY (limiter, key, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS bucket_until ON bucket (until_us);

-- A sliding counter: a JSON array with the units of each slice, the newest first, which began then.
CREATE TABLE IF NOT EXISTS counter (
  limiter TEXT NOT NULL,
  key TEXT NOT NULL,
  place INTEGER NOT NULL,
  counts TEXT NOT NULL CHECK (json_type(counts) = 'array'),
  at_us INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  PRIMARY KEY (limiter, key, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS counter_until ON counter (until_us);

-- A sliding log per limiter and key. One that was reset has a place below 0 until it is swept.
CREATE TABLE IF NOT EXISTS sliding_log (
  id INTEGER PRIMARY KEY,
  limiter TEXT NOT NULL,
  key TEXT NOT NULL,
  place INTEGER NOT NULL,
  until_us INTEGER NOT NULL,
  UNIQUE (limiter, key, place)
) STRICT;

CREATE INDEX IF NOT EXISTS sliding_log_until ON sliding_log (until_us);

-- A take that was admitted. The units of a log are numbered, `upto` is the number of the last one
-- of the take: so how many came since any other take is a difference, not a count.
CREATE TABLE IF NOT EXISTS log_entry (
  log INTEGER NOT NULL,
  upto INTEGER NOT NULL,
  at_us INTEGER NOT NULL,
  units INTEGER NOT NULL CHECK (units > 0),
  PRIMARY KEY (log, upto)
) STRICT, WITHOUT ROWID;

-- Keys that are refused until then, whatever their rules say.
CREATE TABLE IF NOT EXISTS blocked (
  limiter TEXT NOT NULL,
  key TEXT NOT NULL,
  until_us INTEGER NOT NULL,
  for_us INTEGER NOT NULL CHECK (for_us > 0),
  PRIMARY KEY (limiter, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS blocked_until ON blocked (until_us);

-- Units that are held by leases.
CREATE TABLE IF NOT EXISTS held (
  limiter TEXT NOT NULL,
  key TEXT NOT NULL,
  place INTEGER NOT NULL,
  owner TEXT NOT NULL,
  units INTEGER NOT NULL CHECK (units > 0),
  lease_us INTEGER NOT NULL CHECK (lease_us > 0),
  until_us INTEGER NOT NULL,
  PRIMARY KEY (limiter, key, place, owner)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS held_until ON held (until_us);

-- What was answered to requests that were charged.
CREATE TABLE IF NOT EXISTS request (
  limiter TEXT NOT NULL,
  key TEXT NOT NULL,
  id TEXT NOT NULL,
  terms TEXT NOT NULL,
  answers TEXT NOT NULL CHECK (json_type(answers) = 'array'),
  until_us INTEGER NOT NULL,
  PRIMARY KEY (limiter, key, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS request_until ON request (until_us);
