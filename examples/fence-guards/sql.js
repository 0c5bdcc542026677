// @ts-check
// A table that refuses what an old holder of a lock writes: three ways, take the one that fits.
// Run it: node examples/fence-guards/sql.js
import { fileURLToPath } from 'node:url'
// Newer Nodes have the same API built in, as node:sqlite.
import { DatabaseSync } from '@photostructure/sqlite'
import { createSluice } from 'sluice'

/** @typedef {import('@photostructure/sqlite').DatabaseSyncInstance} Database */

/** A fence has 16 digits, too many for INTEGER in PostgreSQL and MySQL. Every fence is above 0. */
export const createTable = `
CREATE TABLE IF NOT EXISTS account (
  id      VARCHAR(64) PRIMARY KEY,
  balance BIGINT NOT NULL,
  fence   BIGINT NOT NULL DEFAULT 0
)`

/** For a row that exists. PostgreSQL, MySQL and SQLite. */
export const update = `
UPDATE account SET balance = ?, fence = ?
WHERE id = ? AND fence <= ?`

/** For a row that may be missing. PostgreSQL and SQLite. */
export const upsert = `
INSERT INTO account (id, balance, fence) VALUES (?, ?, ?)
ON CONFLICT (id) DO UPDATE SET balance = excluded.balance, fence = excluded.fence
WHERE account.fence <= excluded.fence`

/** For every statement that sets the fence, whoever wrote it. SQLite. */
export const createTriggers = `
CREATE TRIGGER IF NOT EXISTS account_update_fence BEFORE UPDATE ON account
WHEN NEW.fence < OLD.fence
BEGIN
  SELECT RAISE(ABORT, 'stale fence');
END;
CREATE TRIGGER IF NOT EXISTS account_insert_fence BEFORE INSERT ON account
WHEN EXISTS (SELECT 1 FROM account WHERE id = NEW.id AND fence > NEW.fence)
BEGIN
  SELECT RAISE(ABORT, 'stale fence');
END`

/**
 * Answers whether it wrote: false if someone with a higher fence has written, or no row is there.
 *
 * @param {Database} database @param {string} id @param {number} balance @param {number} fence
 */
export function updateBalance(database, id, balance, fence) {
  return database.prepare(update).run(balance, fence, id, fence).changes === 1
}

/**
 * Answers whether it wrote: false if someone with a higher fence has written.
 *
 * @param {Database} database @param {string} id @param {number} balance @param {number} fence
 */
export function saveBalance(database, id, balance, fence) {
  return database.prepare(upsert).run(id, balance, fence).changes === 1
}

/** Two holders, one after the other, and the first one writes late. */
async function main() {
  const sluice = createSluice('memory:')
  const database = new DatabaseSync(':memory:')
  database.exec(createTable)

  const first = await sluice.lock('account:42').acquire()
  console.log(`first holder creates: ${saveBalance(database, '42', 100, first.fence)}`)
  await first.release() // in real life: its lease ends while it is frozen
  const second = await sluice.lock('account:42').acquire()
  console.log(`second holder writes: ${updateBalance(database, '42', 70, second.fence)}`)

  console.log(`first holder writes late: ${updateBalance(database, '42', 100, first.fence)}`)
  console.log(`and tries to create anew: ${saveBalance(database, '42', 100, first.fence)}`)
  database.exec(createTriggers)
  try {
    database.prepare('UPDATE account SET balance = 100, fence = ?').run(first.fence)
  } catch (error) {
    console.log(`with triggers: ${error instanceof Error ? error.message : error}`)
  }
  console.log(`second holder writes again: ${updateBalance(database, '42', 50, second.fence)}`)
  await sluice.close()
  database.close()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
