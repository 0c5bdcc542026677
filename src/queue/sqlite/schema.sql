-- Names of queues, and what a queue remembers of its consumers' calls.
CREATE TABLE IF NOT EXISTS queue (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  -- When a consumer called last while anyone held a lease.
  called_us INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  -- Nothing is claimed.
  is_paused INTEGER NOT NULL DEFAULT 0 CHECK (is_paused IN (0, 1)),
  -- Jobs that are ready or timed, suspects left out, and those behind others of their key; the bytes of their
  -- payloads, and of those that records and strands keep until their jobs have ended.
  waiting INTEGER NOT NULL DEFAULT 0,
  waiting_bytes INTEGER NOT NULL DEFAULT 0,
  -- Of the queue whose own name this is; 0 where it was obliterated.
  partitions INTEGER NOT NULL DEFAULT 1,
  -- Numbers of its last event, and in front of the first of all; 0 where there was none.
  event_last INTEGER NOT NULL DEFAULT 0,
  event_base INTEGER NOT NULL DEFAULT 0
) STRICT;

-- The last number given to a job, of any queue: as its id, or as its place when it became ready.
CREATE TABLE IF NOT EXISTS job_number (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  last INTEGER NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS job (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  -- 0 ready, 1 timed, 2 in flight, 3 dead, 4 parked.
  state INTEGER NOT NULL CHECK (state IN (0, 1, 2, 3, 4)),
  -- In flight when a worker crashed: given to workers one at a time.
  is_suspect INTEGER NOT NULL DEFAULT 0 CHECK (is_suspect IN (0, 1)),
  -- Lower ones are claimed first. The priority, or minus the id for those that want to be first.
  rank INTEGER NOT NULL DEFAULT 0,
  -- Order in which jobs of one rank became ready, or in which jobs died.
  place INTEGER NOT NULL,
  -- Timed: when it is due. Dead: when it died.
  at_us INTEGER NOT NULL DEFAULT 0,
  -- Not claimed later than this.
  deadline_us INTEGER,
  -- In flight: for which epoch, and the number of the call that claimed it.
  epoch INTEGER,
  claimed_in INTEGER NOT NULL DEFAULT 0,
  attempt INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
  max_attempts INTEGER NOT NULL CHECK (max_attempts >= 1),
  crashes INTEGER NOT NULL DEFAULT 0 CHECK (crashes >= 0),
  payload TEXT NOT NULL,
  -- Of a ticket: the name of its record, which has the payload.
  record TEXT,
  -- Of which slot of which schedule it is.
  schedule TEXT,
  slot_us INTEGER,
  -- Of a ticket, and of a dead job: the key whose first job it is, or was.
  strand TEXT,
  -- Dead: why.
  reason TEXT,
  -- Its failed attempts: a line for each, as packHistory writes it. A ticket of a record has none.
  history TEXT,
  -- Parked: behind which gate, what it asks of it, and in which round it comes there; 0 where keys do not take turns.
  gate INTEGER,
  demand TEXT,
  round INTEGER NOT NULL DEFAULT 0,
  CHECK ((state = 2) = (epoch IS NOT NULL)),
  CHECK ((state = 3) = (reason IS NOT NULL)),
  CHECK ((state = 4) = (gate IS NOT NULL)),
  CHECK ((gate IS NULL) = (demand IS NULL)),
  CHECK ((schedule IS NULL) = (slot_us IS NULL))
) STRICT;

CREATE INDEX IF NOT EXISTS job_ready ON job (queue, is_suspect, rank, place) WHERE state = 0;
CREATE INDEX IF NOT EXISTS job_timed ON job (queue, at_us) WHERE state = 1;
CREATE INDEX IF NOT EXISTS job_in_flight ON job (epoch, claimed_in) WHERE state = 2;
CREATE INDEX IF NOT EXISTS job_dead ON job (queue, place) WHERE state = 3;
CREATE INDEX IF NOT EXISTS job_parked ON job (gate, rank, round) WHERE state = 4;

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
  -- Its last call that parked or unparked: of an unparking the fence, and what it claimed for each gate, with nothing between commas for none.
  unpark_sequence INTEGER NOT NULL DEFAULT 0,
  unpark_fence INTEGER NOT NULL DEFAULT 0,
  unparked_ids TEXT NOT NULL DEFAULT '',
  UNIQUE (queue, name)
) STRICT;

CREATE INDEX IF NOT EXISTS epoch_lease ON epoch (queue, deadline_us) WHERE deadline_us IS NOT NULL;
CREATE INDEX IF NOT EXISTS epoch_idle ON epoch (called_us) WHERE deadline_us IS NULL;

-- What jobs are parked behind, and who asks for it.
CREATE TABLE IF NOT EXISTS gate (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  name TEXT NOT NULL,
  -- JSON, of clients.
  terms TEXT NOT NULL DEFAULT '',
  -- Which consumer asks for it, until when it need not say so again; null where it gave the gate up.
  keeper TEXT,
  kept_until_us INTEGER NOT NULL DEFAULT 0,
  -- When the next consumer that wants jobs is told of it.
  look_us INTEGER NOT NULL,
  -- Jobs behind it.
  parked INTEGER NOT NULL DEFAULT 0 CHECK (parked >= 0),
  UNIQUE (queue, name)
) STRICT;

CREATE INDEX IF NOT EXISTS gate_look ON gate (queue, look_us);

-- Where jobs of several keys take turns behind a gate: of each rank and key the last round in which it has, or had, a job.
CREATE TABLE IF NOT EXISTS turn (
  gate INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  -- Empty: the round of the last job of that rank that was let in.
  key TEXT NOT NULL,
  round INTEGER NOT NULL,
  PRIMARY KEY (gate, rank, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS turn_round ON turn (gate, rank, round);

-- The last batch of each producer, so that the same batch again adds nothing.
CREATE TABLE IF NOT EXISTS producer (
  queue INTEGER NOT NULL,
  name TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  -- From that one on none of those that it knew to be added is missing.
  unbroken_from INTEGER NOT NULL DEFAULT 0,
  first_id INTEGER NOT NULL,
  added_us INTEGER NOT NULL,
  PRIMARY KEY (queue, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS producer_added ON producer (added_us);

-- What is known of jobs by name: the one that waits or runs, what follows it, and the last that ended.
CREATE TABLE IF NOT EXISTS record (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL
    CHECK (state IN ('waiting', 'running', 'cancelling', 'done', 'dead', 'cancelled')),
  number INTEGER NOT NULL,
  -- The job that stands for it in line: the one of that number, or one that was put there later.
  ticket INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  payload TEXT NOT NULL,
  due_us INTEGER NOT NULL,
  attempt INTEGER NOT NULL DEFAULT 0,
  -- Of the delivery that runs it.
  fence INTEGER NOT NULL DEFAULT 0,
  progress TEXT,
  -- Bytes of its payload, where those of the queue have them.
  counted_bytes INTEGER NOT NULL DEFAULT 0,
  -- Until when a throttled add is refused.
  quiet_us INTEGER NOT NULL DEFAULT 0,
  next_number INTEGER,
  next_payload TEXT,
  next_due_us INTEGER,
  next_max_attempts INTEGER,
  ended_number INTEGER,
  ended_as TEXT CHECK (ended_as IN ('done', 'dead', 'cancelled')),
  ended_us INTEGER,
  result TEXT,
  reason TEXT,
  -- Waiting: behind which gate its ticket was put.
  gate TEXT,
  -- As that of a job, and how many crashes are told there.
  history TEXT,
  crashes INTEGER NOT NULL DEFAULT 0,
  -- Ended: how long it is remembered.
  until_us INTEGER,
  UNIQUE (queue, name),
  CHECK ((until_us IS NULL) = (state IN ('waiting', 'running', 'cancelling'))),
  CHECK ((next_number IS NULL) = (next_payload IS NULL))
) STRICT;

CREATE INDEX IF NOT EXISTS record_until ON record (until_us) WHERE until_us IS NOT NULL;

CREATE TABLE IF NOT EXISTS record_line (
  record INTEGER NOT NULL,
  number INTEGER NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (record, number)
) STRICT, WITHOUT ROWID;

-- The last batch by name of each producer, and what it was answered.
CREATE TABLE IF NOT EXISTS named_producer (
  queue INTEGER NOT NULL,
  name TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  unbroken_from INTEGER NOT NULL DEFAULT 0,
  answers TEXT NOT NULL,
  added_us INTEGER NOT NULL,
  PRIMARY KEY (queue, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS named_producer_added ON named_producer (added_us);

-- Rules by which jobs come, and the ticket in line for the next slot of each.
CREATE TABLE IF NOT EXISTS schedule (
  id INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  name TEXT NOT NULL,
  -- JSON, of clients.
  rule TEXT NOT NULL,
  terms TEXT NOT NULL,
  payload TEXT NOT NULL,
  slot_us INTEGER NOT NULL,
  -- The job that stands for that slot.
  ticket INTEGER NOT NULL,
  -- The last slot of which there was a job, and how many there were.
  last_us INTEGER,
  emitted INTEGER NOT NULL DEFAULT 0,
  UNIQUE (queue, name)
) STRICT;

-- What happened to the jobs of queues that keep events: the last ones.
CREATE TABLE IF NOT EXISTS event (
  queue INTEGER NOT NULL,
  number INTEGER NOT NULL,
  type TEXT NOT NULL,
  -- The number of the job, or its name; neither where it is of the queue.
  job TEXT,
  name TEXT,
  attempt INTEGER,
  reason TEXT,
  count INTEGER,
  at_us INTEGER NOT NULL,
  PRIMARY KEY (queue, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS event_at ON event (at_us);

-- Jobs of keys, which run one after the other: the first one of a key has a ticket, a job of its number.
CREATE TABLE IF NOT EXISTS strand_job (
  -- Order among those of a key.
  place INTEGER PRIMARY KEY,
  queue INTEGER NOT NULL,
  key TEXT NOT NULL,
  is_first INTEGER NOT NULL CHECK (is_first IN (0, 1)),
  number INTEGER NOT NULL,
  -- Of the delivery that runs it.
  fence INTEGER NOT NULL DEFAULT 0,
  due_us INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  payload TEXT NOT NULL,
  -- Of one that was dead before: what its ticket begins with.
  history TEXT,
  -- What all up to this one took, since the strand began.
  total_bytes INTEGER NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS strand_order ON strand_job (queue, key, place);
CREATE INDEX IF NOT EXISTS strand_behind ON strand_job (queue) WHERE is_first = 0;

-- Jobs that are done, of queues that keep them: the last ones.
CREATE TABLE IF NOT EXISTS done_job (
  queue INTEGER NOT NULL,
  -- In the order in which they ended.
  number INTEGER NOT NULL,
  job INTEGER NOT NULL,
  -- Its own, where it was added with one.
  name TEXT,
  strand TEXT,
  schedule TEXT,
  slot_us INTEGER,
  attempt INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  payload TEXT NOT NULL,
  result TEXT,
  history TEXT,
  done_us INTEGER NOT NULL,
  until_us INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX IF NOT EXISTS done_job_order ON done_job (queue, number);
CREATE INDEX IF NOT EXISTS done_job_until ON done_job (until_us);
