// What a library does with answers that no Redis gives.
import { createServer, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { urlSource } from './ioredis.ts'
import { readRedisUrl } from './url.ts'

it('a reply that answers nothing ends the socket, and not the process', async () => {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('data', () => socket.write('+PONG\r\n'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const client = urlSource(readRedisUrl(`redis://127.0.0.1:${port}`, 'url')).openData(null, 1_000)
  const closed = new Promise((resolve) => client.onClose(resolve))
  await client.connect()
  for (const socket of sockets) socket.write('$-1\r\n')
  expect(await closed).toMatchObject({ message: expect.stringContaining('nobody asked') })
  client.destroy()
  server.close()
})
