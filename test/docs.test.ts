// The documentation against the code: examples compile and print what they say, and promises are
// the same words wherever they stand.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { compileFences, transpileFence } from './docs/compile.ts'
import { expectedOutput, type Fence, findFences, listPages, readFences } from './docs/fences.ts'
import { listPromises, listTitles } from './docs/promises.ts'

const root = path.resolve(import.meta.dirname, '..')
const fences = readFences(root)
const read = (file: string) => readFileSync(path.join(root, file), 'utf8')

/** `--input-type=module` makes the working folder the place from which `sluice` is resolved. */
async function runFence(fence: Fence): Promise<string[]> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=module', '--eval', transpileFence(fence)],
    { cwd: root, timeout: 30_000, env: { ...process.env, SLUICE_URL: 'memory:' } },
  )
  return stdout.split('\n').slice(0, -1)
}

const fenceOf = (code: string): Fence => ({ page: 'page.md', line: 10, code, isRun: true })

describe('examples', () => {
  // The compiler reads the whole package: some seconds, more beside other work.
  test('compile against the exports of the package, and errors tell page and line', {
    timeout: 60_000,
  }, () => {
    const bad = fenceOf(
      `import { createSluice } from 'sluice'\ncreateSluice('memory:').look('a')\n`,
    )
    expect(fences.length).toBeGreaterThan(0)
    // In one program, whose types are read once.
    expect(compileFences(root, [...fences, bad])).toEqual([
      expect.stringContaining("page.md:11 Property 'look' does not exist on type 'Sluice'"),
    ])
  })

  const runnable = fences
    .filter(({ isRun }) => isRun)
    .map((fence) => [`${fence.page}:${fence.line}`, fence] as const)
  test.concurrent.for(runnable)('%s prints what it says', async ([, fence], context) => {
    const expected = expectedOutput(fence.code)
    context.expect(expected).not.toEqual([])
    context.expect(await runFence(fence)).toEqual(expected)
  })

  test('that print something else are noticed', async () => {
    const lock = `import { createSluice } from 'sluice'\nconst sluice = createSluice('memory:')\n`
    const code = `${lock}console.log(sluice.lock('a').name) // → b\nawait sluice.close()\n`
    expect(await runFence(fenceOf(code))).toEqual(['a'])
    expect(expectedOutput(code)).toEqual(['b'])
  })

  test('are found where fences begin a line', () => {
    const page = 'a\n```ts run\nx()\n```\n```js\ny()\n```\n```ts\nz()\n```\n'
    expect(findFences('p.md', page)).toEqual([
      { page: 'p.md', line: 3, code: 'x()\n', isRun: true },
      { page: 'p.md', line: 9, code: 'z()\n', isRun: false },
    ])
  })
})

describe('promises', () => {
  /** What stores share, in the gate, is promised by each of them. */
  const capabilities = readdirSync(path.join(root, 'src')).filter(
    (name) => name !== 'gate' && existsSync(path.join(root, 'src', name, 'store.ts')),
  )

  test.for(capabilities)('of %s are in its README word for word', (name) => {
    const promised = listPromises(read(`src/${name}/store.ts`))
    expect(promised.size).toBeGreaterThan(0)
    expect(listPromises(read(`src/${name}/README.md`))).toEqual(promised)
  })

  test.for(capabilities)('of %s are each proved by a test of that title', (name) => {
    const suites = readdirSync(path.join(root, 'src', name)).filter((file) =>
      file.endsWith('.contract.ts'),
    )
    const titles = suites.flatMap((file) => listTitles(read(`src/${name}/${file}`)))
    const proved = new Set(titles.flatMap((title) => title.match(/\b[A-Z]\d+\b/g) ?? []))
    const promised = [...listPromises(read(`src/${name}/store.ts`)).keys()]
    expect(promised.filter((id) => !proved.has(id))).toEqual([])
  })

  test('are read from comments and from pages', () => {
    const store = '/**\n * Promises:\n * - A1  One\n *       thing.\n * - A2 Two.\n */\n'
    const page = '# A\n\n- A1  One thing.\n- A2  Two.\n\nMore - A3 text.\n'
    const promises = new Map([
      ['A1', 'One thing.'],
      ['A2', 'Two.'],
    ])
    expect(listPromises(store)).toEqual(promises)
    expect(listPromises(page)).toEqual(promises)
  })

  test('are looked for in the titles of tests', () => {
    const suite =
      "describe('A1 a', () => {\n  it.each([1])('A2 b', () => log('A3'))\n  test(`A4 c`)\n})"
    expect(listTitles(suite)).toEqual(['A1 a', 'A2 b', 'A4 c'])
  })
})

describe('links', () => {
  test('between pages lead somewhere', () => {
    const broken = listPages(root).flatMap((page) =>
      [...read(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)]
        .map((match) => path.posix.join(path.posix.dirname(page), match[1] ?? ''))
        .filter((target) => !existsSync(path.join(root, target)))
        .map((target) => `${page}: ${target}`),
    )
    expect(broken).toEqual([])
  })
})
