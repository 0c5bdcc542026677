// @ts-check
// Turns one .lua file, written for a single item, into a script that serves any number of them.
import { createHash } from 'node:crypto'
import { parseHeader } from './header.js'
import { functionOf } from './parts.js'
import { declaredNames, refuseMistakes, refuseUndeclaredReplies, withoutText } from './refuse.js'

/**
 * Microseconds as 16 digits, so that texts compare like numbers. In front of them, in `ARGV[1]`, is
 * the number of the call, which the reply repeats. `said_now` is empty without a clock of
 * tests.
 */
const CLOCK = `
local said_now = ARGV[2]
local now_text = said_now
if now_text == '' then
  local time = redis.call('TIME')
  now_text = time[1] .. string.sub('00000' .. time[2], -6)
  if #now_text < 16 then now_text = string.sub('0000000000' .. now_text, -16) end
end
local now_us = tonumber(now_text)
`
const CLOCK_NAMES = ['said_now', 'now_text', 'now_us']

/** What the engine says once a call, for all of its items. Scripts are told what they read. */
const FACT_NAMES = ['self', 'inbox', 'counted', 'floor']
const FACTS = `
local self = FACT_self
local inbox = FACT_inbox
local counted = tonumber(FACT_counted)
local floor = tonumber(FACT_floor)
`
/** In front of what the engine says: the number of the call, and the time. */
const FIRST_FACT = 3

/**
 * @param {string} name
 * @param {string} place
 * @param {string} text
 * @param {(name: string) => { brings: string[], body: string, place: string }} loadFragment
 */
export function compileScript(name, place, text, loadFragment) {
  const header = parseHeader(text, place)
  const given = [
    ...(header.uses.includes('clock') ? CLOCK_NAMES : []),
    ...(header.uses.includes('facts') ? FACT_NAMES : []),
  ]
  const shared = header.shares.map((kind) => `shared_${kind}`)
  const fragments = header.uses.filter((use) => use.includes('/')).map(loadFragment)
  const own = [...header.keys, ...header.args.map((argument) => argument.name)]
  const inputs = [...own, ...shared, ...header.once.map(({ name }) => name)]
  const brought = [...fragments.flatMap((fragment) => fragment.brings), ...given]
  refuseMistakes({ place, body: header.body, inputs, keys: [...header.keys, ...shared], brought })
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
  const parts = [CLOCK, FACTS, ...fragments.map((fragment) => fragment.body)].join('\n')
  const work = functionOf(header.body, own, parts, place)
  const facts = FACT_NAMES.filter((fact) => work.includes(`FACT_${fact}`))
  const firstOnce = FIRST_FACT + facts.length
  const firstItem = firstOnce + header.once.length
  const body = minify(
    [
      ...shared.map((name) => `local ${name} = KEYS[#KEYS]`),
      ...header.once.map(({ name: once, type }, index) => {
        return `local ${once} = ${readText(type, `ARGV[${firstOnce + index}]`)}`
      }),
      work.replaceAll(/FACT_(\w+)/g, (_, fact) => `ARGV[${FIRST_FACT + facts.indexOf(fact)}]`),
      loopOverItems(header, firstItem),
    ].join('\n'),
  )
  const sha1 = createHash('sha1').update(body).digest('hex')
  return { name, header, facts, body, sha1 }
}

/**
 * One item that fails, a key of the wrong type say, must not take the others of its tick with it:
 * every item runs under pcall and answers for itself. Answers that are all plain go as one text: as
 * elements of an array each costs the server and the client several times as much. Arguments that are
 * the same for all items are sent once: when there are no more, those that were read hold, and lists begin anew.
 * @param {import('./header.js').Header} header @param {number} firstItem
 */
function loopOverItems({ keys, hasKeyList, args, shares, plain, tellsNow }, firstItem) {
  const countText = shares.length === 0 ? '#KEYS' : '(#KEYS - 1)'
  const keyNames = hasKeyList
    ? keys
    : keys.map((_, index) => `KEYS[item * ${keys.length} + ${index + 1}]`)
  const hasLists = args.some(({ type }) => type === 'list')
  const reads = hasLists ? args.map(({ type }, index) => readArgument(type, `arg${index}`)) : []
  const texts = args.map(({ type }, index) =>
    readText(type, index === 0 ? 'ARGV[at]' : `ARGV[at + ${index}]`),
  )
  const hasArguments = hasKeyList || args.length > 0
  const isHeld = hasArguments && !hasKeyList && !hasLists
  const argNames = isHeld || hasLists ? args.map((_, index) => `arg${index}`) : texts
  const next = hasLists || args.length === 0 ? '' : `at = at + ${args.length}`
  const held = `if at <= #ARGV then
${argNames.join(', ')} = ${texts.join(', ')}
${next}
end`
  const anew = hasArguments ? `if at > #ARGV then at = ${firstItem} end` : ''
  const again = isHeld ? held : anew
  const loop = hasKeyList
    ? `local item, key_at = -1, 0
while key_at < #KEYS do
item = item + 1
${again}
${readKeys(keys[0] ?? '')}`
    : `for item = 0, ${countText} / ${keys.length} - 1 do
${again}`
  const front = tellsNow ? ['ARGV[1]', 'now_text'] : ['ARGV[1]']
  const ofFirst = [
    ...keys.map((_, index) => `KEYS[${index + 1}]`),
    ...args.map(({ type }, index) => readText(type, `ARGV[${firstItem + index}]`)),
  ]
  const isShort = plain.length > 0 && !hasKeyList && !hasLists
  return `
${isShort ? answerAlone(keys.length + shares.length, ofFirst, front) : ''}
${hasArguments ? `local at = ${firstItem}` : ''}
${isHeld ? `local ${argNames.join(', ')}` : ''}
local replies = { ${[...front, 'false'].join(', ')} }
${loop}
${reads.join('\n')}
local ok, reply = pcall(one, ${[...keyNames, ...argNames].join(', ')})
${isHeld ? '' : next}
if not ok then reply = ${FAILED} end
replies[item + ${tellsNow ? 3 : 2}] = reply
end
${plain.length > 0 ? IN_ONE_TEXT : ''}
return replies`
}

/** What an item that failed answers. */
const FAILED = `{ 'failed', type(reply) == 'table' and reply.err or tostring(reply) }`

/**
 * A lone item: a script that gives up a lock takes 13.7 us with this and 15.3 without, where each call finds the
 * processor's caches full of something else, as it does on a server with little to do.
 * @param {number} keyCount @param {string[]} given @param {string[]} front
 */
const answerAlone = (keyCount, given, front) => `if #KEYS == ${keyCount} then
local ok, reply = pcall(one, ${given.join(', ')})
if not ok then reply = ${FAILED} end
if type(reply) ~= 'table' then return ${[...front, 'reply'].join(" .. ' ' .. ")} end
return { ${[...front, 'reply'].join(', ')} }
end`

/** What is no text or number cannot be joined: to ask each answer what it is would take longer. */
const IN_ONE_TEXT = `local is_plain, text = pcall(table.concat, replies, ' ')
if is_plain then return text end`

/** How many keys an item has is said before its arguments. @param {string} local */
const readKeys = (local) => `local ${local} = {}
for i = 1, tonumber(ARGV[at]) do ${local}[i] = KEYS[key_at + i] end
key_at, at = key_at + #${local}, at + 1`

/** @param {string} type @param {string} local */
function readArgument(type, local) {
  if (type === 'list') {
    return `local ${local} = {}
local ${local}_size = tonumber(ARGV[at])
for i = 1, ${local}_size do ${local}[i] = ARGV[at + i] end
at = at + 1 + ${local}_size`
  }
  return `local ${local} = ${readText(type, 'ARGV[at]')}
at = at + 1`
}

/** @param {string} type @param {string} text */
const readText = (type, text) =>
  type === 'string' || type === 'digits' ? text : `tonumber(${text})`

/** Looked up by every call of them otherwise: a tenth of the time of a short script. */
const LOCALS = [
  ...['math.ceil', 'math.floor', 'math.max', 'math.min', 'redis.call'],
  ...['string.byte', 'string.find', 'string.format', 'string.sub'],
]

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
  }, writeNumbers(plain))
}

/**
 * The server prints each number that a command gets, which takes longer than many a command does: those that are
 * written out in the script go as text.
 * @param {string} lua
 */
function writeNumbers(lua) {
  const [before = '', ...calls] = lua.split(/(?<=redis\.p?call\()/)
  return before + calls.map(writeNumbersOf).join('')
}

/** @param {string} text begins with what a command gets, and goes on behind it */
function writeNumbersOf(text) {
  const words = text.match(/'[^'\n]*'|"[^"\n]*"|-?\d+|[\w.]+|\s+|./g) ?? []
  let depth = 1
  for (let at = 0; depth > 0 && at < words.length; at++) {
    const word = words[at] ?? ''
    if ('([{'.includes(word)) depth++
    else if (')]}'.includes(word)) depth--
    else if (depth === 1 && /^-?\d+$/.test(word) && isWhole(words, at)) words[at] = `'${word}'`
  }
  return words.join('')
}

/** Whether a word is all of an argument. @param {string[]} words @param {number} at */
const isWhole = (words, at) =>
  /,\s*$/.test(words.slice(0, at).slice(-2).join('')) &&
  /^\s*[,)]/.test(words.slice(at + 1, at + 3).join(''))
