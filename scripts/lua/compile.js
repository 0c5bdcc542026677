// @ts-check
// Turns one .lua file, written for a single item, into a script that serves any number of them.
import { createHash } from 'node:crypto'
import { parseHeader } from './header.js'
import { declaredNames, refuseMistakes, refuseUndeclaredReplies, withoutText } from './refuse.js'

const CLOCK = `
local now_us = tonumber(ARGV[1])
if not now_us then
  local time = redis.call('TIME')
  now_us = time[1] * 1000000 + time[2]
end`

/**
 * @param {string} name
 * @param {string} place
 * @param {string} text
 * @param {(name: string) => { brings: string[], body: string, place: string }} loadFragment
 */
export function compileScript(name, place, text, loadFragment) {
  const header = parseHeader(text, place)
  const usesClock = header.uses.includes('clock')
  const fragments = header.uses.filter((use) => use.includes('/')).map(loadFragment)
  const inputs = [...header.keys, ...header.args.map((argument) => argument.name)]
  const brought = [
    ...fragments.flatMap((fragment) => fragment.brings),
    ...(usesClock ? ['now_us'] : []),
  ]
  refuseMistakes({ place, body: header.body, inputs, keys: header.keys, brought })
  refuseUndeclaredReplies(place, header.body, header.replies)
  for (const [index, fragment] of fragments.entries()) {
    const earlier = fragments.slice(0, index).flatMap((other) => other.brings)
    const local = [...declaredNames(withoutText(fragment.body))]
    refuseMistakes({
      place: fragment.place,
      body: fragment.body,
      inputs: [],
      keys: local,
      brought: [...earlier, 'now_us'],
    })
  }
  const body = minify(
    [
      CLOCK,
      ...fragments.map((fragment) => fragment.body),
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
function loopOverItems({ keys, args }) {
  const keyNames = keys.map((_, index) => `KEYS[item * ${keys.length} + ${index + 1}]`)
  const reads = args.map((argument, index) => readArgument(argument.type, `arg${index}`))
  const argNames = args.map((_, index) => `arg${index}`)
  return `
local at, replies = 2, {}
for item = 0, #KEYS / ${keys.length} - 1 do
${reads.join('\n')}
local ok, reply = pcall(one, ${[...keyNames, ...argNames].join(', ')})
if not ok then
reply = { 'failed', type(reply) == 'table' and reply.err or tostring(reply) }
end
replies[item + 1] = reply
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

/** Comments and indentation are for readers; the server gets neither. @param {string} lua */
function minify(lua) {
  return lua
    .split('\n')
    .map((line) => line.replace(/--[^'"]*$/, '').trim())
    .filter((line) => line !== '')
    .join('\n')
}
