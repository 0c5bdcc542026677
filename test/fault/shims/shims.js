// @ts-check
// Libraries that stand between a program and the system, made by the C compiler of this machine.
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'

const COMPILERS = ['cc', 'gcc', 'clang']

/**
 * @param {'clock-skew' | 'power-loss'} name
 * @param {string} folder where the library goes
 * @returns {Promise<{library: string} | {problem: string}>}
 */
export async function compileShim(name, folder) {
  if (process.platform !== 'linux') return { problem: 'libraries are loaded so on Linux only' }
  const source = path.join(import.meta.dirname, `${name}.c`)
  const library = path.join(folder, `${name}.so`)
  const args = ['-shared', '-fPIC', '-O2', '-o', library, source]
  const problems = []
  for (const compiler of COMPILERS) {
    try {
      await promisify(execFile)(compiler, args)
      return { library }
    } catch (error) {
      const { code, message } = /** @type {{code?: string, message: string}} */ (Object(error))
      if (code !== 'ENOENT') problems.push(message)
    }
  }
  return { problem: problems[0] ?? `no C compiler was found: ${COMPILERS.join(', ')}` }
}
