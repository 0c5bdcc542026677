-- One row per name. An idle lock keeps its row, for the fence, until a day after `expires_us`.
CREATE TABLE IF NOT EXISTS lock (
  name TEXT PRIMARY KEY,
  owner TEXT,
  fence INTEGER NOT NULL CHECK (fence BETWEEN 1 AND 9007199254740991),
  expires_us INTEGER NOT NULL,
  since_us INTEGER NOT NULL,
  -- 1 from the hand-over until its owner has acquired or renewed.
  is_granted INTEGER NOT NULL CHECK (is_granted IN (0, 1)),
  -- Who released it last, so that the same release again is answered the same.
  releaser TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS lock_expiry ON lock (expires_us);
CREATE INDEX IF NOT EXISTS lock_granted ON lock (owner, fence) WHERE is_granted = 1;
