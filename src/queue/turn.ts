/** After the promises that are settled now have run on, and what was called before has left. */
export const endOfTurn = () =>
  new Promise<void>((resolve) => queueMicrotask(() => process.nextTick(resolve)))
