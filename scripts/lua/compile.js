// @ts-check
// Turns one .lua file, written for a single item, into a script that serves any number of them.
import { createHash } from 'node:crypto'
import { parseHeader } from './header.js'
import {
  declaredNames,
  refuseMistakes,
  refuseUndeclaredReplies,
  usedNames,
  withoutText,
} from './refuse.js'

/** The number of the call, which the reply repeats, is `ARGV[1]`. */
const CLOCK = `
local now_us = tonumber(ARGV[2])
if not now_us then
  local time = redis.call('TIME')
  now_us = time[1] * 1000000 + time[2]
end`

/** What the engine says once a call, for all of its items. */
const FACT_NAMES = ['self', 'inbox', 'counted', 'floor']
const FACTS = `
local self, inbox = ARGV[3], ARGV[4]
local counted, floor = tonumber(ARGV[5]), tonumber(ARGV[6])`

/**
 * @param {string} name
 * @param {string} place
 * @param {string} text
 * @param {(name: string) => { brings: string[], body: string, place: string }} loadFragment
 */
export function compileScript(name, place, text, loadFragment) {
  const header = parseHeader(text, place)
  const given = [
    ...(header.uses.includes('clock') ? ['now_us'] : []),
    ...(header.uses.includes('facts') ? FACT_NAMES : []),
  ]
  const fragments = header.uses.filter((use) => use.includes('/')).map(loadFragment)
  const inputs = [...header.keys, ...header.args.map((argument) => argument.name)]
  const brought = [...fragments.flatMap((fragment) => fragment.brings), ...given]
  refuseMistakes({ place, body: header.body, inputs, keys: header.keys, brought })
  refuseUndeclaredReplies(place, header)
  for (const [index, fragment] of fragments.entries()) {
    const earlier = fragments.slice(0, index).flatMap((other) => other.brings)
    const local = [...declaredNames(withoutText(fragment.body))]
    refuseMistakes({
      place: fragment.place,
      body: fragment.body,
      inputs: [],
      keys: local,
      brought: [...earlier, ...given],
    })
  }
  const body = minify(
    [
      CLOCK,
      header.uses.includes('facts') ? FACTS : '',
      ...onlyUsed(fragments.map((fragment) => fragment.body).join('\n'), header.body),
      `local function one(${inputs.join(', ')})`,
      header.body,
      'end',
      loopOverItems(header),
    ].join('\n'),
  )
  const sha1 = createHash('sha1').update(body).digest('hex')
  return { name, header, body, sha1 }
}

/**
 * One item that fails, a key of the wrong type say, must not take the others of its tick with it:
 * every item runs under pcall and answers for itself.
 * @param {import('./header.js').Header} header
 */
function loopOverItems({ keys, args, uses }) {
  const before = uses.includes('facts') ? 2 + FACT_NAMES.length : 2
  const keyNames = keys.map((_, index) => `KEYS[item * ${keys.length} + ${index + 1}]`)
  const reads = args.map((argument, index) => readArgument(argument.type, `arg${index}`))
  const argNames = args.map((_, index) => `arg${index}`)
  return `
local at, replies = ${before + 1}, { ARGV[1] }
for item = 0, #KEYS / ${keys.length} - 1 do
${reads.join('\n')}
local ok, reply = pcall(one, ${[...keyNames, ...argNames].join(', ')})
if not ok then
reply = { 'failed', type(reply) == 'table' and reply.err or tostring(reply) }
end
replies[item + 2] = reply
end
return replies`
}

/** @param {string} type @param {string} local */
function readArgument(type, local) {
  if (type === 'list') {
    return `local ${local} = {}
local ${local}_size = tonumber(ARGV[at])
for i = 1, ${local}_size do ${local}[i] = ARGV[at + i] end
at = at + 1 + ${local}_size`
  }
  const value = type === 'string' ? 'ARGV[at]' : 'tonumber(ARGV[at])'
  return `local ${local} = ${value}
at = at + 1`
}

/**
 * What the script uses of its fragments, directly or not: the server makes every function anew with
 * each call, and a short script of long fragments costs three times as much alone.
 *
 * @param {string} fragments whose parts begin with `local` at the start of a line
 * @param {string} body
 */
function onlyUsed(fragments, body) {
  const parts = fragments.split(/^(?=local )/m).map((text) => ({ text, names: namesOf(text) }))
  const wanted = usedNames(body)
  const kept = new Set()
  for (let before = -1; before < kept.size; ) {
    before = kept.size
    for (const part of parts) {
      if (!part.names.some((name) => wanted.has(name))) continue
      kept.add(part)
      for (const name of usedNames(part.text)) wanted.add(name)
    }
  }
  return parts.filter((part) => kept.has(part)).map(({ text }) => text)
}

/** What a part of a fragment defines. @param {string} text */
function namesOf(text) {
  const [, name] = /^local function (\w+)/.exec(text) ?? []
  if (name !== undefined) return [name]
  const [, list = ''] = /^local ([\w, ]+)/.exec(text) ?? []
  return list.split(',').map((one) => one.trim())
}

/** Looked up by every call of them otherwise: a tenth of the time of a short script. */
const LOCALS = ['redis.call', 'string.byte', 'string.find', 'string.format', 'string.sub']

/** Comments and indentation are for readers; the server gets neither. @param {string} lua */
function minify(lua) {
  const plain = lua
    .split('\n')
    .map((line) => line.replace(/--[^'"]*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('--'))
    .join('\n')
  const used = LOCALS.filter((name) => plain.includes(`${name}(`))
  return used.reduce((text, name) => {
    const local = name.replace('.', '_')
    return `local ${local} = ${name}\n${text.replaceAll(`${name}(`, `${local}(`)}`
  }, plain)
}
