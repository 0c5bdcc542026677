// Names that have broken key layouts, patterns, objects and terminals; each is a thing of its own.

export const HOSTILE_NAMES: readonly string[] = [
  ...[
    'a',
    'A',
    'a:b',
    'a:line',
    'a:waiters',
    'a:gone:x',
    'a:meta',
    'a:ready',
    'a|||b',
    'a{b',
    '}{',
    '{}',
  ],
  ...['{x}y', 'x}', '*', '?', '[a]', '\\', '%', '%25', '%7B', '../x', "'; --", '"', 'KEYS[1]'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'null',
    '0',
    'caf\u00e9',
    'cafe\u0301',
    '🔒',
    '👩‍👩‍👧',
  ],
  ...['限', 'a b', 'x'.repeat(1024)],
]
