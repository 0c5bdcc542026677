// @ts-check
// A server that speaks TLS, with an authority and a certificate that live as long as this process.
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { run } from '../../scripts/run.js'
import { openRunFolder } from './guard.js'
import { startServer } from './server.js'

const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** @param {import('./server.js').ServerOptions} [options] */
export async function startTls(options = {}) {
  const folder = mkdtempSync(path.join(openRunFolder(), 'tls-'))
  const file = (/** @type {string} */ name) => path.join(folder, name)
  const authority = ['-keyout', file('ca.key'), '-out', file('ca.pem')]
  await openssl(['req', '-x509', ...key, '-days', '2', '-subj', '/CN=test authority', ...authority])
  const request = ['-keyout', file('server.key'), '-out', file('server.csr')]
  await openssl(['req', ...key, '-subj', '/CN=localhost', ...request])
  writeFileSync(file('names'), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
  await openssl([
    ...['x509', '-req', '-in', file('server.csr'), '-days', '2', '-extfile', file('names')],
    ...['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial'],
    ...['-out', file('server.pem')],
  ])
  const ca = readFileSync(file('ca.pem'), 'utf8')
  const args = [
    ...['--tls-cert-file', file('server.pem'), '--tls-key-file', file('server.key')],
    ...['--tls-ca-cert-file', file('ca.pem'), '--tls-auth-clients', 'no'],
    ...(options.args ?? []),
  ]
  try {
    return Object.assign(await startServer({ ...options, ca, args }), { ca })
  } catch (error) {
    if (!(error instanceof Error) || !/tls-port/.test(error.message)) throw error
    throw new Error('This redis-server is built without TLS; name another: SLUICE_REDIS_SERVER.', {
      cause: error,
    })
  }
}

/** @param {string[]} args */
async function openssl(args) {
  const { code, output } = await run('openssl', args, { timeoutMs: 10_000 })
  if (code !== 0) throw new Error(`A certificate needs openssl, which failed:\n${output}`)
}
