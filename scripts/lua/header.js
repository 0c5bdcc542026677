// @ts-check
// Reads the header of a .lua file: the comment lines that declare what goes in and what comes out.

/** @typedef {'string' | 'digits' | 'numeral' | 'integer' | 'number' | 'integer?' | 'strings' | 'integers'} FieldType */
/** @typedef {{ name: string, type: FieldType }} Field */
/** @typedef {{ name: string, type: FieldType | 'list', fields?: Field[] }} Argument */
/**
 * @typedef {object} Header
 * @property {string} summary
 * @property {string[]} keys
 * @property {boolean} hasKeyList whether the one name of `keys` stands for any number of them
 * @property {string[]} shares kinds of keys that all items of a call share; at most one
 * @property {Argument[]} args
 * @property {Argument[]} once the same for all items of a call: items with others travel in another
 * @property {{ tag: string, fields: Field[] }[]} replies
 * @property {string[]} plain tags of the replies that are returned as their one field, without a table: a number, which is
 *   text where it may have more than 14 digits; of several fields, a text 'number,number'. They differ in how many they have
 * @property {boolean} tellsNow whether the answer to a call says the time by which it was judged
 * @property {'safe' | 'unsafe'} repeat
 * @property {string[]} uses
 * @property {string} body
 */

/**
 * `digits`: a whole number that the script gets as it was sent, as text. `numeral`: one of a reply that stays text, as it
 * may have more digits than a number keeps.
 */
const FIELD_TYPES = 'string digits numeral integer number integer? strings integers'.split(' ')
const NUMBERS = ['digits', 'numeral', 'integer', 'number']
const NAME = /^[a-z][a-z0-9_]*$/

/**
 * Splits a file into its leading comment block and its body.
 * @param {string} text @param {string} place
 */
export function splitHeader(text, place) {
  const lines = text.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('--'))
  if (end <= 0)
    throw new Error(`${place}: must open with a comment that declares keys, arguments and replies`)
  const header = lines.slice(0, end).map((line) => line.replace(/^--\s?/, ''))
  return { header, body: lines.slice(end).join('\n') }
}

/** @param {string} text @param {string} place @returns {Header} */
export function parseHeader(text, place) {
  const { header, body } = splitHeader(text, place)
  /** @type {Header} */
  const parsed = {
    summary: header[0] ?? '',
    keys: [],
    hasKeyList: false,
    shares: [],
    args: [],
    once: [],
    replies: [],
    plain: [],
    tellsNow: false,
    repeat: 'unsafe',
    uses: [],
    body,
  }
  let saysRepeat = false
  for (const line of header) {
    const [word, ...rest] = line.trim().split(/\s+/)
    if (word === 'KEYS') parsed.keys.push(readName(rest[0], place))
    if (word === 'KEYLIST') {
      parsed.keys.push(readName(rest[0], place))
      parsed.hasKeyList = true
    }
    if (word === 'SHARES') parsed.shares.push(readName(rest[0], place))
    if (word === 'ARGV') parsed.args.push(readArgument(rest, place))
    if (word === 'ONCE') parsed.once.push(readField(`${rest[0]}:${rest[1]}`, place))
    if (word === 'REPLY') parsed.replies.push(readReply(rest, place))
    if (word === 'PLAIN') parsed.plain.push(...rest)
    if (word === 'TELLS') parsed.tellsNow = readTold(rest[0], place)
    if (word === 'USE') parsed.uses.push(...rest)
    if (word === 'REPEAT') {
      saysRepeat = true
      parsed.repeat = rest[0] === 'safe' ? 'safe' : 'unsafe'
      if (rest[0] !== 'safe' && rest[0] !== 'unsafe')
        throw new Error(`${place}: REPEAT says safe or unsafe`)
    }
  }
  if (!saysRepeat)
    throw new Error(`${place}: REPEAT must say whether an unanswered call may be sent again`)
  if (parsed.keys.length === 0) throw new Error(`${place}: declares no KEYS`)
  if (parsed.hasKeyList && parsed.keys.length + parsed.shares.length > 1) {
    throw new Error(`${place}: KEYLIST is the only key, or none`)
  }
  if (parsed.shares.length > 1) throw new Error(`${place}: SHARES names more than one key`)
  if (parsed.replies.length === 0) throw new Error(`${place}: declares no REPLY`)
  refuseUnfitPlain(parsed, place)
  refuseDoubles(
    [...parsed.keys, ...[...parsed.args, ...parsed.once].map(({ name }) => name)],
    place,
  )
  return parsed
}

/**
 * A fragment is shared Lua: `BRINGS` names the locals that it defines.
 * @param {string} text @param {string} place
 */
export function parseFragment(text, place) {
  const { header, body } = splitHeader(text, place)
  const line = header.find((candidate) => candidate.startsWith('BRINGS '))
  if (!line) throw new Error(`${place}: a fragment must say what it BRINGS`)
  return { brings: line.trim().split(/\s+/).slice(1), body, place }
}

/** @param {string | undefined} name @param {string} place */
function readName(name, place) {
  if (!name || !NAME.test(name)) throw new Error(`${place}: ${name} is no name in snake_case`)
  return name
}

/** @param {string[]} words @param {string} place @returns {Argument} */
function readArgument([name, type, ...rest], place) {
  if (type === 'list') {
    const fields = rest
      .filter((word) => /^[a-z_0-9]+:[a-z]/.test(word))
      .map((word) => readField(word, place))
    if (fields.length === 0) throw new Error(`${place}: list ${name} names no field:type`)
    return { name: readName(name, place), type, fields }
  }
  return readField(`${name}:${type}`, place)
}

/** @param {string[]} words @param {string} place */
function readReply([tag, ...rest], place) {
  return {
    tag: readName(tag, place),
    fields: rest.filter((word) => /^[a-z_0-9]+:/.test(word)).map((word) => readField(word, place)),
  }
}

/** @param {string} word `name:type` @param {string} place @returns {Field} */
function readField(word, place) {
  const [name, type] = word.split(':')
  if (!type || !FIELD_TYPES.includes(type)) {
    throw new Error(`${place}: ${name} has no type of ${FIELD_TYPES.join(', ')}`)
  }
  return { name: readName(name, place), type: /** @type {FieldType} */ (type) }
}

/** @param {string | undefined} word @param {string} place */
function readTold(word, place) {
  if (word !== 'now') throw new Error(`${place}: TELLS says now`)
  return true
}

/** @param {Header} header @param {string} place */
function refuseUnfitPlain({ plain, replies }, place) {
  const counts = plain.map((name) => {
    const fields = replies.find(({ tag }) => tag === name)?.fields ?? []
    if (fields.length === 0 || !fields.every(({ type }) => NUMBERS.includes(type))) {
      throw new Error(`${place}: PLAIN names replies of numbers, ${name} is none`)
    }
    return fields.length
  })
  if (new Set(counts).size < counts.length) {
    throw new Error(`${place}: of the replies that are PLAIN no two have as many numbers`)
  }
}

/** @param {string[]} names @param {string} place */
function refuseDoubles(names, place) {
  const double = names.find((name, index) => names.indexOf(name) !== index)
  if (double) throw new Error(`${place}: ${double} is declared twice`)
}
