import { type DeleteOptions, type DeleteProgress, deleteKeys, drainKey } from '../redis/index.ts'
import { agree } from './agree.ts'
import { bytesInWords, countInWords } from './bar-chart.ts'
import type { CallTexts } from './call.ts'
import { readCount, readTime } from './flags.ts'
import type { KeysCall } from './keys-call.ts'
import { ageInWords, quote } from './messages.ts'

export interface RemoveTexts extends CallTexts {
  dryRun?: true
  yes?: true
  all?: true
  type?: string
  pace?: string
  maxBlock?: string
  resume?: string
}

/** `sluice keys rm` */
export async function removeKeys(call: KeysCall, pattern: string, texts: RemoveTexts) {
  const options = readRemoval(texts)
  const { signal, messages, bar, place } = call
  if (!options.dryRun) {
    await agree(texts, `delete all keys that match ${quote(pattern)} at ${place}`)
  }
  let last: DeleteProgress | undefined
  const report = await deleteKeys(call.redis, pattern, {
    ...options,
    signal,
    onProgress(progress) {
      last = progress
      const { visited, total, matched, deleted } = progress
      const done = options.dryRun ? matched : deleted
      bar.show(visited, total, `${countInWords(done)} ${options.dryRun ? 'found' : 'deleted'}`)
    },
  }).catch((error: unknown) => {
    bar.clear()
    if (last?.resume && last.deleted > 0) tellRest(call, last)
    throw error
  })
  bar.clear()
  const { matched, deleted, bytes, unreadable, elapsedMs, sample } = report
  const after = ageInWords(elapsedMs)
  if (report.dryRun) {
    for (const key of sample) messages.say('sample', { key }, `  ${quote(key)}`)
    const size = bytesInWords(bytes ?? 0)
    call.print(report, `${countInWords(matched)} keys, ${size}, would be deleted`)
  } else {
    call.print(report, `${countInWords(deleted)} keys deleted in ${after}`)
  }
  if (unreadable > 0) {
    const text = `${unreadable} keys were left: their names are no UTF-8`
    messages.say('unreadable', { unreadable }, text)
  }
  return 0
}

function tellRest({ messages }: KeysCall, { deleted, resume }: DeleteProgress): void {
  messages.alarm(
    'interrupted',
    { deleted, resume },
    `${countInWords(deleted)} keys were deleted. To go on from there: --resume ${resume}`,
  )
}

function readRemoval(texts: RemoveTexts): DeleteOptions {
  const { pace, maxBlock, type, resume } = texts
  return {
    dryRun: texts.dryRun ?? false,
    confirm: texts.all ?? false,
    ...(type === undefined ? {} : { type }),
    ...(resume === undefined ? {} : { resume }),
    ...(pace === undefined ? {} : { pace: readCount('--pace', pace, 1, 1e9) }),
    ...(maxBlock === undefined ? {} : { maxBlock: readTime('--max-block', maxBlock) }),
  }
}

export interface DrainTexts extends CallTexts {
  yes?: true
  maxBlock?: string
}

/** `sluice keys drain` */
export async function drain(call: KeysCall, key: string, texts: DrainTexts) {
  const { maxBlock } = texts
  const options = maxBlock === undefined ? {} : { maxBlock: readTime('--max-block', maxBlock) }
  await agree(texts, `delete ${quote(key)} at ${call.place}`)
  const report = await drainKey(call.redis, key, {
    ...options,
    signal: call.signal,
    onProgress: ({ removed, left }) =>
      call.bar.show(removed, removed + left, `${countInWords(left)} elements left`),
  })
  call.bar.clear()
  const { found, type, removed, elapsedMs } = report
  const text = found
    ? `${quote(key)} is gone: ${type}, ${countInWords(removed)} elements, in ${ageInWords(elapsedMs)}`
    : `there is no ${quote(key)}`
  call.print(report, text)
  return 0
}
