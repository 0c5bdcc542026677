// The drawing of the house against the house.

/** The folders that a drawing lists: names with a slash that begin a line of a code block. */
export function listDrawnFolders(page: string): string[] {
  const blocks = [...page.matchAll(/^```.*\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '')
  const drawn = blocks.flatMap((block) => block.split('\n').flatMap(listLeadingFolders))
  return [...new Set(drawn)].filter((name) => name !== 'src').sort()
}

function listLeadingFolders(line: string): string[] {
  const leading = /^\s*((?:[\w-]+\/\s+)*[\w-]+\/)(?=\s|$)/.exec(line)?.[1]
  return leading === undefined ? [] : leading.split(/\s+/).map((name) => name.slice(0, -1))
}
