// @ts-check

/** What a request for a lock says when a test does not care. */
export const ORDINARY = { metadata: '', replicas: 0, demand: { fair: true } }
