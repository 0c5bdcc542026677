// Compiles fences as a user of the package would: `sluice` is found through its own exports.
import path from 'node:path'
import ts from 'typescript'
import type { Fence } from './fences.ts'

/** As in tsconfig.json, but for what only clutters an example. */
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  moduleDetection: ts.ModuleDetectionKind.Force,
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  noEmit: true,
}

/** Errors as `README.md:12 message`, all fences in one program: most of its time goes into types. */
export function compileFences(root: string, fences: readonly Fence[]): string[] {
  const files = new Map(
    fences.map((fence, index) => [path.join(root, `fence-${index}.mts`), fence]),
  )
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = (name) => files.has(name) || fileExists(name)
  host.readFile = (name) => files.get(name)?.code ?? readFile(name)
  host.getSourceFile = (name, settings, ...rest) => {
    const fence = files.get(name)
    if (fence === undefined) return getSourceFile(name, settings, ...rest)
    return ts.createSourceFile(name, fence.code, settings)
  }
  const program = ts.createProgram(
    [...files.keys()],
    { ...options, typeRoots: [path.join(root, 'node_modules/@types')] },
    host,
  )
  return [...files].flatMap(([name, fence]) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(name))
      .map((diagnostic) => describeError(fence, diagnostic)),
  )
}

function describeError(fence: Fence, { file, start, messageText }: ts.Diagnostic): string {
  const offset = file?.getLineAndCharacterOfPosition(start ?? 0).line ?? 0
  return `${fence.page}:${fence.line + offset} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
}

/** The JavaScript of a fence, for a Node that reads no types. */
export function transpileFence({ code }: Fence): string {
  const { target } = options
  const compilerOptions = { ...(target && { target }), module: ts.ModuleKind.ESNext }
  return ts.transpileModule(code, { compilerOptions }).outputText
}
