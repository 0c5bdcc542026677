// @ts-check
export { open, packageName, settings } from '../queue-process/bee-queue.js'
