// The report as one page of HTML, which needs nothing else.
import { chart, inTime } from './chart.ts';
import { escaped } from '../../src/testing/escaped.ts';
import { again, type Report } from './report.ts';

const style = `
:root { color-scheme: light dark; --text: #1c2024; --soft: #60646c; --line: #d9d9e0; --back: #fcfcfd; --rest: #e6f4fe;
  --sold: #30a46c; --declined: #8b8d98; --failed: #ffc53d; --unknown: #8e4ec6; --harm: #e5484d; }
@media (prefers-color-scheme: dark) { :root { --text: #edeef0; --soft: #b0b4ba; --line: #363a3f; --back: #111113; --rest: #0d2847; } }
body { margin: 2rem auto; max-width: 75rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--back); }
h1 { font-size: 1.4rem; margin: 0 0 .25rem; } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.verdict { font-weight: 600; } .holds { color: var(--sold); } .broken { color: var(--harm); }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1rem 0; }
dl div { border: 1px solid var(--line); border-radius: 6px; padding: .5rem .75rem; }
dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; } svg text { font: 12px system-ui, sans-serif; fill: var(--text); }
.axis { text-anchor: end; } .time { text-anchor: middle; } .time, .resting { fill: var(--soft) !important; }
.grid { stroke: var(--line); } .base { stroke: var(--soft); } .rest { fill: var(--rest); }
.sold { fill: var(--sold); } .declined { fill: var(--declined); } .failed { fill: var(--failed); } .unknown { fill: var(--unknown); }
.harm { fill: var(--harm); } .found { stroke: var(--harm); stroke-width: 2; stroke-dasharray: 4 3; }
.legend span { margin-right: 1.25rem; } .legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .4rem; }
table { border-collapse: collapse; } td { padding: .15rem 1rem .15rem 0; } td:first-child { text-align: right; font-variant-numeric: tabular-nums; }
code { font: 13px ui-monospace, monospace; } li { overflow-wrap: anywhere; }`;

const legend = [
  ['sold', 'sold'],
  ['declined', 'declined'],
  ['failed', 'rolled back'],
  ['unknown', 'its caller does not know'],
  ['harm', 'harm'],
] as const;

export function page(report: Report): string {
  const { engine, seed, harms, found, timeline } = report;
  const title = `Chaos on ${engine} with seed ${seed}`;
  const colours = legend.map(([name, text]) => `<span><i style="background: var(--${name})"></i>${text}</span>`);
  const counted = Object.entries(harms).toSorted(([, one], [, other]) => other - one);
  const rows = counted.map(([kind, times]) => `<tr><td>${times}</td><td>${escaped(kind)}</td></tr>`);
  return [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
    `<title>${escaped(title)}</title><style>${style}</style></head><body>`,
    `<h1>${escaped(title)}</h1>`,
    verdict(found),
    figures(report),
    '<h2>Orders and harms</h2>',
    `<p class="legend">${colours.join('')}</p>`,
    chart(timeline),
    ...(found.length === 0 ? [] : [faults(report)]),
    '<h2>Harms</h2>',
    `<table>${rows.join('\n')}</table>`,
    '<h2>Again</h2>',
    `<p>The same decisions, of which the machine makes what it makes: <code>npm run chaos -- ${escaped(again(report))}</code></p>`,
    '</body></html>',
    '',
  ].join('\n');
}

function verdict(found: readonly string[]): string {
  if (found.length === 0) return '<p class="verdict holds">All proofs hold.</p>';
  const held = found.length === 1 ? '1 proof does not hold.' : `${found.length} proofs do not hold.`;
  return `<p class="verdict broken">${held}</p>`;
}

function faults({ timeline }: Report): string {
  const items = timeline.found.slice(0, 100).map(({ at, what }) => `<li>${inTime(at)}: ${escaped(what)}</li>`);
  return `<h2>What does not hold</h2>\n<ol>${items.join('\n')}</ol>`;
}

function figures(report: Report): string {
  const done = Object.values(report.harms).reduce((sum, each) => sum + each, 0);
  const shown: readonly (readonly [name: string, value: number | string])[] = [
    ['time', inTime(report.timeline.end)],
    ['orders', report.orders],
    ['sold', report.sold],
    ['declined', report.declined],
    ['rolled back', report.failed],
    ['unknown to their caller', report.unknown],
    ['harms', done],
    ['answers of caches', report.reads],
    ['of them hits', report.hits],
    ['connections at most', report.highestConnections],
    ['errors in the background', report.background],
  ];
  const items = shown.map(([name, value]) => `<div><dt>${name}</dt><dd>${escaped(String(value))}</dd></div>`);
  return `<dl>${items.join('\n')}</dl>`;
}
