/** What the page looks like: light or dark as the system says, one column of cards when narrow. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #f6f7f9; --card: #ffffff; --ink: #16202c; --faint: #5b6876; --line: #dde2e8;
  --good: #0b7a4b; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #0f151c; --card: #18212b; --ink: #e6ebf1; --faint: #96a3b1; --line: #2a3643;
    --good: #4cc38a; --bad: #ff8a80;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif;
}
header { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: baseline; }
header p { margin: 0; color: var(--faint); overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 1.4rem; }
h2 { margin: 0 0 0.5rem; font-size: 1.05rem; }
#status { margin-left: auto; }
#status::before { content: '● '; }
#status.live { color: var(--good); }
#status.trouble { color: var(--bad); }
section {
  margin: 1rem 0; padding: 1rem; background: var(--card); border: 1px solid var(--line);
  border-radius: 8px;
}
table { width: 100%; border-collapse: collapse; }
th, td { padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top; }
th { color: var(--faint); font-weight: 500; font-size: 0.85rem; }
td { border-top: 1px solid var(--line); overflow-wrap: anywhere; unicode-bidi: isolate; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { font-weight: 600; }
td.bad { color: var(--bad); font-weight: 600; }
.count, .empty, .line { color: var(--faint); }
.count { font-weight: 400; }
.empty { margin: 0; }
.line { display: block; font-size: 0.85rem; white-space: normal; }
[hidden] { display: none; }
@media (max-width: 40rem) {
  body { padding: 0.5rem; }
  #status { margin-left: 0; width: 100%; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tr { display: block; padding: 0.4rem 0; border-top: 1px solid var(--line); }
  td { display: flex; gap: 0.75rem; padding: 0.1rem 0; border: 0; }
  td::before { content: attr(data-label); flex: 0 0 6rem; color: var(--faint); font-weight: 400; }
}
`
