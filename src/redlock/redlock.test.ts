import { describe } from 'vitest'
import { openCouncil } from '../../test/councils.ts'
import { redlockContract } from './redlock.contract.ts'

describe('locks on nodes in memory', () => redlockContract(openCouncil))
