// @ts-check
// `npm run bench -- NAME [--json] [--rounds N] [--quick]`: builds, installs what bench/ compares
// with on its first use, and runs bench/NAME.js.
import { benchFolder, ensureBenchInstalled } from './prepare.js'
import { log, runNamed } from './run-named.js'

await runNamed({
  folder: benchFolder,
  usage: 'npm run bench -- NAME [--json] [--rounds N] [--quick]',
  prepare: () => ensureBenchInstalled({ log }),
})
