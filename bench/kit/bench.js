// @ts-check
// Runs a bench: every case with ours and each peer, one after the other, in every round.
import { setTimeout as delay } from 'node:timers/promises'
import { startCompetitor } from './competitor.js'
import { pinning } from './cores.js'
import { readOptions } from './options.js'
import { openPlace } from './place.js'
import { jsonLines, median, OURS, table } from './report.js'

/**
 * @typedef {import('./competitor.js').Competitor} Competitor
 * @typedef {import('./competitor.js').Absent} Absent
 * @typedef {import('./competitor.js').Outcome} Outcome
 * @typedef {import('./report.js').Figures} Figures
 * @typedef {import('./place.js').Place} Place
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {object} task what work.js gets
 * @property {object} [quick] what differs in a quick run
 * @property {boolean} [alone] no peer does the same
 * @property {boolean} [cpu] whether the CPU that it took says something; it does unless told
 *
 * @typedef {object} Figure what the table shows, where that is not the speed of each case
 * @property {string} name
 * @property {string} from name of the case that is measured for it, and has it among its values
 * @property {string} unit
 * @property {Figures['better']} better
 *
 * @typedef {object} Bench
 * @property {string} name also of the folder with work.js and the competitors
 * @property {string} work one line: what is done in every case
 * @property {string} one what is counted: 'pair', 'job', 'take'
 * @property {string} unit of the speed
 * @property {'redis' | 'sqlite'} [engine] Redis unless told
 * @property {number} [servers] of Redis, 1 unless told
 * @property {readonly string[]} peers files of the folder, or FILE:VARIANT
 * @property {object} full part of every task
 * @property {object} quick the same, shorter
 * @property {readonly Case[]} cases
 * @property {readonly Figure[]} [figures]
 * @property {import('./options.js').Rounds} [rounds]
 * @property {boolean} [cpuCases] whether the CPU of the client is a case as well
 */

/** A round that would end later is not begun. */
const LIMIT_MS = { full: 540_000, quick: 50_000 }
const GUARD_MS = 595_000
/** What other programs may use before the speeds say more about them than about the competitors. */
const QUIET_CORES = 0.25

/** Ends the process with 1 and one message when something is wrong. @param {Bench} bench */
export async function runBench(bench) {
  // Exit handlers end the server and the competitors; a signal alone runs none.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.once(signal, () => process.exit(1))
  try {
    await runAndPrint(bench)
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    process.exit(1)
  }
}

/** @param {Bench} bench */
async function runAndPrint(bench) {
  const { json, quick, rounds } = readOptions(bench.rounds)
  const guard = setTimeout(() => {
    console.error(`${bench.name} is not done after ${GUARD_MS / 1_000} s: ended`)
    process.exit(1)
  }, GUARD_MS)
  const terms = { quick, rounds, log: json ? () => {} : console.error }
  const place = await openPlace(bench.engine ?? 'redis', bench.servers)
  const run = await runRounds(bench, place, terms).finally(place.stop)
  clearTimeout(guard)

  for (const { label, reason } of run.absent) {
    console.error(`${label} could not run: ${reason.split('\n')[0]}`)
  }
  const { shown, client, serverCpu } = figuresOf(bench, run.outcomes)
  const notes = notesOf(run.outcomes)
  if (json) {
    for (const note of notes) console.error(note)
    for (const one of bench.cpuCases ? [...shown, ...client] : shown) {
      for (const line of jsonLines(bench.name, one)) console.log(line)
    }
    return
  }
  console.log(`${bench.name}: ${bench.work}`)
  console.log(
    `median (min-max) of ${run.rounds} round${run.rounds === 1 ? '' : 's'}${quick ? ', quick' : ''}; ${pinning(place.hasServer)}`,
  )
  console.log(`${place.description}; Node ${process.versions.node}`)
  console.log(`${noise(run.outcomes)}\n`)
  for (const { label, settings } of run.competitors) console.log(`  ${label}: ${settings}`)
  for (const { label } of run.absent) console.log(`  ${label}: could not run`)
  console.log(`\n${table(shown)}`)
  for (const note of notes) console.log(note)
  console.log(`\nCPU of the client\n${table(client)}`)
  if (place.hasServer) console.log(`\nCPU of the server\n${table(serverCpu)}`)
}

/**
 * @param {Bench} bench
 * @param {Place} place
 * @param {{ quick: boolean, rounds: number, log: (line: string) => void }} terms
 */
async function runRounds(bench, place, { quick, rounds, log }) {
  const startMs = performance.now()
  const limitMs = quick ? LIMIT_MS.quick : LIMIT_MS.full
  /** @type {Map<string, Map<string, Outcome[]>>} by case and competitor */
  const outcomes = new Map()
  /** @type {Absent[]} */
  const absent = []
  /** @type {{ label: string, settings: string }[]} */
  let competitors = []
  let names = [OURS, ...bench.peers]
  let longestMs = 0
  let round = 0
  while (round < rounds) {
    const roundStartMs = performance.now()
    if (round > 0 && roundStartMs - startMs + longestMs > limitMs) {
      console.error(`stopped after ${round} of ${rounds} rounds: no time for another one`)
      break
    }
    round++
    log(`round ${round} of ${rounds} ...`)
    const started = await startAll(bench, names, place.argument)
    absent.push(...started.absent)
    names = started.running.map(({ name }) => name)
    competitors = started.running.map(({ label, settings }) => ({ label, settings }))
    if (round === 1) {
      for (const competitor of started.running) {
        await place.empty()
        await competitor.check()
      }
    }
    await runRound(bench, started.running, { place, quick, outcomes })
    for (const competitor of started.running) competitor.stop()
    longestMs = Math.max(longestMs, performance.now() - roundStartMs)
  }
  return { outcomes, absent, competitors, rounds: round }
}

/**
 * New processes for each round: what one compiled well by luck does not count twice.
 *
 * @param {Bench} bench
 * @param {readonly string[]} names
 * @param {string} place
 */
async function startAll(bench, names, place) {
  /** @type {Competitor[]} */
  const running = []
  /** @type {Absent[]} */
  const absent = []
  for (const name of names) {
    const competitor = await startCompetitor(bench.name, name, place)
    if ('measure' in competitor) running.push(competitor)
    else absent.push(competitor)
  }
  return { running, absent }
}

/**
 * @param {Bench} bench
 * @param {readonly Competitor[]} competitors
 * @param {{ place: Place, quick: boolean, outcomes: Map<string, Map<string, Outcome[]>> }} terms
 */
async function runRound(bench, competitors, { place, quick, outcomes }) {
  for (const one of bench.cases) {
    const task = quick
      ? { ...bench.full, ...one.task, ...bench.quick, ...one.quick }
      : { ...bench.full, ...one.task }
    const ofCase = outcomes.get(one.name) ?? new Map()
    outcomes.set(one.name, ofCase)
    const some = one.alone ? competitors.filter(({ name }) => name === OURS) : competitors
    for (const competitor of some) {
      await place.empty()
      // Freed memory and closed connections of the one before are not this one's work.
      await delay(20)
      const outcome = await competitor.measure(task)
      ofCase.set(competitor.label, [...(ofCase.get(competitor.label) ?? []), outcome])
    }
  }
}

/**
 * @param {Bench} bench
 * @param {Map<string, Map<string, Outcome[]>>} outcomes
 */
function figuresOf({ one, unit, cases, figures }, outcomes) {
  /** @param {string} from @param {(outcome: Outcome) => number} value */
  const roundsOf = (from, value) =>
    new Map([...(outcomes.get(from) ?? [])].map(([label, all]) => [label, all.map(value)]))
  /**
   * @param {string} suffix @param {string} unitOfAll @param {Figures['better']} better
   * @param {readonly Case[]} some @param {(outcome: Outcome) => number} value
   */
  const each = (suffix, unitOfAll, better, some, value) =>
    some.map(({ name }) => {
      const rounds = roundsOf(name, value)
      return { name: name + suffix, unit: unitOfAll, better, rounds }
    })
  const told = figures?.map(({ name, from, ...kind }) => {
    return { name, ...kind, rounds: roundsOf(from, ({ values }) => values?.[name] ?? Number.NaN) }
  })
  const busy = cases.filter(({ cpu }) => cpu !== false)
  return {
    shown:
      told ?? each('', unit, 'higher', cases, ({ count, elapsedMs }) => (count / elapsedMs) * 1000),
    client: each('-cpu', `µs/${one}`, 'lower', busy, ({ count, cpuUs }) => cpuUs / count),
    serverCpu: each(
      '-server',
      `µs/${one}`,
      'lower',
      busy,
      ({ count, serverUs }) => serverUs / count,
    ),
  }
}

/** @param {Map<string, Map<string, Outcome[]>>} outcomes */
const notesOf = (outcomes) =>
  [...outcomes].flatMap(([name, ofCase]) =>
    [...ofCase].flatMap(([label, all]) =>
      all.flatMap(({ note }) => (note === undefined ? [] : [`${label}, ${name}: ${note}`])),
    ),
  )

/** How far the figures can be trusted. @param {Map<string, Map<string, Outcome[]>>} outcomes */
function noise(outcomes) {
  const cores = [...outcomes.values()]
    .flatMap((ofCase) => [...ofCase.values()].flat())
    .map(({ otherUs, elapsedMs }) => otherUs / 1_000 / elapsedMs)
  const [typical, worst] = [median(cores), Math.max(...cores)].map((value) => value.toFixed(2))
  const advice = Number(typical) > QUIET_CORES ? ': too busy to compare speeds, see the CPU' : ''
  return `other programs used ${typical} cores meanwhile (median of all; worst ${worst})${advice}`
}
