-- One row per name. An idle lock keeps its row, for the fence, until a day after `expires_us`.
CREATE TABLE IF NOT EXISTS lock (
  -- `lock` or `election`: a name means another lock to each.
  kind TEXT NOT NULL CHECK (kind IN ('lock', 'election')),
  name TEXT NOT NULL,
  owner TEXT,
  fence INTEGER NOT NULL CHECK (fence BETWEEN 0 AND 9007199254740991),
  expires_us INTEGER NOT NULL,
  since_us INTEGER NOT NULL,
  -- Until then somebody may wait, or a withdrawn owner may still call.
  busy_us INTEGER NOT NULL,
  -- 1 from the hand-over until its owner has acquired or renewed.
  is_granted INTEGER NOT NULL CHECK (is_granted IN (0, 1)),
  -- How many times in a row a release passed over the head of the line.
  passes INTEGER NOT NULL CHECK (passes BETWEEN 0 AND 15),
  metadata TEXT NOT NULL,
  -- Who released it last, so that the same release again is answered the same.
  releaser TEXT,
  -- From whom it was taken by force last, and why.
  forced_owner TEXT,
  forced_reason TEXT,
  PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS lock_expiry ON lock (expires_us);
CREATE INDEX IF NOT EXISTS lock_granted ON lock (owner, fence) WHERE is_granted = 1;
