// What is stored of why a job is dead. In front of the reason stands the id of a job that had one, which its dead letter
// has no other place for: that is a plain job. Users write reasons, so none begins as an id does.
const MARK = '\u0001'

export const packReason = (reason: string, name?: string) =>
  name ? MARK + name + MARK + reason : reason.startsWith(MARK) ? ` ${reason}` : reason

/** `name` is left out where the job had none. */
export function unpackReason(text: string): { reason: string; name?: string } {
  const end = text.startsWith(MARK) ? text.indexOf(MARK, 1) : -1
  return end < 0 ? { reason: text } : { reason: text.slice(end + 1), name: text.slice(1, end) }
}
