import { type BigKey, findBigKeys, preflight, scanKeys } from '../redis/index.ts'
import { barChart, bytesInWords, countInWords } from './bar-chart.ts'
import type { CallTexts } from './call.ts'
import { EXIT } from './exit-codes.ts'
import { readChoice, readCount } from './flags.ts'
import type { KeysCall } from './keys-call.ts'
import { ageInWords } from './messages.ts'

const SOURCES = ['primaries', 'replicas'] as const

export interface ScanTexts extends CallTexts {
  type?: string
  from: string
  pace?: string
  limit?: string
  resume?: string
}

/** `sluice keys scan` */
export async function listKeys(call: KeysCall, pattern: string | undefined, texts: ScanTexts) {
  const { type, resume } = texts
  const limit = texts.limit === undefined ? Infinity : readCount('--limit', texts.limit, 1, 1e9)
  const scan = scanKeys(call.redis, {
    ...commonOf(pattern, texts),
    ...(type === undefined ? {} : { type }),
    ...(resume === undefined ? {} : { resume }),
    signal: call.signal,
  })
  let told = 0
  const tellRest = () => {
    const text = `to go on from there: --resume ${scan.resume}`
    call.messages.say('interrupted', { told, resume: scan.resume }, text)
  }
  try {
    for await (const key of scan) {
      call.print({ key }, key)
      if (++told === limit) break
    }
  } catch (error) {
    if (told > 0) tellRest()
    throw error
  }
  if (told === limit) tellRest()
  const { unreadable } = scan.progress
  if (unreadable > 0) {
    const text = `${unreadable} names are no UTF-8, and not shown`
    call.messages.say('unreadable', { unreadable }, text)
  }
  return 0
}

export interface BigTexts extends CallTexts {
  by: string
  top: string
  type?: string
  from: string
  pace?: string
  separator?: string
}

/** `sluice keys big` */
export async function showBigKeys(call: KeysCall, pattern: string | undefined, texts: BigTexts) {
  const { type, separator } = texts
  const { bar, print, columns } = call
  const report = await findBigKeys(call.redis, {
    ...commonOf(pattern, texts),
    by: readChoice('--by', texts.by, ['memory', 'elements']),
    top: readCount('--top', texts.top, 1, 1_000),
    ...(type === undefined ? {} : { types: type.split(',') }),
    ...(separator === undefined ? {} : { separator }),
    signal: call.signal,
    onProgress: ({ visited, total, keys, biggest }) =>
      bar.show(visited, total, `${countInWords(keys)} keys  ${biggest?.key ?? ''}`),
  })
  bar.clear()
  if (call.isJson) {
    print(report, '')
    return 0
  }
  const { unit, biggest, types, prefixes, elapsedMs } = report
  const inWords = (size: number) => (unit === 'bytes' ? bytesInWords(size) : countInWords(size))
  const show = (heading: string, lines: readonly string[]) => {
    if (lines.length === 0) return
    print({}, heading)
    for (const line of lines) print({}, line)
    print({}, '')
  }
  const rowOf = ({ key, size, ...rest }: BigKey) => ({
    ...{ size, amount: inWords(size), name: key },
    words: [rest.type, rest.expiresInMs === null ? 'never expires' : ageInWords(rest.expiresInMs)],
  })
  const sumOf = (name: string, { keys, size }: { keys: number; size: number }) => ({
    ...{ size, amount: inWords(size), name },
    words: [`${countInWords(keys)} keys`],
  })
  show('The biggest keys', barChart(biggest.map(rowOf), columns))
  show(
    'By type',
    barChart(
      types.map((one) => sumOf(one.type, one)),
      columns,
    ),
  )
  const beginnings = prefixes
    .slice(0, biggest.length)
    .map((one) => sumOf(one.prefix || '(none)', one))
  show('By the beginning of names', barChart(beginnings, columns))
  const whole = `${countInWords(report.keys)} keys, ${inWords(report.size)}`
  print({}, `${whole}, in ${ageInWords(elapsedMs)}`)
  return 0
}

/** `sluice keys preflight` */
export async function showPreflight(call: KeysCall) {
  const report = await preflight(call.redis)
  if (call.isJson) call.print(report, '')
  else {
    for (const { level, about, why, change, places } of report.findings) {
      call.print({}, `${level}: ${about} at ${places.join(', ')}: ${why}`)
      if (change !== null) call.print({}, `  ${change}`)
    }
    if (report.findings.length === 0) call.print({}, 'nothing to change')
  }
  return report.ok ? 0 : EXIT.no
}

const commonOf = (match: string | undefined, { from, pace }: { from: string; pace?: string }) => ({
  ...(match === undefined ? {} : { match }),
  from: readChoice('--from', from, SOURCES),
  ...(pace === undefined ? {} : { pace: readCount('--pace', pace, 1, 1e9) }),
})
