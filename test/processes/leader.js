// @ts-check
// Leads an election, or waits to, and says so; then does nothing until it is ended.
import { createSluice } from 'sluice'

const [url = '', prefix, value = ''] = process.argv.slice(2)
const sluice = createSluice(url, { commandTimeout: '10s', ...(prefix ? { prefix } : {}) })
const election = sluice.election('crown', { ttl: '2s', value })
const leadership = await election.campaign({ wait: '1m' })
process.send?.({ value, fence: leadership.fence })
process.on('message', () => void leadership.resign())
process.once('disconnect', () => process.exit())
