-- One row per semaphore or read-write lock, by its gate, such as `semaphore:render`. An idle one
-- keeps its row, for the fence, until a day after `until_us`.
CREATE TABLE IF NOT EXISTS semaphore (
  gate TEXT PRIMARY KEY,
  permits INTEGER NOT NULL CHECK (permits > 0),
  -- JSON: the numbers of permits that callers may say. Each `resize` adds one.
  agreed TEXT NOT NULL,
  -- The sum of the weights in `permit`.
  used INTEGER NOT NULL CHECK (used >= 0),
  fence INTEGER NOT NULL CHECK (fence BETWEEN 0 AND 9007199254740991),
  until_us INTEGER NOT NULL,
  -- JSON: who released last, so that the same release again is answered the same.
  releasers TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS semaphore_until ON semaphore (until_us);

-- One row per holder, also for a while after its lease is over: the next call removes it.
CREATE TABLE IF NOT EXISTS permit (
  gate TEXT NOT NULL,
  owner TEXT NOT NULL,
  weight INTEGER NOT NULL CHECK (weight > 0),
  is_solo INTEGER NOT NULL CHECK (is_solo IN (0, 1)),
  fence INTEGER NOT NULL,
  since_us INTEGER NOT NULL,
  expires_us INTEGER NOT NULL,
  -- 1 from the hand-over until its owner has acquired, renewed or reweighed.
  is_granted INTEGER NOT NULL CHECK (is_granted IN (0, 1)),
  metadata TEXT NOT NULL,
  PRIMARY KEY (gate, owner)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS permit_expiry ON permit (gate, expires_us);
CREATE UNIQUE INDEX IF NOT EXISTS permit_solo ON permit (gate) WHERE is_solo = 1;
CREATE INDEX IF NOT EXISTS permit_granted ON permit (owner, gate) WHERE is_granted = 1;
