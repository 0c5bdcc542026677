// @ts-check
// Runs the steps of the tour one after the other, and knows what a broken promise is.

/**
 * @typedef {object} CheckedPromise
 * @property {string} text what must be so
 * @property {boolean} kept
 *
 * @typedef {object} Outcome
 * @property {string[]} lines what happened, for people
 * @property {CheckedPromise[]} promises
 * @property {string} result for the summary, at most 42 characters
 * @property {string} figure for the summary, at most 22 characters
 *
 * @typedef {Outcome & { title: string }} StepResult
 */

/**
 * @template Context
 * @typedef {object} Step
 * @property {string} title at most 24 characters
 * @property {(context: Context) => Promise<Outcome>} run
 */

/** A step that takes longer than this is stuck. */
const STEP_DEADLINE_MS = 90_000

/**
 * @template Context
 * @param {readonly Step<Context>[]} steps
 * @param {Context} context
 * @param {(result: StepResult) => void} onResult
 * @param {(step: Step<Context>) => void} [onStart]
 * @returns {Promise<StepResult[]>}
 */
export async function runSteps(steps, context, onResult, onStart) {
  const results = []
  for (const step of steps) {
    onStart?.(step)
    const result = { title: step.title, ...(await runStep(step, context)) }
    results.push(result)
    onResult(result)
  }
  return results
}

/**
 * A step that fails has broken its promise, and the next ones still run.
 *
 * @template Context
 * @param {Step<Context>} step
 * @param {Context} context
 * @returns {Promise<Outcome>}
 */
async function runStep(step, context) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const stuck = new Promise((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`not done within ${STEP_DEADLINE_MS / 1000} s`)),
      STEP_DEADLINE_MS,
    )
  })
  try {
    return await Promise.race([step.run(context), /** @type {Promise<never>} */ (stuck)])
  } catch (error) {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    return {
      lines: [],
      promises: [{ text: `the step runs to its end, but: ${reason}`, kept: false }],
      result: 'stopped by an error',
      figure: '',
    }
  } finally {
    clearTimeout(timer)
  }
}

/** @param {Pick<Outcome, 'promises'>} outcome nothing promised is nothing kept */
export const isKept = ({ promises }) => promises.length > 0 && promises.every(({ kept }) => kept)

/** What the tour exits with. @param {readonly Pick<Outcome, 'promises'>[]} results */
export const exitCodeOf = (results) => (results.length > 0 && results.every(isKept) ? 0 : 1)
