// @ts-check
// What a script must not do. Each rule is a mistake that the server would only show at run time.

const KEYWORDS =
  'and break do else elseif end false for function if in local nil not or repeat return then true until while'
const GLOBALS =
  'redis string table math struct bit tonumber tostring type ipairs pairs unpack select error pcall next'
const KNOWN = new Set(`${KEYWORDS} ${GLOBALS}`.split(' '))
const KEYLESS = new Set(['TIME', 'PUBLISH'])

/**
 * Replaces strings and comments, so that names inside them do not count.
 * @param {string} lua
 */
export function withoutText(lua) {
  return lua.replace(/--[^\n]*/g, '').replace(/'[^'\n]*'|"[^"\n]*"/g, "''")
}

/** @param {string} lua @returns {Set<string>} names that the code itself declares */
export function declaredNames(lua) {
  const names = new Set()
  const add = (/** @type {string} */ list) => {
    for (const name of list.split(',')) names.add(name.trim())
  }
  for (const [, list] of lua.matchAll(/\blocal\s+(?!function)([\w\s,]+?)(?=\s*=|\s*\n|\s*;|$)/g))
    add(list ?? '')
  for (const [, list] of lua.matchAll(/\bfor\s+([\w\s,]+?)\s*(?:=|\bin\b)/g)) add(list ?? '')
  for (const [, name, list] of lua.matchAll(/\bfunction\s*(\w*)\s*\(([^)]*)\)/g)) {
    if (name) names.add(name)
    add(list ?? '')
  }
  return names
}

/** @param {string} lua @returns {Set<string>} every name that is read, fields and table keys left out */
export function usedNames(lua) {
  const plain = withoutText(lua)
  const names = new Set()
  for (const match of plain.matchAll(/[A-Za-z_]\w*/g)) {
    const before = plain.slice(0, match.index).trimEnd()
    const after = plain.slice((match.index ?? 0) + match[0].length).trimStart()
    if (/[^.]\.$|:$/.test(before)) continue
    if (/[{,]$/.test(before) && /^=[^=]/.test(after)) continue
    names.add(match[0])
  }
  return names
}

/**
 * @param {object} script
 * @param {string} script.place
 * @param {string} script.body
 * @param {string[]} script.inputs keys and arguments that the header declares
 * @param {string[]} script.keys
 * @param {string[]} script.brought names of fragments
 */
export function refuseMistakes({ place, body, inputs, keys, brought }) {
  const plain = withoutText(body)
  const used = usedNames(body)
  const local = declaredNames(plain)
  for (const name of inputs) {
    if (!used.has(name)) throw new Error(`${place}: ${name} is declared and never used`)
  }
  for (const name of used) {
    if (!KNOWN.has(name) && !local.has(name) && !inputs.includes(name) && !brought.includes(name)) {
      throw new Error(`${place}: ${name} is declared nowhere`)
    }
  }
  if (
    /\b[A-Za-z_]\w*\s*=\s*function|^\s*function\s+\w/m.test(plain) &&
    !/local\s+function|local\s+\w+\s*=\s*function/.test(plain)
  ) {
    throw new Error(`${place}: functions must be local`)
  }
  refuseForeignKeys(place, body, [...keys, ...local])
}

/** @param {string} place @param {string} body @param {string[]} names */
function refuseForeignKeys(place, body, names) {
  for (const [, command, key] of body.matchAll(
    /redis\.p?call\(\s*'([A-Z]+)'\s*(?:,\s*([^,)]+))?/g,
  )) {
    if (KEYLESS.has(command ?? '')) continue
    if (!key || !names.includes(key.trim().replace(/^unpack\(/, ''))) {
      throw new Error(
        `${place}: ${command} touches ${key?.trim() ?? 'no key'}, which is no declared key`,
      )
    }
  }
}

/** @param {string} place @param {import('./header.js').Header} header */
export function refuseUndeclaredReplies(place, { body, replies, plain }) {
  const returned = [...body.matchAll(/\breturn\s*\{\s*'(\w+)'/g)].map(([, tag]) => tag ?? '')
  for (const tag of returned) {
    if (!replies.some((reply) => reply.tag === tag))
      throw new Error(`${place}: reply ${tag} is not declared`)
  }
  for (const { tag } of replies) {
    if (!plain.includes(tag) && !returned.includes(tag))
      throw new Error(`${place}: reply ${tag} is declared and never returned`)
  }
}
