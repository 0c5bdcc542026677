/** Rows with two numbers, of funnels and buckets: read once, and remembered while nobody else writes. */
import type { Transaction } from '../../engine/sqlite/engine.ts'

/** Which state: that of the first rule of its kind has place 1. */
export interface Address {
  limiter: string
  key: string
  place: number
}

/** Also of a clock that steps back nothing is believed: a row that is gone is written anew. */
interface Known<State> {
  state: State
  untilUs: number
}

export interface Rows<State> {
  read(transaction: Transaction, address: Address): State | undefined
  /** It is as good as new after so long. */
  write(transaction: Transaction, address: Address, state: State, resetAfterUs: number): void
  forget(transaction: Transaction, address: Address): void
}

export const HERE = 'WHERE limiter = ? AND key = ? AND place = ?'

/** What is remembered by one connection takes a few megabytes at most. */
const MOST_KNOWN = 20_000

/**
 * @param columns of the state, by the names of its members
 * @param spareUs how much longer a row may stay than it has to. The index of when rows may go is half of
 *   what a write costs, so it is not moved by each
 */
export function rowsOf<State extends { [Name in keyof State]: number }>(
  table: string,
  columns: { readonly [Name in keyof State]: string },
  spareUs: number,
): Rows<State> {
  const members = Object.keys(columns) as (keyof State)[]
  const names = members.map((member) => columns[member])
  const [first, second] = members as [keyof State, keyof State]
  const selected = members.map((member) => `${columns[member]} AS ${String(member)}`).join(', ')
  const select = `SELECT ${selected}, until_us AS untilUs FROM ${table} ${HERE}`
  const update = `UPDATE ${table} SET ${names.map((name) => `${name} = ?`).join(', ')} ${HERE}`
  const upsert = `INSERT INTO ${table} (limiter, key, place, ${names.join(', ')}, until_us)
    VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (limiter, key, place) DO UPDATE SET
    ${[...names, 'until_us'].map((name) => `${name} = excluded.${name}`).join(', ')}`
  const remove = `DELETE FROM ${table} ${HERE}`
  const idOf = ({ limiter, key, place }: Address) =>
    `${table}:${place}:${limiter.length}:${limiter}:${key}`

  function knownOf({ memo, nowUs }: Transaction, id: string): Known<State> | undefined {
    const known = memo.get(id) as Known<State> | undefined
    // A sweep may have removed it.
    return known !== undefined && known.untilUs > nowUs ? known : undefined
  }

  function remember({ memo }: Transaction, id: string, known: Known<State>): void {
    if (memo.size >= MOST_KNOWN) memo.clear()
    memo.set(id, known)
  }

  return {
    read(transaction, address) {
      const id = idOf(address)
      const known = knownOf(transaction, id)
      if (known !== undefined) return known.state
      const { limiter, key, place } = address
      const row = transaction.get<State & { untilUs: number }>(select, limiter, key, place)
      if (row !== undefined) remember(transaction, id, { state: row, untilUs: row.untilUs })
      return row
    },

    write(transaction, address, state, resetAfterUs) {
      const { limiter, key, place } = address
      const id = idOf(address)
      const untilUs = transaction.nowUs + resetAfterUs
      const known = knownOf(transaction, id)
      if (known !== undefined && untilUs <= known.untilUs) {
        known.state = state
        if (transaction.run(update, state[first], state[second], limiter, key, place) > 0) return
      }
      const sparedUs = untilUs + spareUs
      transaction.run(upsert, limiter, key, place, state[first], state[second], sparedUs)
      remember(transaction, id, { state, untilUs: sparedUs })
    },

    forget(transaction, address) {
      const { limiter, key, place } = address
      transaction.memo.delete(idOf(address))
      transaction.run(remove, limiter, key, place)
    },
  }
}
