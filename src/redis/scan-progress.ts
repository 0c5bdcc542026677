import type { Batch } from './node-scan.ts'
import type { NodePlace } from './scan-place.ts'

/** How far a scan is, over all of its servers. */
export class ScanProgress {
  /** Keys that matched. */
  found = 0
  /** About how many keys were looked at in this process, at most `total`. */
  visited = 0
  /** How many keys the servers had when it began. */
  total = 0
  /** Names that are no UTF-8, which no command by text can reach. */
  unreadable = 0

  /** Asks how much there is. */
  async begin(places: readonly NodePlace[]): Promise<void> {
    const sizes = await Promise.all(places.map(({ node }) => node.call('DBSIZE', [])))
    this.total = sizes.reduce<number>((sum, size) => sum + Number(size), 0)
  }

  add({ keys, visited, unreadable }: Batch): void {
    this.found += keys.length
    this.unreadable += unreadable
    this.visited = Math.min(this.total, this.visited + visited)
  }
}
