/** Settings that say whether a thread frees what the server itself lets go. */
export const LAZY_SETTINGS = [
  'lazyfree-lazy-user-del',
  'lazyfree-lazy-expire',
  'lazyfree-lazy-eviction',
  'lazyfree-lazy-server-del',
  'lazyfree-lazy-user-flush',
  'replica-lazy-flush',
] as const
export type LazySetting = (typeof LAZY_SETTINGS)[number]

/** What one server says of itself; null where its user may not ask. */
export interface ServerFacts {
  /** Host and port. */
  readonly place: string
  readonly product: 'redis' | 'valkey'
  readonly version: string | null
  readonly role: 'master' | 'slave' | null
  /** Replicas that are connected. */
  readonly replicas: number | null
  readonly evictionPolicy: string | null
  /** `'yes'` or `'no'`, or null for a setting that this version does not have. */
  readonly lazyFree: Readonly<Record<LazySetting, string | null>> | null
  /** Objects that are detached and not freed yet. */
  readonly pendingFree: number | null
  readonly appendOnly: boolean | null
  /** Whether a snapshot or a new append-only file is being written. */
  readonly saving: boolean | null
  readonly lastSaveFailed: boolean | null
}

export interface Finding {
  /** A warning is worth a change before keys go; a note is good to know. */
  readonly level: 'warning' | 'note'
  /** What it is about: a setting, or `role`, `version`, `persistence`, `rights`. */
  readonly about: string
  readonly why: string
  /** The command or the step that changes it; null if nothing needs to be changed. */
  readonly change: string | null
  /** The servers that it is true of. */
  readonly places: readonly string[]
}

type Check = (facts: ServerFacts) => Omit<Finding, 'places'> | null

const LAZY_WHY: Readonly<Record<LazySetting, string>> = {
  'lazyfree-lazy-user-del':
    'DEL frees a big key while all other clients wait, and so does a replica that receives it.',
  'lazyfree-lazy-expire': 'A big key that expires is freed while all clients wait.',
  'lazyfree-lazy-eviction': 'A big key that is evicted is freed while all clients wait.',
  'lazyfree-lazy-server-del':
    'RENAME and SET over a big key free the old one while all clients wait.',
  'lazyfree-lazy-user-flush': 'FLUSHDB and FLUSHALL free everything while all clients wait.',
  'replica-lazy-flush': 'A replica that has to load everything anew frees the old while it waits.',
}

const lazyCheck =
  (setting: LazySetting): Check =>
  ({ lazyFree, evictionPolicy }) => {
    if (lazyFree?.[setting] !== 'no') return null
    const isIdle = setting === 'lazyfree-lazy-eviction' && evictionPolicy === 'noeviction'
    const isRare =
      isIdle || setting === 'lazyfree-lazy-user-flush' || setting === 'replica-lazy-flush'
    return {
      level: isRare ? 'note' : 'warning',
      about: setting,
      why: LAZY_WHY[setting],
      change: `CONFIG SET ${setting} yes, and the same in its configuration file`,
    }
  }

const warning = (about: string, why: string, change: string) =>
  ({ level: 'warning', about, why, change }) as const
const note = (about: string, why: string, change: string | null = null) =>
  ({ level: 'note', about, why, change }) as const

const isOld = (version: string) => {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major < 6 || (major === 6 && minor < 2)
}

const CHECKS: readonly Check[] = [
  ...LAZY_SETTINGS.map(lazyCheck),
  ({ role }) =>
    role === 'slave'
      ? warning(
          'role',
          'It is a replica: it refuses to delete anything.',
          'Connect to its primary, or with a redis+sentinel or redis+cluster URL.',
        )
      : null,
  ({ version, product }) =>
    product === 'redis' && version !== null && isOld(version)
      ? warning(
          'version',
          `Redis ${version} lacks commands that this needs.`,
          'Upgrade to 6.2 or newer.',
        )
      : null,
  ({ evictionPolicy: policy }) =>
    policy !== null && policy !== 'noeviction'
      ? note(
          'maxmemory-policy',
          `It is ${policy}: when memory runs out, the server deletes keys of its own choice.`,
        )
      : null,
  ({ saving }) =>
    saving
      ? warning(
          'persistence',
          'A snapshot or append-only file is being written: what is deleted meanwhile is copied first, so that memory grows.',
          'Wait until it is done.',
        )
      : null,
  ({ lastSaveFailed }) =>
    lastSaveFailed
      ? warning(
          'persistence',
          'The last snapshot or write to the append-only file failed: the server may refuse all writes.',
          'Look into its log, and make room on its disk.',
        )
      : null,
  ({ appendOnly }) =>
    appendOnly
      ? note('persistence', 'Each deletion is written to the append-only file as well.')
      : null,
  ({ replicas }) =>
    replicas
      ? note(
          'replicas',
          'Deletions reach replicas as they were sent: UNLINK as UNLINK, DEL as DEL, which frees there and then unless lazyfree-lazy-user-del is yes there too.',
        )
      : null,
  ({ pendingFree }) =>
    pendingFree
      ? note('lazyfree_pending_objects', `${pendingFree} objects are detached and not freed yet.`)
      : null,
  ({ lazyFree }) =>
    lazyFree === null
      ? note(
          'rights',
          'CONFIG GET is not allowed, so its settings are not known.',
          'Let an administrator run it, or allow +config|get.',
        )
      : null,
  ({ version }) =>
    version === null
      ? note('rights', 'INFO is not allowed, so nothing is known of it.', 'Allow +info.')
      : null,
]

export function examine(facts: ServerFacts): Finding[] {
  return CHECKS.flatMap((check) => {
    const found = check(facts)
    return found === null ? [] : [{ ...found, places: [facts.place] }]
  })
}

/** What is the same on several servers is said once; warnings come first. */
export function overall(findings: readonly Finding[]): Finding[] {
  const merged = new Map<string, Finding>()
  for (const finding of findings) {
    const name = `${finding.about} ${finding.why}`
    const places = [...(merged.get(name)?.places ?? []), ...finding.places]
    merged.set(name, { ...finding, places })
  }
  const all = [...merged.values()]
  return [
    ...all.filter(({ level }) => level === 'warning'),
    ...all.filter(({ level }) => level === 'note'),
  ]
}
