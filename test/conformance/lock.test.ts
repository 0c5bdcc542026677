import { describe } from 'vitest'
import { lockContract } from '../../src/lock/lock.contract.ts'
import { engines } from '../engines.ts'

describe.each(engines)('locks on $name', ({ open }) => {
  lockContract(open)
})
