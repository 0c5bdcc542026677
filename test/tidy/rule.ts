// What a style rule is, and the files that rules look at.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export interface TextFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string
  readonly text: string
}

export interface Finding {
  readonly path: string
  readonly line: number
  readonly message: string
}

export interface Rule {
  /** Says what holds. An exception names its rule by it. */
  readonly title: string
  check(file: TextFile): Finding[]
  /** The rule must find something in each of these, and nothing in those below. */
  readonly bad: readonly TextFile[]
  readonly good: readonly TextFile[]
}

export interface Exception {
  readonly rule: string
  /** A file, or a folder with everything in it when it ends in a slash. */
  readonly path: string
  readonly reason: string
}

const leftOut = new Set(['node_modules', 'dist', 'package-lock.json'])
/** Other hidden folders are those of editors and tools: nobody's code. */
const hiddenFolders = new Set(['.ci', '.github'])
const notText = /\.(png|jpg|gif|ico|woff2|db|tgz|tsbuildinfo)$/

export function readFiles(root: string, folder = ''): TextFile[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const name = path.posix.join(folder, entry.name)
    if (leftOut.has(entry.name) || notText.test(entry.name)) return []
    if (entry.isDirectory()) {
      const isForeign = entry.name.startsWith('.') && !hiddenFolders.has(entry.name)
      return isForeign ? [] : readFiles(root, name)
    }
    return entry.isFile() ? [{ path: name, text: readFileSync(path.join(root, name), 'utf8') }] : []
  })
}

export const isTest = (file: TextFile) => /\.(test|contract)\.ts$/.test(file.path)
export const isGenerated = (file: TextFile) => file.path.endsWith('.gen.ts')
export const isCode = (file: TextFile) => /\.(ts|js)$/.test(file.path) && !isGenerated(file)

export function lineAt(text: string, position: number): number {
  return text.slice(0, position).split('\n').length
}

/** One finding for each match of a global pattern. */
export function findMatches(file: TextFile, pattern: RegExp, message: string): Finding[] {
  return [...file.text.matchAll(pattern)].map((match) => ({
    path: file.path,
    line: lineAt(file.text, match.index),
    message: `${message}: ${match[0].trim()}`,
  }))
}

export const describeFinding = ({ path, line, message }: Finding) => `${path}:${line} ${message}`

export function isExcepted(exception: Exception, rule: Rule, at: string): boolean {
  if (exception.rule !== rule.title) return false
  return exception.path.endsWith('/') ? at.startsWith(exception.path) : at === exception.path
}
