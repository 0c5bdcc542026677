// @ts-check
// `npm run fault -- NAME --seed N`: builds, installs what bench/ compares with when a run needs it,
// and runs test/fault/runs/NAME.js.
import path from 'node:path'
import { ensureBenchInstalled, rootFolder } from './prepare.js'
import { log, runNamed } from './run-named.js'

await runNamed({
  folder: path.join(rootFolder, 'test', 'fault', 'runs'),
  usage: 'npm run fault -- NAME [--seed N] [--json]',
  async prepare(name) {
    // The others live where benches find them.
    if (name.endsWith('-peers')) await ensureBenchInstalled({ log })
  },
})
