// The style of the house, as rules that can fail. Each rule also fails on a small bad sample, so
// that none of them passes by looking at nothing.
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { filesAreShort, functionsAreShort, scriptsAreShort } from './tidy/budgets.ts'
import { exceptions } from './tidy/exceptions.ts'
import { listDrawnFolders } from './tidy/house.ts'
import { importsRunOneWay } from './tidy/imports.ts'
import { describeFinding, isExcepted, type Rule, readFiles } from './tidy/rule.ts'
import {
  allTestsRun,
  namesSaySomething,
  noAny,
  noDefaultExports,
  noOpenEnds,
  noPrivatePlaces,
  noShellScripts,
  scriptsAreChecked,
  skipsHaveReasons,
} from './tidy/words.ts'

const root = path.resolve(import.meta.dirname, '..')
const files = readFiles(root)
const rules: Rule[] = [
  importsRunOneWay,
  filesAreShort,
  functionsAreShort,
  scriptsAreShort,
  namesSaySomething,
  allTestsRun,
  skipsHaveReasons,
  noDefaultExports,
  noOpenEnds,
  noAny,
  noPrivatePlaces,
  scriptsAreChecked,
  noShellScripts,
]

for (const rule of rules) {
  describe(rule.title, () => {
    test('in every file', () => {
      const findings = files.flatMap((file) => rule.check(file))
      const unexpected = findings.filter(
        (finding) => !exceptions.some((exception) => isExcepted(exception, rule, finding.path)),
      )
      expect(unexpected.map(describeFinding)).toEqual([])
    })

    test('and the rule can fail', () => {
      for (const file of rule.bad) expect(rule.check(file), file.text).not.toEqual([])
      for (const file of rule.good) expect(rule.check(file), file.text).toEqual([])
    })
  })
}

for (const exception of exceptions) {
  test(`${exception.path} still needs its exception: ${exception.rule}`, () => {
    const rule = rules.find(({ title }) => title === exception.rule)
    if (rule === undefined) throw new Error(`there is no rule "${exception.rule}"`)
    expect(exception.reason).toMatch(/\w+ \w+/)
    const excepted = files.filter((file) => isExcepted(exception, rule, file.path))
    expect(excepted.flatMap((file) => rule.check(file))).not.toEqual([])
  })
}

test('no file knows where this clone lies', () => {
  // A clone in a folder such as /app would forbid a word that anyone may use.
  const isTellingPath = root.split(path.sep).length > 2
  const knowing = files.filter(({ text }) => isTellingPath && text.includes(`${root}${path.sep}`))
  expect(knowing.map(({ path }) => path)).toEqual([])
})

test('generated files are fresh', async () => {
  const check = promisify(execFile)(process.execPath, ['scripts/generate.js', '--check'], {
    cwd: root,
  })
  await expect(check).resolves.toBeDefined()
})

describe('the drawing of the house', () => {
  test('shows the folders of src', () => {
    const page = readFileSync(path.join(root, 'docs', 'architecture.md'), 'utf8')
    const folders = readdirSync(path.join(root, 'src'), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
    expect(listDrawnFolders(page)).toEqual(folders.sort())
  })

  test('is read from code blocks, where names begin a line', () => {
    const page =
      'a/ b\n```\nsrc/\n  lock/ queue/   two of them, not in redis/\n  index.ts\n  gate/\n```\nlimit/'
    expect(listDrawnFolders(page)).toEqual(['gate', 'lock', 'queue'])
  })
})
