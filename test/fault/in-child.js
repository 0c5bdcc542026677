// @ts-check
// What every process of a run does besides its work: it says how far it is, and does not outlive
// whoever started it.

/**
 * @param {() => void} tellProgress
 * @param {number} everyMs
 */
export function liveAsChild(tellProgress, everyMs) {
  // Whoever started this process is gone.
  const endAlone = () => process.exit(1)
  process.once('disconnect', endAlone)
  const progress = setInterval(tellProgress, everyMs)
  return {
    /** Its work is done and written down, and nothing else keeps it running. */
    leave() {
      clearInterval(progress)
      tellProgress()
      process.off('disconnect', endAlone)
      process.disconnect()
    },
  }
}
