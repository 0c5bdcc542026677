// @ts-check
// A storm over gates: jobs that need locks, permits and budget, and callers who hold the same locks,
// while processes, connections and the server fail: never two holders, fences that grow, order by key,
// no attempt spent, no job lost, and none behind a free gate for longer than a dead keeper is missed.
// node test/fault/runs/gates.js --seed N [--jobs 10000] [--faults 60] [--engine redis|sqlite] [--json]
import { runGates } from '../gates/run.js'
import { commandStorm } from '../queue/command.js'

await commandStorm('gates', 60, runGates)
