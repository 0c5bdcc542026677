// @ts-check
// A limiter as the benches ask it. What a library answers, it answers in its own way: a wrapper around its promises would
// be measured with it, and takes as long as a fast one does.

/**
 * @typedef {object} BenchLimiter
 * @property {(key: string) => Promise<any>} take the library's own promise
 * @property {(answer: any) => boolean} isAllowed what the promise may become: whether it was allowed
 * @property {(error: unknown) => boolean} [isRefusal] whether the promise was rejected because it was refused
 * @property {() => unknown} close
 */

/** For those that answer when it was allowed, and reject when it was refused. */
export const always = () => true

/** Whether it was allowed. @param {BenchLimiter} limiter @param {string} key @returns {Promise<boolean>} */
export async function isTaken({ take, isAllowed, isRefusal }, key) {
  try {
    return isAllowed(await take(key))
  } catch (error) {
    if (isRefusal?.(error)) return false
    throw error
  }
}

/** Where nothing may be refused. @param {BenchLimiter} limiter @returns {(answer: unknown) => void} */
export function expectAllowed({ isAllowed }) {
  return (answer) => {
    if (!isAllowed(answer)) throw new Error('a take within the limit was refused')
  }
}
