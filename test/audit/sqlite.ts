import type { Engine } from '../../src/engine/engine.ts'
export async function auditSqlite(_engine: Engine): Promise<string[]> { return [] }
export async function dumpSqlite(_engine: Engine): Promise<string[]> { return [] }
export async function wipeSqlite(_engine: Engine): Promise<void> {}
