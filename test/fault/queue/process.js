// @ts-check
// One process with one Sluice. It adds jobs or works on them until it is told to end, and does to
// itself what it is asked to. It runs the built package.
import { createAdding } from './adding.js'
import { startWorker, takeByHand } from './lanes.js'
import { joinStorm } from './member.js'
import { CONCURRENCY, LEASE_MS, optionsOf, QUEUES } from './plan.js'
import { createRecorder } from './recorder.js'

/** @type {import('./member.js').ProcessPlan} */
const plan = JSON.parse(process.argv[2] ?? '{}')
const member = joinStorm(plan, { recorder: createRecorder(plan.file), optionsOf })
const { scene } = member

if (plan.role === 'producer') {
  const adding = createAdding(scene)
  member.onAdd((nature, size) => void adding.addOf(nature, size))
  await adding.start()
} else {
  const worked = /** @type {const} */ (['worked', 'spread'])
  for (const name of worked) {
    startWorker(scene, QUEUES[name], { concurrency: CONCURRENCY[name], lease: LEASE_MS[name] })
  }
  await Promise.all([takeByHand(scene), member.told])
}
await member.leave()
