type AsyncMethod = (...args: never[]) => Promise<unknown>

/** The methods of a store that can fail: all but those that subscribe, which are named `on…`. */
export type Fallible<Store> = {
  [Name in keyof Store]-?: NonNullable<Store[Name]> extends AsyncMethod ? Name : never
}[keyof Store]

/** A call that is about to be made. */
export type StoreCall<Store> = {
  [Name in Fallible<Store>]: {
    method: Name
    args: NonNullable<Store[Name]> extends (...args: infer Args) => Promise<unknown> ? Args : never
    /** Of this method, 1 for the first. */
    count: number
  }
}[Fallible<Store>]

/** What goes wrong with one call. Of several, the earlier in this list come first. */
export interface Fault {
  /** The call reaches the store only after this. */
  callAfter?: Promise<unknown>
  /** The call never reaches the store. */
  refuseWith?: Error
  /** The call takes effect; its answer arrives only after this. */
  replyAfter?: Promise<unknown>
  /** The call takes effect; its answer is lost, and this arrives instead. */
  loseReplyWith?: Error
}

/** Decides the fate of each call; `undefined` lets it pass. */
export type FaultPlan<Store> = (call: StoreCall<Store>) => Fault | undefined

/**
 * The same store, some of whose calls go wrong. Subscriptions pass untouched, and `resetSince`, which
 * asks nobody, and so does every call for which the plan has nothing.
 */
export function faulty<Store extends object>(store: Store, plan: FaultPlan<Store>): Store {
  const counts = new Map<string, number>()
  const broken: Record<string, unknown> = {}
  for (const [name, method] of Object.entries(store)) {
    if (typeof method !== 'function' || name.startsWith('on') || name === 'resetSince') {
      broken[name] = method
      continue
    }
    broken[name] = (...args: unknown[]) => {
      const count = (counts.get(name) ?? 0) + 1
      counts.set(name, count)
      const fault = plan({ method: name, args, count } as unknown as StoreCall<Store>)
      return fault ? misbehave(() => method.apply(store, args), fault) : method.apply(store, args)
    }
  }
  return broken as Store
}

async function misbehave(call: () => Promise<unknown>, fault: Fault): Promise<unknown> {
  await fault.callAfter
  if (fault.refuseWith) throw fault.refuseWith
  const answer = await call()
  await fault.replyAfter
  if (fault.loseReplyWith) throw fault.loseReplyWith
  return answer
}
