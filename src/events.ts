import { ArgumentError } from './errors.ts'
import { callback } from './options.ts'
import { describe } from './text.ts'

/** Tells what happened to whoever wants to know. Nothing depends on anyone listening. */
export interface Events<Map> {
  /** Calls `listener` back with each event of that name. Returns what stops it. */
  on<Name extends keyof Map & string>(name: Name, listener: (event: Map[Name]) => void): () => void
  emit<Name extends keyof Map & string>(name: Name, event: Map[Name]): void
}

/** A listener that throws is reported to `onFailure` and keeps nobody else from hearing. */
export function createEvents<Map>(
  names: readonly (keyof Map & string)[],
  onFailure: (name: string, error: unknown) => void,
): Events<Map> {
  const listeners = new Set<{ name: string; listener: (event: never) => void }>()
  return {
    on(name, listener) {
      if (!names.includes(name)) {
        const known = names.map((one) => `'${one}'`).join(' or ')
        throw new ArgumentError('on.event', known, describe(name))
      }
      const entry = { name, listener: callback<(event: never) => void>(listener, 'on.listener') }
      listeners.add(entry)
      return () => listeners.delete(entry)
    },
    emit(name, event) {
      for (const entry of [...listeners]) {
        if (entry.name !== name) continue
        try {
          entry.listener(event as never)
        } catch (error) {
          onFailure(name, error)
        }
      }
    },
  }
}
