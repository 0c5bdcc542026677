// The numbered promises of a store, and where they are repeated.
import ts from 'typescript'

/** Promises by id, such as `L3`, each as one line. They are the items of a list. */
export function listPromises(text: string): Map<string, string> {
  const plain = text.replace(/^ ?\*\/.*$/gm, '').replace(/^ \* ?/gm, '')
  const items = plain.matchAll(/^- ([A-Z]\d+) +((?:.+\n?)(?:^ {2,}\S.*\n?)*)/gm)
  return new Map(
    [...items].map(([, id = '', words = '']) => [id, words.replace(/\s+/g, ' ').trim()]),
  )
}

/** Titles of the tests and groups of a file. */
export function listTitles(text: string): string[] {
  const source = ts.createSourceFile('suite.ts', text, ts.ScriptTarget.Latest, true)
  const titles: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && isTestCall(node.expression)) {
      const title = node.arguments[0]
      if (title && (ts.isStringLiteralLike(title) || ts.isTemplateExpression(title))) {
        titles.push(title.getText().slice(1, -1))
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return titles
}

/** `test(…)`, `it.each(…)(…)`, `describe.concurrent(…)` and the like. */
function isTestCall(callee: ts.Expression): boolean {
  if (ts.isCallExpression(callee) || ts.isPropertyAccessExpression(callee)) {
    return isTestCall(callee.expression)
  }
  return ts.isIdentifier(callee) && ['describe', 'test', 'it'].includes(callee.text)
}
