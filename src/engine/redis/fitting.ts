export type Fits = (command: string, args: readonly string[], reply: unknown) => boolean

/**
 * Whether an answer can be one to this command. Answers carry no name: the first that comes is of
 * the oldest call. Once a stream has been damaged (a broken proxy, a tunnel that mixes two
 * connections), random bytes that look like half an answer take in a real one, and every answer
 * behind it goes to the wrong call. So a script repeats the number of its call, and of everything
 * else the shape is looked at.
 */
export function fits(command: string, args: readonly string[], reply: unknown): boolean {
  switch (command) {
    case 'EVALSHA':
    case 'EVAL':
      return firstOf(reply) === callNumberOf(args)
    case 'PING':
      return /^pong$/i.test(String(Array.isArray(reply) ? reply[0] : reply))
    case 'BZPOPMIN':
      return reply === null || (Array.isArray(reply) && args.includes(String(reply[0])))
    case 'SCAN':
    case 'CLUSTER':
    case 'WAITAOF':
      return Array.isArray(reply)
    case 'SET':
      return reply === null || reply === 'OK'
    case 'EXPIRE':
    case 'HEXISTS':
    case 'HLEN':
    case 'WAIT':
    case 'ZADD':
      return /^\d+$/.test(String(reply))
    default:
      return true
  }
}

/** Of what a script answered: a list, or one text of numbers, of which there are two at least. */
function firstOf(reply: unknown): string {
  if (Array.isArray(reply)) return String(reply[0])
  const text = String(reply)
  return text.slice(0, Math.max(0, text.indexOf(' ')))
}

/** Of a script: it follows the keys, whose count follows the script. */
const callNumberOf = (args: readonly string[]) => args[2 + Number(args[1])]
