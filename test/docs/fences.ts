// The TypeScript in the documentation: where it stands, and what it says that it prints.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

export interface Fence {
  /** The page, from the root of the repository. */
  readonly page: string
  /** Of the first line of code, counted from 1. */
  readonly line: number
  readonly code: string
  /** Marked as ```ts run. */
  readonly isRun: boolean
}

/** READMEs, `docs/` and the README of each capability. */
export function listPages(root: string): string[] {
  const docs = readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  const capabilities = readdirSync(path.join(root, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((folder) => listReadmes(root, `src/${folder.name}`))
  return [
    ...listReadmes(root, '.'),
    ...docs.map((file) => path.posix.join('docs', file)).filter((file) => file.endsWith('.md')),
    ...capabilities,
  ].sort()
}

function listReadmes(root: string, folder: string): string[] {
  const names = readdirSync(path.join(root, folder)).filter((name) => /^README.*\.md$/.test(name))
  return names.map((name) => path.posix.join(folder, name))
}

export function readFences(root: string): Fence[] {
  return listPages(root).flatMap((page) =>
    findFences(page, readFileSync(path.join(root, page), 'utf8')),
  )
}

export function findFences(page: string, text: string): Fence[] {
  return [...text.matchAll(/^```ts( run)?\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length + 1,
    code: match[2] ?? '',
    isRun: match[1] !== undefined,
  }))
}

/** What `// →` comments say that the code prints, in the order of the lines. */
export function expectedOutput(code: string): string[] {
  return [...code.matchAll(/\/\/ → (.*)$/gm)].map((match) => (match[1] ?? '').trimEnd())
}
