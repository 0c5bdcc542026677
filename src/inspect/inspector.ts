import { insideOf, type Sluice } from '../sluice.ts'
import { type Overview, readOverview } from './overview.ts'

/** Read views of everything on one engine. Looking changes nothing. */
export interface Inspector {
  /**
   * Queues with counts, locks with holder and waiters, and charged limiter keys: at most 200 each.
   * @throws {EngineUnavailableError}, {@link ClosedError} after the Sluice was closed
   */
  overview(): Promise<Overview>
}

/** @throws {ArgumentError} when `sluice` is not what `createSluice()` returned */
export function createInspector(sluice: Sluice): Inspector {
  const inside = insideOf(sluice)
  return { overview: () => readOverview(inside) }
}
