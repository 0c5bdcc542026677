-- Who waits for what, in line. A gate is a kind of thing and a name, such as `lock:invoice:42`.
CREATE TABLE IF NOT EXISTS waiter (
  gate TEXT NOT NULL,
  place INTEGER NOT NULL,
  owner TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('caller', 'job')),
  deadline_us INTEGER NOT NULL,
  claim_us INTEGER NOT NULL CHECK (claim_us > 0),
  -- What it asks for; 1 where there is but one.
  weight INTEGER NOT NULL CHECK (weight > 0),
  -- 1 for what only one may have at a time beside others.
  is_solo INTEGER NOT NULL DEFAULT 0 CHECK (is_solo IN (0, 1)),
  metadata TEXT NOT NULL,
  PRIMARY KEY (gate, place)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX IF NOT EXISTS waiter_owner ON waiter (owner, gate);
CREATE INDEX IF NOT EXISTS waiter_deadline ON waiter (deadline_us);

-- Owners that have withdrawn, so that what they asked for before is refused when it comes late.
CREATE TABLE IF NOT EXISTS withdrawal (
  owner TEXT NOT NULL,
  gate TEXT NOT NULL,
  until_us INTEGER NOT NULL,
  PRIMARY KEY (owner, gate)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS withdrawal_until ON withdrawal (until_us);
