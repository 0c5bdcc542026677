// What may not be written: names that say nothing, tests that do not run, types that check nothing.
import path from 'node:path'
import ts from 'typescript'
import { type Finding, findMatches, isCode, isTest, type Rule, type TextFile } from './rule.ts'

const emptyNames = /^(utils?|helpers?|common|managers?)$/i

export const namesSaySomething: Rule = {
  title: 'no folder or file is called utils, helpers, common or manager',
  check(file) {
    const words = file.path.split(/[/.-]/)
    const empty = words.find((word) => emptyNames.test(word))
    return empty === undefined ? [] : [{ path: file.path, line: 1, message: `is called ${empty}` }]
  },
  bad: [
    { path: 'src/utils/time.ts', text: '' },
    { path: 'src/lock/helpers.ts', text: '' },
    { path: 'src/lock-manager.ts', text: '' },
    { path: 'test/common.test.ts', text: '' },
  ],
  good: [{ path: 'src/lock/uncommon-managerial.ts', text: '' }],
}

const isInTests = (file: TextFile) =>
  isCode(file) && (isTest(file) || file.path.startsWith('test/'))

export const allTestsRun: Rule = {
  title: 'no test runs alone',
  check: (file) => (isInTests(file) ? findMatches(file, /\.only\b/g, 'runs alone') : []),
  bad: [
    { path: 'test/a.test.ts', text: `test.only('a', () => {})` },
    { path: 'src/a.contract.ts', text: `describe.only.each([1])('a', () => {})` },
  ],
  good: [{ path: 'src/a.test.ts', text: `test('only one', () => {})` }],
}

function hasReason(file: TextFile, line: number): boolean {
  const lines = file.text.split('\n')
  const before = lines[line - 2]?.trim() ?? ''
  return (
    /[(){},;]\s+\/\/ \S/.test(lines[line - 1] ?? '') || /^(\/\/ \S|\*\/|\/\*.*\*\/$)/.test(before)
  )
}

export const skipsHaveReasons: Rule = {
  title: 'a skipped test says why, in a comment beside or above it',
  check(file) {
    if (!isInTests(file)) return []
    const skips = findMatches(file, /\.(skip|todo|skipIf|runIf)\(/g, 'has no reason beside it')
    return skips.filter(({ line }) => !hasReason(file, line))
  },
  bad: [
    { path: 'test/a.test.ts', text: `test('b', () => {})\ntest.skip('a', () => {})` },
    { path: 'test/a.test.ts', text: `test.todo('a')` },
    { path: 'src/a.contract.ts', text: `test.skipIf(slow)('a // b', () => {})` },
  ],
  good: [
    { path: 'test/a.test.ts', text: `// it has no clock\ntest.skip('a', () => {})` },
    { path: 'test/a.test.ts', text: `test.todo('a') // comes with clusters` },
  ],
}

export const noDefaultExports: Rule = {
  title: 'nothing is exported by default',
  check: (file) =>
    isCode(file) ? findMatches(file, /^export default\b|\bas default\b/gm, 'is a default') : [],
  bad: [
    { path: 'a.ts', text: `export default 1` },
    { path: 'a.js', text: `export { a as default }` },
  ],
  good: [{ path: 'a.ts', text: `export const byDefault = 1` }],
}

export const noOpenEnds: Rule = {
  title: 'nothing is left to do in a comment',
  check: (file) => findMatches(file, /\b(?:TODO|FIXME)\b/g, 'is left open'),
  bad: [
    { path: 'a.ts', text: `// TODO: later` },
    { path: 'docs/a.md', text: `FIXME` },
  ],
  good: [{ path: 'a.ts', text: `const todos = 1` }],
}

function listAny(file: TextFile): Finding[] {
  if (!isCode(file)) return []
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true)
  const findings: Finding[] = []
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) {
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
      findings.push({ path: file.path, line, message: 'switches the type check off' })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return findings
}

export const noAny: Rule = {
  title: 'no type is any',
  check: listAny,
  bad: [
    { path: 'a.ts', text: `const a = b as any` },
    { path: 'a.ts', text: `function a(b: any) {}` },
    { path: 'a.ts', text: `type A = Record<string, any>` },
  ],
  good: [{ path: 'a.ts', text: `const any = 'as any' // : any` }],
}

// Homebrew's folder on Linux is the same for everybody.
const personalFolder =
  /(?<![\w.~-])(?:\/(?:home|Users|root)\/(?!linuxbrew\b)[\w.-]+|[A-Z]:\\Users\\)/g

function leadsOutside(file: TextFile): Finding[] {
  const paths = findMatches(file, /(?<![\w./])(?:\.\.\/)+[\w@-][\w./@-]*/g, 'leads out of here')
  return paths.filter(({ message }) => {
    const target = message.slice(message.lastIndexOf(' ') + 1)
    return path.posix.join(path.posix.dirname(file.path), target).startsWith('..')
  })
}

export const noPrivatePlaces: Rule = {
  title: 'no path leads to a place that only one machine has',
  check: (file) => [...findMatches(file, personalFolder, 'is private'), ...leadsOutside(file)],
  bad: [
    { path: 'docs/a.md', text: 'see /home/ada/notes.md' },
    { path: 'a.ts', text: `const log = '/Users/ada/log'` },
    { path: 'docs/a.md', text: 'see ../../notes/design.md' },
    { path: 'README.md', text: 'see ../notes/design.md' },
  ],
  good: [
    { path: 'docs/adr/a.md', text: 'see ../../src/lock/lock.ts and ../architecture.md' },
    { path: 'README.md', text: 'the ... of /home/' },
  ],
}

export const scriptsAreChecked: Rule = {
  title: 'plain JavaScript is type-checked',
  check(file) {
    const isScript = /^(scripts|bench|examples)\/.*\.js$/.test(file.path)
    if (!isScript || /^(#!.*\n)?\/\/ @ts-check\n/.test(file.text)) return []
    return [{ path: file.path, line: 1, message: 'does not begin with // @ts-check' }]
  },
  bad: [{ path: 'scripts/a.js', text: `import 'node:fs'\n` }],
  good: [{ path: 'scripts/a.js', text: `#!/usr/bin/env node\n// @ts-check\n` }],
}

export const noShellScripts: Rule = {
  title: 'no shell scripts',
  check: (file) =>
    file.path.endsWith('.sh') || /^#!.*\b(ba|da|z)?sh\b/.test(file.text)
      ? [{ path: file.path, line: 1, message: 'is a shell script' }]
      : [],
  bad: [
    { path: 'scripts/a.sh', text: '' },
    { path: 'scripts/a', text: '#!/usr/bin/env bash\n' },
  ],
  good: [{ path: 'scripts/a', text: '#!/usr/bin/env node\n' }],
}
