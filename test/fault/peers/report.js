// @ts-check
// The tables, as the docs have them.
import { versionOf } from './systems.js'

/**
 * @typedef {import('./measure.js').Figures} Figures
 * @typedef {import('./systems.js').System} System
 * @typedef {import('../outages/cells.js').Cell} Cell
 *
 * @typedef {object} Row the worse of all rounds
 * @property {Cell} cell
 * @property {System} system
 * @property {Figures} figures
 */

/** @param {number} ms */
const duration = (ms) => (ms < 995 ? `${Math.round(ms)} ms` : `${(ms / 1_000).toFixed(1)} s`)
/** @param {number | null} ms @param {string} otherwise */
const orElse = (ms, otherwise) => (ms === null ? `**${otherwise}**` : duration(ms))
/** @param {number} count @param {string} word */
const counted = (count, word) => (count === 0 ? [] : [`**${count} ${word}**`])

const NEVER = 'never (60 s)'
const MEMORY = 'from memory only'
/** Later than this, jobs wait for somebody to notice that they are left alone. */
const LATE_JOB_MS = 5_000

/** Whether takes are answered again, but not by the server. @param {Row} row */
const answersAlone = ({ system, figures: { callsAgainMs, storedAgainMs } }) =>
  system.kind === 'limiter' && callsAgainMs !== null && storedAgainMs === null

/** @param {Row} row */
function again(row) {
  const { system, figures } = row
  const { callsAgainMs, jobsAgainMs, storedAgainMs } = figures
  const calls = orElse(callsAgainMs, NEVER)
  if (answersAlone(row)) return `${calls}, **${MEMORY}**`
  if (system.kind === 'limiter') return orElse(storedAgainMs, NEVER)
  return system.kind === 'queue' ? `adds ${calls}, jobs ${orElse(jobsAgainMs, NEVER)}` : calls
}

/** @param {Row} row */
function effects({ figures }) {
  const { twice, lost, stuck, again: repeated, expired, overlaps, lastJobMs } = figures
  const all = [
    ...counted(twice, 'twice'),
    ...counted(lost, 'lost'),
    ...counted(stuck, 'stuck'),
    ...counted(expired, 'granted when already expired'),
    ...counted(overlaps, 'overlapping'),
    ...(repeated === 0 ? [] : [`${repeated} delivered again`]),
    ...(lastJobMs > LATE_JOB_MS ? [`last job only after ${duration(lastJobMs)}`] : []),
  ]
  return all.length === 0 ? 'each once' : all.join(', ')
}

/** @param {readonly string[]} cells */
const line = (cells) => `| ${cells.join(' | ')} |`

/** @param {readonly Row[]} rows of one cell */
export function cellTable(rows) {
  const head = [
    '',
    'slowest call',
    'failed',
    'never settled',
    'works again after',
    'first told after',
  ]
  const lines = rows.map((row) => {
    const { slowestMs, met, failed, unsettled, toldMs, strays } = row.figures
    return line([
      row.system.name,
      orElse(slowestMs, 'none settled'),
      `${failed} of ${met}`,
      unsettled === 0 ? '0' : `**${unsettled}**`,
      again(row),
      orElse(toldMs, 'silent'),
      effects(row),
      strays === 0 ? '0' : `**${strays}**`,
    ])
  })
  return [line([...head, 'effects', 'unhandled']), line(Array(8).fill('---')), ...lines].join('\n')
}

/** One line for each system: what a user notices most. @param {readonly Row[]} rows */
export function summaryTable(rows) {
  const cells = [...new Set(rows.map(({ cell }) => cell))]
  const names = [...new Set(rows.map(({ system }) => system.name))]
  const lines = names.map((name) => {
    const own = rows.filter(({ system }) => system.name === name)
    return line([name, ...cells.map((cell) => summary(own.find((row) => row.cell === cell)))])
  })
  const head = ['', ...cells.map(({ kind, lengthMs }) => `${kind.name}, ${lengthMs / 1_000} s`)]
  return [line(head), line(head.map(() => '---')), ...lines].join('\n')
}

/** @param {Row | undefined} row */
function summary(row) {
  if (row === undefined) return ''
  const { system, figures } = row
  const { lastJobMs, unsettled, twice, expired, lost, stuck } = figures
  const parts = {
    queue: [figures.callsAgainMs, figures.jobsAgainMs],
    lock: [figures.callsAgainMs],
    limiter: [figures.storedAgainMs ?? figures.callsAgainMs],
  }[system.kind]
  const worst = parts.includes(null) ? null : Math.max(...parts.map((ms) => ms ?? 0))
  return [
    orElse(worst, 'never'),
    ...(answersAlone(row) ? [`**${MEMORY}**`] : []),
    ...(lastJobMs > LATE_JOB_MS ? [`last job ${duration(lastJobMs)}`] : []),
    ...counted(unsettled, 'hang'),
    ...counted(twice, 'twice'),
    ...counted(lost + stuck, 'not done'),
    ...counted(expired, 'expired'),
  ].join(', ')
}

/** @param {readonly System[]} systems */
export function settingsList(systems) {
  return systems
    .map((system) => `- **${system.name}** ${versionOf(system)}: ${system.settings}.`)
    .join('\n')
}

/** All of it. @param {readonly Row[]} rows */
export function report(rows) {
  const cells = [...new Set(rows.map(({ cell }) => cell))]
  const sections = cells.map((cell) => {
    // What follows is about other topologies.
    const [about] = cell.kind.about.split(';')
    const title = `### ${cell.kind.name}, ${cell.lengthMs / 1_000} s: ${about}`
    return `${title}\n\n${cellTable(rows.filter((row) => row.cell === cell))}`
  })
  return [summaryTable(rows), ...sections].join('\n\n')
}
