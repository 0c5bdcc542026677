// @ts-check
// Which parts of fragments a script gets, and where: the server makes every function anew with each
// call, and a short script of long fragments costs three times as much alone.
import { declaredNames, usedNames, withoutText } from './refuse.js'

const MARK = /^( *)-- RARELY/
/** A block in one line. */
const MARKED_LINE = /^( *)(if .* then) (.*) end -- RARELY.*$/gm
const indentOf = (/** @type {string} */ line) => /^ */.exec(line)?.[0].length ?? 0

/** @typedef {{ text: string, names: string[], usual: string }} Part */

/**
 * The function for one item, after the parts of fragments that it uses. What is used only between a line `-- RARELY` and
 * the end of its block, or within a line that ends so, is made there, in the script as in its fragments: it costs nothing
 * until it comes to that.
 *
 * @param {string} body @param {string[]} inputs
 * @param {string} fragments whose parts begin with `local` at the start of a line
 * @param {string} place
 */
export function functionOf(body, inputs, fragments, place) {
  const all = inLines(fragments)
    .split(/^(?=local )/m)
    .map(partOf)
  const work = inLines(body)
  const first = reachable(all, usualOf(work))
  const one = `local function one(${inputs.join(', ')})\n${work}\nend`
  for (const host of [one, ...all.map(({ text }) => text)]) refuseShadows(place, host, all)
  return [...first.map(({ text }) => text), one].map((text) => nested(text, all, first)).join('\n')
}

/** @param {string} lua */
const inLines = (lua) => lua.replaceAll(MARKED_LINE, '$1$2\n$1  -- RARELY\n$1  $3\n$1end')

/** @param {string} text @returns {Part} */
const partOf = (text) => ({ text, usual: usualOf(text), names: namesOf(text) })

/**
 * A part that is made within a function sees what that function has made: it must not have names of parts.
 * @param {string} place @param {string} host @param {Part[]} all
 */
function refuseShadows(place, host, all) {
  if (usualOf(host) === host) return
  const own = namesOf(host)
  const declared = declaredNames(withoutText(host))
  for (const name of all.flatMap(({ names }) => names)) {
    if (!declared.has(name) || own.includes(name)) continue
    throw new Error(`${place}: ${name} is the name of a part, which is made behind RARELY`)
  }
}

/** What a part of a fragment defines. @param {string} text */
function namesOf(text) {
  const [, name] = /^local function (\w+)/.exec(text) ?? []
  if (name !== undefined) return [name]
  const [, list = ''] = /^local ([\w, ]+)/.exec(text) ?? []
  return list.split(',').map((one) => one.trim())
}

/**
 * The lines of a text, and each of its rare blocks as one.
 * @param {string} text @returns {{ text: string, isRare: boolean }[]}
 */
function blocksOf(text) {
  const lines = text.split('\n')
  /** @type {{ text: string, isRare: boolean }[]} */
  const blocks = []
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const mark = MARK.exec(line)
    if (!mark) {
      blocks.push({ text: line, isRare: false })
      continue
    }
    const indent = mark[1]?.length ?? 0
    const inside = lines.slice(at + 1)
    const end = inside.findIndex((other) => other.trim() !== '' && indentOf(other) < indent)
    const block = end < 0 ? inside : inside.slice(0, end)
    blocks.push({ text: block.join('\n'), isRare: true })
    at += block.length
  }
  return blocks
}

/** What is left of a text without its rare blocks. @param {string} text */
const usualOf = (text) =>
  blocksOf(text)
    .filter(({ isRare }) => !isRare)
    .map((block) => block.text)
    .join('\n')

/**
 * A text with the parts that only its rare blocks use inside of these.
 * @param {string} text @param {Part[]} all @param {Part[]} visible @returns {string}
 */
function nested(text, all, visible) {
  return blocksOf(text)
    .map((block) => {
      if (!block.isRare) return block.text
      const more = reachable(all, usualOf(block.text)).filter((part) => !visible.includes(part))
      const inside = [...visible, ...more]
      const parts = more.map((part) => nested(part.text, all, inside))
      return [...parts, nested(block.text, all, inside)].join('\n')
    })
    .join('\n')
}

/** What a text uses of the parts, directly or not. @param {Part[]} parts @param {string} text */
function reachable(parts, text) {
  const wanted = usedNames(text)
  const kept = new Set()
  for (let before = -1; before < kept.size; ) {
    before = kept.size
    for (const part of parts) {
      if (!part.names.some((name) => wanted.has(name))) continue
      kept.add(part)
      for (const name of usedNames(part.usual)) wanted.add(name)
    }
  }
  return parts.filter((part) => kept.has(part))
}
