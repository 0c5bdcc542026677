// @ts-check
// Runs a bench: every case with ours and each peer, one after the other, in every round.
import { setTimeout as delay } from 'node:timers/promises'
import { startCompetitor } from './competitor.js'
import { pinning } from './cores.js'
import { readOptions } from './options.js'
import { jsonLines, median, OURS, table } from './report.js'
import { emptyServer, startServer } from './server.js'

/**
 * @typedef {import('./competitor.js').Competitor} Competitor
 * @typedef {import('./competitor.js').Absent} Absent
 * @typedef {import('./competitor.js').Outcome} Outcome
 * @typedef {import('./report.js').Figures} Figures
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {object} task what work.js gets
 * @property {object} [quick] what differs in a quick run
 *
 * @typedef {object} Bench
 * @property {string} name also of the folder with work.js and the competitors
 * @property {string} work one line: what is done in every case
 * @property {string} one what is counted: 'pair', 'job', 'take'
 * @property {string} unit of the speed
 * @property {readonly string[]} peers files of the folder
 * @property {object} full part of every task
 * @property {object} quick the same, shorter
 * @property {readonly Case[]} cases
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
  const { json, quick, rounds } = readOptions()
  const guard = setTimeout(() => {
    console.error(`${bench.name} is not done after ${GUARD_MS / 1_000} s: ended`)
    process.exit(1)
  }, GUARD_MS)
  const terms = { quick, rounds, log: json ? () => {} : console.error }
  const server = await startServer()
  const run = await runRounds(bench, server.port, terms).finally(server.stop)
  clearTimeout(guard)

  for (const { label, reason } of run.absent) {
    console.error(`${label} could not run: ${reason.split('\n')[0]}`)
  }
  const { speed, client, serverCpu } = figuresOf(bench, run.outcomes)
  if (json) {
    for (const one of bench.cpuCases ? [...speed, ...client] : speed) {
      for (const line of jsonLines(bench.name, one)) console.log(line)
    }
    return
  }
  console.log(`${bench.name}: ${bench.work}`)
  console.log(
    `median (min-max) of ${run.rounds} round${run.rounds === 1 ? '' : 's'}${quick ? ', quick' : ''}; ${pinning}`,
  )
  console.log(
    `redis-server ${server.version} ${settingsLine(server.settings)}; Node ${process.versions.node}`,
  )
  console.log(`${noise(run.outcomes)}\n`)
  for (const { label, settings } of run.competitors) console.log(`  ${label}: ${settings}`)
  for (const { label } of run.absent) console.log(`  ${label}: could not run`)
  console.log(`\n${table(speed)}\n`)
  console.log(`CPU of the client\n${table(client)}\n`)
  console.log(`CPU of the server\n${table(serverCpu)}`)
}

/**
 * @param {Bench} bench
 * @param {number} port
 * @param {{ quick: boolean, rounds: number, log: (line: string) => void }} terms
 */
async function runRounds(bench, port, { quick, rounds, log }) {
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
    const started = await startAll(bench, names, port)
    absent.push(...started.absent)
    names = started.running.map(({ name }) => name)
    competitors = started.running.map(({ label, settings }) => ({ label, settings }))
    if (round === 1) {
      for (const competitor of started.running) {
        await emptyServer(port)
        await competitor.check()
      }
    }
    await runRound(bench, started.running, { port, quick, outcomes })
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
 * @param {number} port
 */
async function startAll(bench, names, port) {
  /** @type {Competitor[]} */
  const running = []
  /** @type {Absent[]} */
  const absent = []
  for (const name of names) {
    const competitor = await startCompetitor(bench.name, name, port)
    if ('measure' in competitor) running.push(competitor)
    else absent.push(competitor)
  }
  return { running, absent }
}

/**
 * @param {Bench} bench
 * @param {readonly Competitor[]} competitors
 * @param {{ port: number, quick: boolean, outcomes: Map<string, Map<string, Outcome[]>> }} terms
 */
async function runRound(bench, competitors, { port, quick, outcomes }) {
  for (const one of bench.cases) {
    const task = quick
      ? { ...bench.full, ...one.task, ...bench.quick, ...one.quick }
      : { ...bench.full, ...one.task }
    const ofCase = outcomes.get(one.name) ?? new Map()
    outcomes.set(one.name, ofCase)
    for (const competitor of competitors) {
      await emptyServer(port)
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
function figuresOf({ one, unit: speedUnit, cases }, outcomes) {
  /**
   * @param {string} suffix @param {string} unit @param {Figures['better']} better
   * @param {(outcome: Outcome) => number} value
   */
  const pick = (suffix, unit, better, value) =>
    cases.map(({ name }) => {
      const ofCase = [...(outcomes.get(name) ?? [])]
      const rounds = new Map(ofCase.map(([label, all]) => [label, all.map(value)]))
      return { name: name + suffix, unit, better, rounds }
    })
  return {
    speed: pick('', speedUnit, 'higher', ({ count, elapsedMs }) => (count / elapsedMs) * 1000),
    client: pick('-cpu', `µs/${one}`, 'lower', ({ count, cpuUs }) => cpuUs / count),
    serverCpu: pick('-server', `µs/${one}`, 'lower', ({ count, serverUs }) => serverUs / count),
  }
}

/** How far the figures can be trusted. @param {Map<string, Map<string, Outcome[]>>} outcomes */
function noise(outcomes) {
  const cores = [...outcomes.values()]
    .flatMap((ofCase) => [...ofCase.values()].flat())
    .map(({ otherUs, elapsedMs }) => otherUs / 1_000 / elapsedMs)
  const [typical, worst] = [median(cores), Math.max(...cores)].map((value) => value.toFixed(2))
  const advice = Number(typical) > QUIET_CORES ? ': too busy to compare speeds, see the CPU' : ''
  return `other programs used ${typical} cores meanwhile (median of all; worst ${worst})${advice}`
}

/** As a shell would take them. @param {readonly string[]} settings */
const settingsLine = (settings) => settings.map((word) => (word === '' ? "''" : word)).join(' ')
