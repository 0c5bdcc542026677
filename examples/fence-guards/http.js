// @ts-check
// A service that refuses what an old holder of a lock sends: the request says its fence in a header,
// and one below the highest that was written is answered with 412 Precondition Failed.
// Run it: node examples/fence-guards/http.js
import { fileURLToPath } from 'node:url'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createSluice } from 'sluice'

/**
 * Makes a handler of `write`, which answers false instead of writing if it meets a higher fence. It
 * must look and write in one step, as the statements of sql.js do: a look that is over before the
 * write begins lets another request in between.
 *
 * @param {(context: import('hono').Context, fence: number) => Promise<boolean>} write
 * @returns {(context: import('hono').Context) => Promise<Response>}
 */
export function fenced(write) {
  return async (context) => {
    const header = context.req.header('Fence')
    if (header === undefined) return refuse(428, 'Send the fence of your lease as header Fence.')
    const fence = /^\d+$/.test(header) ? Number(header) : Number.NaN
    if (!Number.isSafeInteger(fence)) return refuse(400, 'The header Fence must be a whole number.')
    if (await write(context, fence)) return context.body(null, 204)
    return refuse(412, 'A later holder of the lock has written. Stop: your lease is over.')
  }
}

const titles = { 400: 'Bad Request', 412: 'Precondition Failed', 428: 'Precondition Required' }

/** @param {keyof typeof titles} status @param {string} detail */
function refuse(status, detail) {
  const problem = { type: 'about:blank', title: titles[status], status, detail }
  const headers = { 'content-type': 'application/problem+json' }
  return new Response(JSON.stringify(problem), { status, headers })
}

/** Accounts in memory. What must survive a restart keeps the fence in the row, as sql.js does. */
export function createApp() {
  /** @type {Map<string, {balance: number, fence: number}>} */
  const accounts = new Map()
  const app = new Hono()
  const put = fenced(async (context, fence) => {
    const { balance } = await context.req.json()
    // Nothing is awaited from here on: looking and writing are one step.
    const id = context.req.param('id') ?? ''
    if ((accounts.get(id)?.fence ?? 0) > fence) return false
    accounts.set(id, { balance, fence })
    return true
  })
  app.put('/accounts/:id', put)
  app.get('/accounts/:id', (context) => context.json(accounts.get(context.req.param('id')) ?? null))
  return app
}

/**
 * Answers whether it was written: false if a later holder has written.
 *
 * @param {string} url @param {unknown} value @param {number} fence @param {AbortSignal} [signal]
 */
export async function putFenced(url, value, fence, signal) {
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json', Fence: String(fence) },
    body: JSON.stringify(value),
    ...(signal && { signal }),
  })
  if (response.status === 412) return false
  if (response.ok) return true
  throw new Error(`${url} answered ${response.status} ${response.statusText}`)
}

/** Two holders, one after the other, and the first one writes late. */
async function main() {
  const sluice = createSluice('memory:')
  /** @type {{port: number, close(): void}} */
  const server = await new Promise((resolve) => {
    const listening = serve({ fetch: createApp().fetch, hostname: '127.0.0.1', port: 0 }, (at) =>
      resolve({ port: at.port, close: () => listening.close() }),
    )
  })
  const url = `http://127.0.0.1:${server.port}/accounts/42`

  const first = await sluice.lock('account:42').acquire()
  console.log(`first holder writes: ${await putFenced(url, { balance: 100 }, first.fence)}`)
  await first.release() // in real life: its lease ends while it is frozen
  const second = await sluice.lock('account:42').acquire()
  console.log(`second holder writes: ${await putFenced(url, { balance: 70 }, second.fence)}`)
  console.log(`first holder writes late: ${await putFenced(url, { balance: 100 }, first.fence)}`)
  console.log(`second holder writes again: ${await putFenced(url, { balance: 50 }, second.fence)}`)
  await sluice.close()
  server.close()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main()
