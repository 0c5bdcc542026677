// @ts-check
// A storm over queues: six workers and two producers while processes, connections and the server
// fail: no acknowledged job lost, none ended twice or from nowhere, and a fault for each duplicate.
// node test/fault/runs/queue.js --seed N [--jobs 10000] [--faults 100] [--engine redis|sqlite] [--json]
import { commandStorm } from '../queue/command.js'
import { runStorm } from '../queue/run.js'

await commandStorm('queue', 100, runStorm)
