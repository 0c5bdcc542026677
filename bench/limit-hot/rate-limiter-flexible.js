// @ts-check
export * from '../limit-take/rate-limiter-flexible.js'
