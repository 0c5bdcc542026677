-- One row per latch, until its name begins anew.
CREATE TABLE IF NOT EXISTS latch (
  name TEXT PRIMARY KEY,
  count INTEGER NOT NULL CHECK (count BETWEEN 1 AND 10000),
  -- How many have still to arrive.
  missing INTEGER NOT NULL CHECK (missing BETWEEN 0 AND count),
  opened_us INTEGER CHECK ((opened_us IS NULL) = (missing > 0)),
  until_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS latch_until ON latch (until_us);

-- The ids that have arrived at a latch which has not opened.
CREATE TABLE IF NOT EXISTS latch_arrival (
  latch TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (latch, id)
) STRICT, WITHOUT ROWID;
