// @ts-check
export { open, packageName, settings } from '../queue-process/bullmq.js'
