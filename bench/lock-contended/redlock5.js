// @ts-check
// @ts-expect-error: it brings no types that its exports lead to
import Redlock, { ExecutionError } from 'redlock5'
import { variantsOf } from './redlock-variants.js'

export const packageName = 'redlock5'
export const variants = variantsOf((redis, retry) => new Redlock([redis], retry), ExecutionError)
