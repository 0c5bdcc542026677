// @ts-check
export { open, settings } from '../queue-process/sluice.js'
