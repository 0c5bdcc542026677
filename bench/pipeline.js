// @ts-check
// What a pipeline that keeps every answer costs beside the pipeline of the client under it.
import { runBench } from './kit/bench.js'

/** @type {{ unit: string, better: 'lower' }} */
const ratio = { unit: "CPU over that of the client's own", better: 'lower' }
const from = 'pipelines'

await runBench({
  name: 'pipeline',
  work: 'pipelines of 100 commands, GET and SET by turns over 1,000 keys, one at a time; both in one process, by turns',
  one: 'command',
  unit: 'commands/s',
  peers: [],
  full: { turns: 24, commandsOfTurn: 20_000 },
  quick: { turns: 8, commandsOfTurn: 10_000 },
  cases: [{ name: from, task: { commands: 100 } }],
  figures: [
    { name: 'overhead-ratio', from, ...ratio },
    { name: 'overhead-ratio-node-redis', from, ...ratio },
  ],
})
