// @ts-check
export { open, packageName, settings } from '../queue-process/platformatic-job-queue.js'
