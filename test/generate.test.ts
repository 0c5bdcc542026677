// The script generator refuses what the server would only show at run time.
import { describe, expect, it } from 'vitest'
import { compileScript } from '../scripts/lua/compile.js'
import { parseFragment } from '../scripts/lua/header.js'

const HEADER = `-- Does one thing.
-- KEYS  thing  string
-- ARGV  amount  integer
-- REPLY done
-- REPEAT safe
`
const BODY = "redis.call('SET', thing, amount)\nreturn { 'done' }\n"

const noFragment = (name: string): never => {
  throw new Error(`no fragment ${name}`)
}
const compile = (text: string, load = noFragment) => compileScript('it/do', 'do.lua', text, load)

it('compiles a script for one item into one for any number of them', () => {
  const { body, sha1 } = compile(HEADER + BODY)
  expect(body).toContain('local function one(thing, amount)')
  expect(body).toContain('for item = 0, #KEYS / 1 - 1 do')
  expect(body).not.toContain('--')
  expect(sha1).toMatch(/^[\da-f]{40}$/)
})

describe('refuses', () => {
  const bad: [what: string, text: string, message: RegExp][] = [
    ['a file without a header', BODY, /must open with a comment/],
    ['a header without REPEAT', HEADER.replace('-- REPEAT safe\n', '') + BODY, /REPEAT must say/],
    ['another word for REPEAT', HEADER.replace('safe', 'maybe') + BODY, /safe or unsafe/],
    ['a script without keys', HEADER.replace(/-- KEYS.*\n/, '') + BODY, /no KEYS/],
    ['a script without replies', HEADER.replace(/-- REPLY.*\n/, '') + BODY, /no REPLY/],
    ['an unknown type', HEADER.replace('integer', 'float') + BODY, /has no type/],
    ['a name that is not snake_case', HEADER.replace('amount', 'theAmount') + BODY, /snake_case/],
    ['a name that is declared twice', HEADER.replace('amount', 'thing') + BODY, /declared twice/],
    [
      'an argument that is never used',
      HEADER + BODY.replace('amount', '1'),
      /amount is declared and never used/,
    ],
    [
      'a key that is never used',
      `${HEADER}return { 'done', amount }\n`,
      /thing is declared and never used/,
    ],
    [
      'a name that is declared nowhere',
      HEADER + BODY.replace('amount)', 'amount + other)'),
      /other is declared nowhere/,
    ],
    ['a global', `${HEADER}count = 1\n${BODY}`, /count is declared nowhere/],
    [
      'a key that is built by hand',
      HEADER + BODY.replace('thing,', "thing .. ':x',"),
      /no declared key/,
    ],
    [
      'a key that is written out',
      HEADER + BODY.replace('thing,', "'thing', thing ..").replace('amount', 'amount'),
      /no declared key/,
    ],
    [
      'a reply that is not declared',
      HEADER + BODY.replace("'done'", "'gone'"),
      /reply gone is not declared/,
    ],
    [
      'a reply that is never given',
      HEADER.replace('-- REPEAT', '-- REPLY refused\n-- REPEAT') + BODY,
      /refused is declared and never returned/,
    ],
    [
      'a fragment that is not there',
      HEADER.replace('-- REPEAT', '-- USE it/nothing\n-- REPEAT') + BODY,
      /no fragment/,
    ],
    [
      'the clock without saying so',
      HEADER + BODY.replace('amount)', 'amount + now_us)'),
      /now_us is declared nowhere/,
    ],
  ]
  for (const [what, text, message] of bad) {
    it(what, () => expect(() => compile(text)).toThrow(message))
  }

  it('a fragment that does not say what it brings', () => {
    expect(() => parseFragment('-- Shared.\nlocal x = 1\n', 'x.lua')).toThrow(/BRINGS/)
  })
})

it('a key that all items share comes last, and is no key of theirs', () => {
  const header = HEADER.replace('-- REPEAT', '-- SHARES fence\n-- REPEAT')
  const { body } = compile(
    header + BODY.replace('return', "redis.call('GET', shared_fence)\nreturn"),
  )
  expect(body).toContain('local shared_fence = KEYS[#KEYS]')
  expect(body).toContain('local function one(thing, amount)')
  expect(body).toContain('for item = 0, (#KEYS - 1) / 1 - 1 do')
  expect(() => compile(header + BODY)).toThrow(/shared_fence is declared and never used/)
  const two = header.replace('-- SHARES', '-- SHARES other\n-- SHARES')
  expect(() => compile(two + BODY)).toThrow(/SHARES names more than one key/)
})

it('digits reach the script as they were sent', () => {
  expect(compile(HEADER + BODY).body).toContain('tonumber(ARGV[at])')
  expect(compile(HEADER.replace('integer', 'digits') + BODY).body).not.toContain(
    'tonumber(ARGV[at])',
  )
})

it('what all items of a call share is read once, after the facts that the script reads', () => {
  const header = HEADER.replace('-- ARGV  amount', '-- ONCE  amount').replace(
    '-- REPEAT',
    '-- USE facts\n-- REPEAT',
  )
  const { body, facts } = compile(header + BODY.replace('amount)', 'amount + floor)'))
  expect(facts).toEqual(['floor'])
  expect(body).toContain('local floor = tonumber(ARGV[3])')
  expect(body).toContain('local amount = tonumber(ARGV[4])')
  expect(body).toContain('local function one(thing)')
})

it('plain answers of a whole call are one text', () => {
  const header = HEADER.replace('done', 'done left:integer').replace(
    '-- REPEAT',
    '-- PLAIN done\n-- REPEAT',
  )
  const { body } = compile(header + BODY.replace("{ 'done' }", 'amount'))
  expect(body).toContain("local is_plain, text = pcall(table.concat, replies, ' ')")
  expect(body).toContain('if is_plain then return text end')
  expect(body).toContain("return ARGV[1] .. ' ' .. reply end")
  expect(() => compile(header.replace('left:integer', 'left:string') + BODY)).toThrow(/of numbers/)
  const twice = header.replace('-- PLAIN done', '-- REPLY gone left:integer\n-- PLAIN done gone')
  expect(() => compile(twice + BODY)).toThrow(/no two have as many/)
})

it('arguments that all items of a call have alike are read once, lists and what belongs to them for each', () => {
  const { body } = compile(HEADER + BODY)
  expect(body).toMatch(/for item = 0, .* do\nif at <= #ARGV then\narg0 = tonumber\(ARGV\[at\]\)\n/)
  const list = HEADER.replace('amount  integer', 'amount  list  unit:integer')
  expect(compile(list + BODY.replace('amount)', 'amount[1])')).body).toMatch(
    /for item = 0, .* do\nif at > #ARGV then at = \d+ end\n/,
  )
})

it('an answer that tells the time says it behind the number of the call', () => {
  const header = HEADER.replace('-- REPEAT', '-- USE clock\n-- TELLS now\n-- REPEAT')
  const { body } = compile(header + BODY)
  expect(body).toContain('local replies = { ARGV[1], now_text, false }')
  const plain = header
    .replace('done', 'done left:integer')
    .replace('-- USE', '-- PLAIN done\n-- USE')
  expect(compile(plain + BODY.replace("{ 'done' }", 'amount')).body).toContain(
    "return ARGV[1] .. ' ' .. now_text .. ' ' .. reply end",
  )
  expect(body).toContain('replies[item + 3] = reply')
  expect(() => compile(header.replace('TELLS now', 'TELLS all') + BODY)).toThrow(/TELLS says now/)
})

it('what is used after RARELY alone is made when it comes to that', () => {
  const fragment =
    '-- One.\n-- BRINGS usual rare\nlocal function usual(x) return x end\nlocal function rare(x) return x end\n'
  const load = (name: string) => parseFragment(fragment, name)
  const { body } = compile(
    `${HEADER.replace('-- REPEAT', '-- USE it/first\n-- REPEAT')}if usual(amount) then
  redis.call('SET', thing, amount)
  return { 'done' }
end
-- RARELY: it is not
return { 'done', rare(amount) }
`,
    load as typeof noFragment,
  )
  const places = ['function usual', 'function one', "'SET'", 'function rare', 'rare(amount)']
  const found = places.map((text) => body.indexOf(text))
  expect(found).toEqual(found.toSorted((a, b) => a - b))
  expect(found[0]).toBeGreaterThan(-1)
})

describe('what is used behind RARELY in a block', () => {
  const fragment = (usual: string) => `-- One.
-- BRINGS rare usual
local RARE = 2
local function rare(x) return x * RARE end
local function usual(x)
  ${usual}
  return x
end
`
  const compileWith = (usual: string, work: string) =>
    compile(`${HEADER.replace('-- REPEAT', '-- USE it/first\n-- REPEAT')}${work}\n${BODY}`, ((
      name: string,
    ) => parseFragment(fragment(usual), name)) as typeof noFragment).body

  it('is made there, by fragments too, and not seen behind it', () => {
    const block = 'if x > 1 then\n    -- RARELY: much\n    x = rare(x)\n  end'
    const body = compileWith(block, 'amount = usual(amount)')
    expect(body).toMatch(
      /function usual\(x\)\nif x > 1 then\nlocal RARE = 2\nlocal function rare.*\nx = rare\(x\)\nend\nreturn x/,
    )
    expect(body.split('function rare')).toHaveLength(2)
  })

  it('is made in a line of its own as well, once for each', () => {
    const line = (over: number) => `if amount > ${over} then amount = rare(amount) end -- RARELY`
    const body = compileWith('', `${line(1)}\n${line(2)}`)
    expect(body).toMatch(
      /then\nlocal RARE = 2\nlocal function rare.*\namount = rare\(amount\)\nend/,
    )
    expect(body.split('function rare')).toHaveLength(3)
  })

  it('is made before where it is used there', () => {
    const line = 'if x > 1 then x = rare(x) end -- RARELY'
    const body = compileWith(line, 'amount = usual(rare(amount))')
    expect(body.indexOf('function rare')).toBeLessThan(body.indexOf('function usual'))
    expect(body.split('function rare')).toHaveLength(2)
  })

  it('is refused where its block has another thing of a name that it needs', () => {
    const work = 'local RARE = 3\nif amount > RARE then amount = rare(amount) end -- RARELY'
    expect(() => compileWith('', work)).toThrow(/RARE is the name of a part/)
  })
})

it('whole numbers of commands are sent as text, and no others', () => {
  const calls = [
    ["redis.call('SET', thing, 1, 'PX', 600)", "redis_call('SET', thing, '1', 'PX', '600')"],
    ["redis.call('SET', thing, -1) thing = twice(1, 2)", "'-1') thing = twice(1, 2)"],
    [
      "redis.call('SET', thing, amount - 1, twice(1))",
      "redis_call('SET', thing, amount - 1, twice(1))",
    ],
    ["redis.call('SET', thing, '1, 2', 1.5)", "redis_call('SET', thing, '1, 2', 1.5)"],
    ["redis.call('SET', thing, ({ 1, 2 })[1], 3)", "redis_call('SET', thing, ({ 1, 2 })[1], '3')"],
  ]
  for (const [call, sent] of calls) {
    const twice = 'local function twice(x) return x end\n'
    expect(compile(`${HEADER}${twice}${call}\n${BODY}`).body).toContain(sent)
  }
})

it('a fragment brings its names, and may use those of the fragments before it', () => {
  const fragments: Record<string, string> = {
    'it/first': '-- One.\n-- BRINGS twice\nlocal function twice(x) return x * 2 end\n',
    'it/second': '-- Two.\n-- BRINGS later\nlocal function later(x) return twice(x) + now_us end\n',
  }
  const load = (name: string) => parseFragment(fragments[name] ?? '', name)
  const header = HEADER.replace('-- REPEAT', '-- USE clock it/first it/second\n-- REPEAT')
  const { body } = compile(
    header + BODY.replace('amount)', 'later(amount))'),
    load as typeof noFragment,
  )
  expect(body.indexOf('function twice')).toBeLessThan(body.indexOf('function later'))
})
