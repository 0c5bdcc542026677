// @ts-check
// One process with one Sluice. It works on jobs that need gates, adds some, or holds their locks without
// a queue, until it is told to end. It runs the built package.
import { createRecorder as createLockRecorder } from '../locks/recorder.js'
import { startWorker, takeByHand } from '../queue/lanes.js'
import { joinStorm } from '../queue/member.js'
import { LEASE_MS } from '../queue/plan.js'
import { addAll, holdPlainly } from './lanes.js'
import { CONCURRENCY, QUEUES } from './plan.js'
import { optionsOf } from './queues.js'
import { createRecorder } from './recorder.js'

/** @type {import('../queue/member.js').ProcessPlan} */
const plan = JSON.parse(process.argv[2] ?? '{}')

if (plan.role === 'holder') {
  const recorder = createLockRecorder(plan.file)
  const member = joinStorm(plan, { recorder, optionsOf })
  await holdPlainly(member.scene)
  await member.leave()
} else {
  const member = joinStorm(plan, { recorder: createRecorder(plan.file), optionsOf })
  const { scene, told } = member
  if (plan.role === 'producer') await addAll(scene)
  else {
    for (const name of /** @type {const} */ (['locked', 'metered'])) {
      const options = { concurrency: CONCURRENCY[name], lease: LEASE_MS.worked }
      startWorker(scene, QUEUES[name], options)
    }
    await Promise.all([takeByHand(scene), told])
  }
  await member.leave()
}
