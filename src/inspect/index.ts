export type { Sluice } from '../sluice.ts'
export { createInspector, type Inspector } from './inspector.ts'
export type { LimitRow, LockRow, Overview, QueueRow, Section } from './overview.ts'
