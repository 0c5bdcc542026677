// @ts-check
// How a topology behind fault proxies goes on talking to itself.
//
// Clients must learn the ports of the proxies, from redirections and from sentinels. These tell the
// address that a node announces, or that they reach it by, so that replication and sentinels come
// through the same proxies as the clients do; only the bus of a cluster has a port of its own.
// A blackhole for all clients would then also fail the nodes over. Therefore each server connects
// from another address of this machine, and the proxies spare what comes from there. It takes a
// system where all of 127.0.0.0/8 is local (Linux) and a server of 7.0 or later.

/** Where servers behind proxies connect from. */
export const innerAddress = '127.0.0.2'

/** @param {string} remoteAddress */
export const isInner = (remoteAddress) => remoteAddress === innerAddress
