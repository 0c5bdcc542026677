// Failures to plan, and ways to watch what comes of them.
import { EngineUnavailableError } from '../src/errors.ts'

/** The engine did not answer: who knows what it did. */
export const gone = () => new EngineUnavailableError('gone', { outcome: 'unknown' })
/** The engine could not be reached. */
export const refusal = () => new EngineUnavailableError('not there', { outcome: 'not-applied' })
export const silence = new Promise<never>(() => {})

/** What became of a promise so far. */
export function watched<T>(promise: Promise<T>): {
  value?: T
  error?: unknown
  isPending: boolean
} {
  const state: { value?: T; error?: unknown; isPending: boolean } = { isPending: true }
  promise.then(
    (value) => Object.assign(state, { value, isPending: false }),
    (error) => Object.assign(state, { error, isPending: false }),
  )
  return state
}

/** A promise, and what resolves it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
