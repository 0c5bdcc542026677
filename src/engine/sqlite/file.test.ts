import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterEach, describe, expect, it } from 'vitest'
import { checkFile } from './file.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-file-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** As SQLite does in another process, while that one makes the store. */
async function comeAndGo(file: string): Promise<void> {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads')
     const { unlinkSync, writeFileSync } = require('node:fs')
     parentPort.postMessage('ready')
     for (;;) {
       writeFileSync(workerData, '')
       unlinkSync(workerData)
     }`,
    { eval: true, workerData: file },
  )
  cleanUps.push(() => worker.terminate())
  await new Promise((ready) => worker.once('message', ready))
}

describe('a look at the path', () => {
  it('takes a journal that comes and goes for what it is', async () => {
    const file = join(makeFolder(), 'store.db')
    await comeAndGo(`${file}-journal`)
    const answers = new Set<boolean>()
    for (let count = 0; count < 20_000; count += 1) answers.add(checkFile(file))
    expect([...answers]).toEqual([false])
  })
})
