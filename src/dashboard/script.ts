/**
 * The script of the page. What it shows comes in as text and goes out as text nodes, never as
 * markup: names of queues, locks and keys are chosen by the users of those who read them.
 */
export const script = `'use strict'
const byId = (id) => document.getElementById(id)
let shownAtMs = 0
let ticking = []
let source = null
let pollTimer = 0

function element(tag, className, text) {
  const made = document.createElement(tag)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}

function cell(label, value, className) {
  const made = element('td', className, value === null ? '–' : String(value))
  made.dataset.label = label
  return made
}

function row(...cells) {
  const made = element('tr')
  made.append(...cells)
  return made
}

/** A cell whose text runs on between two looks at the engine. */
function tickingCell(label, textAfter) {
  const made = cell(label, textAfter(0), 'number')
  ticking.push((elapsedMs) => {
    made.textContent = textAfter(elapsedMs)
  })
  return made
}

function span(ms) {
  if (ms < 60000) return (Math.max(0, ms) / 1000).toFixed(1) + ' s'
  const minutes = Math.floor(ms / 60000)
  if (minutes < 60) return minutes + ' min ' + Math.floor((ms % 60000) / 1000) + ' s'
  return Math.floor(minutes / 60) + ' h ' + (minutes % 60) + ' min'
}

/** A cell with a number, and lines that say more of it. */
function cellWithLines(label, number, lines) {
  const made = cell(label, number, 'number')
  const all = element('div')
  all.append(made.textContent)
  for (const line of lines) all.append(element('span', 'line', line))
  made.replaceChildren(all)
  return made
}

/** How many jobs wait for a lock or a limit, and what most of them wait for. */
function parkedCell({ parked = 0, gates = [] }) {
  const lines = gates.map(({ gate, parked, inTheWay, waiting }) => {
    const parts = [parked + ' on ' + gate, inTheWay, waiting > 0 ? waiting + ' in line' : null]
    return parts.filter((part) => part !== null).join(', ')
  })
  return cellWithLines('Parked', parked, lines)
}

function queueRow(queue) {
  return row(
    cell('Queue', queue.name, 'name'),
    cell('Ready', queue.paused ? queue.ready + ', paused' : queue.ready, 'number'),
    cell('Timed', queue.timed, 'number'),
    parkedCell(queue),
    cell('In flight', queue.inFlight, 'number'),
    cell('Dead', queue.dead, queue.dead > 0 ? 'number bad' : 'number'),
  )
}

function lockRow(lock, takenAtMs) {
  const waiters = cellWithLines('Waiters', lock.waiterCount, lock.waiters)
  if (lock.holder === null) {
    const empty = ['Holder', 'Fence', 'Held for', 'Lease left'].map((label) => cell(label, null))
    return row(cell('Lock', lock.name, 'name'), ...empty, waiters)
  }
  const heldMs = takenAtMs - lock.sinceMs
  return row(
    cell('Lock', lock.name, 'name'),
    cell('Holder', lock.holder),
    cell('Fence', lock.fence, 'number'),
    tickingCell('Held for', (elapsedMs) => span(heldMs + elapsedMs)),
    tickingCell('Lease left', (elapsedMs) => span(lock.remainingMs - elapsedMs)),
    waiters,
  )
}

const limitRow = (limit) => row(cell('Limiter', limit.limiter, 'name'), cell('Key in use', limit.key))

function showSection(id, section, rowOf) {
  byId(id).replaceChildren(...section.rows.map(rowOf))
  byId(id).parentElement.hidden = section.rows.length === 0
  byId(id + '-empty').hidden = section.rows.length > 0
  const more = section.more ? ' shown, there are more' : ''
  byId(id + '-count').textContent = section.rows.length > 0 ? section.rows.length + more : ''
}

function showStatus(text, className) {
  byId('status').textContent = text
  byId('status').className = className
}

function show(overview) {
  ticking = []
  shownAtMs = performance.now()
  const kinds = { redis: 'Redis', sqlite: 'SQLite' }
  byId('engine').textContent = kinds[overview.engine.kind] + ' · ' + overview.engine.place
  showSection('queues', overview.queues, queueRow)
  showSection('locks', overview.locks, (lock) => lockRow(lock, overview.takenAtMs))
  showSection('limits', overview.limits, limitRow)
  showStatus('live', 'live')
}

function showTrouble(code) {
  showStatus('the engine does not answer, trying again' + (code ? ' (' + code + ')' : ''), 'trouble')
}

async function poll() {
  try {
    const response = await fetch('api/overview')
    const body = await response.json()
    if (response.ok) show(body)
    else showTrouble(body.error)
  } catch {
    showStatus('this page is cut off, trying again', 'trouble')
  }
  if (!document.hidden) pollTimer = setTimeout(poll, 3000)
}

function watch() {
  source = new EventSource('api/live')
  source.addEventListener('overview', (event) => show(JSON.parse(event.data)))
  source.addEventListener('trouble', (event) => showTrouble(JSON.parse(event.data).error))
  source.addEventListener('error', () => {
    showStatus('this page is cut off, trying again', 'trouble')
    // The browser reconnects by itself unless the stream was refused: then the page asks.
    if (source.readyState === EventSource.CLOSED) poll()
  })
}

function stop() {
  source.close()
  clearTimeout(pollTimer)
}

document.addEventListener('visibilitychange', () => (document.hidden ? stop() : watch()))
setInterval(() => {
  for (const tick of ticking) tick(performance.now() - shownAtMs)
}, 500)
watch()
`
