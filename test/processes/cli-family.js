// @ts-check
// A command that starts another process. Told to end, it is gone at once, and that one a while later.
import { fork } from 'node:child_process'

/** How long the child tidies up. */
const TIDY_MS = 500
const isChild = process.argv[2] === 'child'

process.on('SIGTERM', () => {
  setTimeout(
    () => {
      process.stdout.write(`${isChild ? 'child' : 'parent'} ends\n`)
      process.exit(0)
    },
    isChild ? TIDY_MS : 0,
  )
})
setInterval(() => {}, 1_000)

if (isChild) {
  process.stdout.write(`child ${process.pid}\n`)
} else {
  const child = fork(import.meta.filename, ['child'], { stdio: 'inherit' })
  // It outlives this process on purpose, and must not notice.
  child.disconnect()
}
