// What ported.md says of tests is true: they are there, and none of those beside it is left out.
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const root = path.resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

interface Named {
  file: string
  title: string
}

/** The tests that a page names, as `file` › "title". */
const listNamed = (page: string): Named[] =>
  [...page.matchAll(/`((?:src|test)\/[^`]+)` › "([^"]+)"/g)].map(([, file = '', title = '']) => ({
    file,
    title,
  }))

/** The titles of the tests of a source: what `it` and `it.each` are told first. */
const listTitles = (source: string): string[] =>
  [...source.matchAll(/^(?!\s*describe).*?(?:\bit\(|\)\()\s*'([^'\n]+)',/gm)].map(
    ([, title = '']) => title,
  )

const readOrNothing = (file: string) => {
  try {
    return read(file)
  } catch {
    return ''
  }
}

const listMissing = (page: string) =>
  listNamed(page).filter(({ file, title }) => !listTitles(readOrNothing(file)).includes(title))

/** Rows of two columns that name no test on the right. */
const listEmptyRows = (page: string) =>
  page.split('\n').filter((line) => {
    const cells = line.split(' | ')
    const isRow = line.startsWith('| ') && cells.length === 2 && !/^\| (---|there) /.test(line)
    return isRow && listNamed(cells[1] ?? '').length === 0
  })

describe('the list of behaviours that others test', () => {
  const page = read('test/ported.md')

  it('names tests that there are, for every behaviour', () => {
    expect(listMissing(page)).toEqual([])
    expect(listEmptyRows(page)).toEqual([])
    expect(listNamed(page).length).toBeGreaterThan(50)
  })

  it('names every test that was written for it', () => {
    const files = readdirSync(path.join(root, 'test/ported')).filter((name) =>
      name.endsWith('.test.ts'),
    )
    const written = files.flatMap((name) =>
      listTitles(read(`test/ported/${name}`)).map((title) => ({
        file: `test/ported/${name}`,
        title,
      })),
    )
    const named = new Set(listNamed(page).map(({ file, title }) => `${file}: ${title}`))
    expect(written.filter(({ file, title }) => !named.has(`${file}: ${title}`))).toEqual([])
    expect(written.length).toBeGreaterThan(10)
  })

  it('is found wrong where a title, a file or a test is made up', () => {
    const file = 'test/ported.test.ts'
    const title = 'names every test that was written for it'
    expect(listMissing(`| a | \`${file}\` › "${title}" |`)).toEqual([])
    const wrong = [
      { file, title: 'names every test' },
      { file: 'test/nowhere.test.ts', title },
    ]
    for (const one of wrong) {
      expect(listMissing(`| a | \`${one.file}\` › "${one.title}" |`)).toEqual([one])
    }
    expect(listEmptyRows('| there | here |\n| --- | --- |\n| `a` | some test |')).toHaveLength(1)
  })
})
