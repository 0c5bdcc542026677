// What may be left of gates: each with the jobs behind it.

/** A table, and which of its rows may be there. */
export interface KnownTable {
  name: string
  /** A column with the time at which a row is over, or was used last, and how far ahead it may be. */
  ends?: { column: string; withinUs: number }
  /** A query that finds rows which contradict others. */
  contradictions?: { what: string; sql: string }[]
}

export const GATE_TABLE: KnownTable = {
  name: 'gate',
  contradictions: [
    {
      what: 'a gate of no queue',
      sql: 'SELECT name FROM gate WHERE queue NOT IN (SELECT id FROM queue)',
    },
    {
      what: 'another count than that of the jobs behind a gate',
      sql: `SELECT name, parked FROM gate WHERE parked <> (
              SELECT count(*) FROM job WHERE state = 4 AND job.gate = gate.id)`,
    },
    {
      what: 'a job behind no gate',
      sql: 'SELECT id FROM job WHERE state = 4 AND gate NOT IN (SELECT id FROM gate)',
    },
  ],
}

export const TURN_TABLE: KnownTable = {
  name: 'turn',
  contradictions: [
    {
      what: 'a turn at no gate',
      sql: 'SELECT * FROM turn WHERE gate NOT IN (SELECT id FROM gate)',
    },
    {
      what: 'a job in a later round than the last of all keys',
      sql: `SELECT id FROM job WHERE round > coalesce(
              (SELECT max(round) FROM turn WHERE turn.gate = job.gate AND turn.rank = job.rank), 0)`,
    },
  ],
}
