// How long things may be. A budget is a question, not a law: a longer one wants a reason.
import ts from 'typescript'
import { type Finding, isCode, isTest, type Rule, type TextFile } from './rule.ts'

const fileLines = 300
const testFileLines = 600
const functionLines = 70
const scriptLines = 80

const countLines = (text: string) => text.trimEnd().split('\n').length
const repeat = (line: string, count: number) => `${line}\n`.repeat(count)

export const filesAreShort: Rule = {
  title: `files have at most ${fileLines} lines`,
  check(file) {
    if (!isCode(file) && !file.path.endsWith('.sql')) return []
    const budget = isTest(file) ? testFileLines : fileLines
    const lines = countLines(file.text)
    return lines <= budget ? [] : [{ path: file.path, line: 1, message: `has ${lines} lines` }]
  },
  bad: [
    { path: 'src/long.ts', text: repeat('next()', fileLines + 1) },
    { path: 'src/long.test.ts', text: repeat('next()', testFileLines + 1) },
    { path: 'src/schema.sql', text: repeat('SELECT 1;', fileLines + 1) },
  ],
  good: [
    { path: 'src/short.ts', text: repeat('next()', fileLines) },
    { path: 'src/long.contract.ts', text: repeat('next()', testFileLines) },
    { path: 'src/scripts.gen.ts', text: repeat('next()', 2 * fileLines) },
  ],
}

/** The header of a script is its type, and free. */
export const scriptsAreShort: Rule = {
  title: `Lua scripts have at most ${scriptLines} lines below their header`,
  check(file) {
    if (!file.path.endsWith('.lua')) return []
    const lines = countLines(file.text.replace(/^(?:--.*\n|[ \t]*\n)*/, ''))
    return lines <= scriptLines ? [] : [{ path: file.path, line: 1, message: `has ${lines} lines` }]
  },
  bad: [{ path: 'src/a.lua', text: `-- KEYS lock\n${repeat('return 1', scriptLines + 1)}` }],
  good: [{ path: 'src/a.lua', text: `${repeat('-- ARGV x', 50)}\n${repeat('x()', scriptLines)}` }],
}

const testWords = new Set(['describe', 'test', 'it', 'bench'])

/** A whole describe or test: its length is that of a list, not of a function. */
function isTestBody(node: ts.Node): boolean {
  if (!ts.isCallExpression(node.parent) || node.parent.expression === node) return false
  let callee: ts.Expression = node.parent.expression
  while (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) {
    callee = callee.expression
  }
  return ts.isIdentifier(callee) && testWords.has(callee.text)
}

function linesOf(node: ts.Node, source: ts.SourceFile): number {
  const first = source.getLineAndCharacterOfPosition(node.getStart(source)).line
  return source.getLineAndCharacterOfPosition(node.getEnd()).line - first + 1
}

/** The outermost functions within a function. */
function listNested(node: ts.Node): ts.Node[] {
  const found: ts.Node[] = []
  ts.forEachChild(node, (child) => {
    if (ts.isFunctionLike(child)) found.push(child)
    else found.push(...listNested(child))
  })
  return found
}

/** A factory, whose body is mostly the functions that it returns, answers for its own lines only. */
function countOwnLines(node: ts.Node, source: ts.SourceFile): number {
  const total = linesOf(node, source)
  const nested = listNested(node).reduce((sum, inner) => sum + linesOf(inner, source), 0)
  return nested > total / 2 ? total - nested : total
}

function nameOf(node: ts.SignatureDeclaration): string {
  const named = node.name ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name : undefined)
  return named?.getText() ?? 'a function without a name'
}

function checkFunctions(file: TextFile): Finding[] {
  if (!isCode(file)) return []
  const source = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true)
  const findings: Finding[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && !isTestBody(node)) {
      const lines = countOwnLines(node, source)
      const line = source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1
      const message = `${nameOf(node)} has ${lines} lines`
      if (lines > functionLines) findings.push({ path: file.path, line, message })
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return findings
}

const body = (count: number) => repeat('  next()', count)
const inner = (count: number) => `  const inner = () => {\n${body(count)}  }\n`

export const functionsAreShort: Rule = {
  title: `functions have at most ${functionLines} lines`,
  check: checkFunctions,
  bad: [
    { path: 'a.ts', text: `function long() {\n${body(functionLines - 1)}}` },
    { path: 'a.js', text: `const long = () => {\n${body(functionLines - 1)}}` },
    { path: 'a.ts', text: `class A {\n  long() {\n${body(functionLines - 1)}  }\n}` },
    { path: 'a.ts', text: `function factory() {\n${inner(functionLines)}}` },
    { path: 'a.ts', text: `function few() {\n${inner(5)}${body(functionLines)}}` },
    { path: 'a.test.ts', text: `test('a', () => {\n${inner(functionLines)}})` },
  ],
  good: [
    { path: 'a.ts', text: `function short() {\n${body(functionLines - 2)}}` },
    { path: 'a.ts', text: `function factory() {\n${inner(40)}${inner(40)}${body(60)}}` },
    { path: 'a.test.ts', text: `test.each([1])('a', () => {\n${body(2 * functionLines)}})` },
  ],
}
