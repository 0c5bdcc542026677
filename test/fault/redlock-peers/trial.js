// @ts-check
// One system in one scenario, with servers of its own, in a process of its own.
import { scenarios, startStage } from './scenarios.js'
import { systems } from './systems.js'

const [systemName, scenarioName] = process.argv.slice(2)
const system = systems.find(({ name }) => name === systemName)
const scenario = scenarios.find(({ name }) => name === scenarioName)
if (!system || !scenario) throw new Error(`There is no ${systemName} or ${scenarioName}.`)

/** @type {string[]} */
const strays = []
process.on('unhandledRejection', (error) => strays.push(`unhandled rejection: ${error}`))
process.on('uncaughtException', (error) => strays.push(`uncaught exception: ${error}`))
// Whoever started this process is gone.
process.once('disconnect', () => process.exit(1))

const nodes = await startStage(scenario.nodeCount)
let what = ''
try {
  what = await scenario.run({
    nodes,
    open: (urls = nodes.map(({ url }) => url)) => system.open(urls),
  })
} catch (error) {
  what = String(error).split('\n')[0] ?? ''
}
await Promise.all(nodes.map((node) => node.close()))
process.send?.({ what, strays: strays.length }, () => process.exit(0))
