-- One row per funnel that is not empty. The arithmetic is that of ../funnel.ts.
CREATE TABLE IF NOT EXISTS funnel (
  limiter TEXT NOT NULL,
  key TEXT NOT NULL,
  -- Until it is empty, from at_us; may be fractional.
  debt_us REAL NOT NULL CHECK (debt_us >= 0),
  at_us INTEGER NOT NULL,
  -- When it is as good as new.
  until_us INTEGER NOT NULL,
  PRIMARY KEY (limiter, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS funnel_until ON funnel (until_us);

-- The admitted units of a sliding log, those of one instant in one row.
CREATE TABLE IF NOT EXISTS log_entry (
  limiter TEXT NOT NULL,
  key TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  units INTEGER NOT NULL CHECK (units > 0),
  -- When it leaves the window.
  until_us INTEGER NOT NULL,
  PRIMARY KEY (limiter, key, at_us)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS log_entry_until ON log_entry (until_us);
