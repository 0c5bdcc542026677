-- The highest time that any process has stored with a change. One row, written at most once per
-- transaction, and only by one that changes something.
CREATE TABLE store_clock (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  now_us INTEGER NOT NULL CHECK (now_us >= 0)
) STRICT;
