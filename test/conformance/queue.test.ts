import { describe } from 'vitest'
import { queueContract } from '../../src/queue/queue.contract.ts'
import { engines } from '../engines.ts'

describe.each(engines)('queues on $name', ({ open }) => {
  queueContract(open)
})
