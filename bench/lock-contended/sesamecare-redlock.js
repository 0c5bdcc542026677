// @ts-check
import { ExecutionError, Redlock } from '@sesamecare-oss/redlock'
import { variantsOf } from './redlock-variants.js'

export const packageName = '@sesamecare-oss/redlock'
export const variants = variantsOf((redis, retry) => new Redlock([redis], retry), ExecutionError)
