// @ts-check
// Every kind of Redis that a test or a fault run may need, as child processes of this one.
export { startCluster } from './cluster.js'
export { startSentinel } from './sentinel.js'
export { durable, startServer } from './server.js'
export { startStandalone } from './standalone.js'
export { startTls } from './tls.js'
