import { failureName } from '../../core/index.ts';
import { escaped } from '../escaped.ts';
import type { Anomaly, TriedRemedy } from './anomaly.ts';
import type { Findings } from './findings.ts';
import { shortPlace } from '../short-place.ts';
import { type InterleavedEnd, type InterleavedStep, switchesInWords } from './timeline.ts';

const style = `
:root { color-scheme: light dark; --line: #d0d4da; --soft: #f3f5f8; --text: #1b1f24; --quiet: #57606a; --bad: #b42318; --good: #1a7037; --back: #fff }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a414a; --soft: #20262d; --text: #e6e9ed; --quiet: #a3acb7; --bad: #ff9c92; --good: #7fd79b; --back: #14181d }
}
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
h1 { font-size: 1.4rem } h2 { font-size: 1.15rem; margin-top: 2.5rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; table-layout: fixed; min-width: 34rem }
th, td { border: 1px solid var(--line); padding: .45rem .6rem; text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { background: var(--soft) } .number { width: 2.5rem; color: var(--quiet) }
code { font: .85rem/1.45 ui-monospace, monospace; white-space: pre-wrap }
.place, .quiet { color: var(--quiet); font-size: .85rem } .place { display: block }
.bad { color: var(--bad) } .good { color: var(--good) }
`;

/** What is shown. */
type Reported = Pick<Findings, 'actors' | 'anomalies'> & { readonly remedies: readonly TriedRemedy[] };

/** The report as a page that needs nothing besides. It says what the text says. @param summary the first lines of that */
export function htmlOf(report: Reported, [title = '', ...rest]: readonly string[]): string {
  const notes = rest.map((line) => `<p class="quiet">${escaped(line)}</p>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(title)}</title>
<style>${style}</style>
<h1>${escaped(title)}</h1>
${[...notes, ...report.anomalies.map((anomaly) => timelineOf(report.actors, anomaly)), ...remediesOf(report)].join('\n')}
</html>
`;
}

function timelineOf(actors: readonly string[], anomaly: Anomaly): string {
  const { kind, found, pair, switches, steps, ends, explanation } = anomaly;
  const between = switchesInWords(switches);
  const said = [pair?.inWords, explanation].flatMap((each) =>
    each === undefined ? [] : [`\n<p>${escaped(each)}</p>`],
  );
  const head = actors.map((actor) => `<th scope="col">${escaped(actor)}</th>`).join('');
  const rows = steps.map((step, at) => rowOf(actors, String(at + 1), step.actor, stepOf(step)));
  const last = actors
    .map(
      (actor) =>
        `<td>${ends
          .filter((end) => end.actor === actor)
          .map(endOf)
          .join('')}</td>`,
    )
    .join('');
  return `<h2>${escaped(kind)}, with ${between}</h2>
<p>${escaped(found)}</p>${said.join('')}
<div class="wide" tabindex="0"><table>
<thead><tr><th class="number" scope="col"><span aria-label="step">#</span></th>${head}</tr></thead>
<tbody>
${rows.join('\n')}
<tr><td class="number"></td>${last}</tr>
</tbody></table></div>`;
}

function rowOf(actors: readonly string[], number: string, actor: string, content: string): string {
  const cells = actors.map((each) => `<td>${each === actor ? content : ''}</td>`).join('');
  return `<tr><td class="number">${number}</td>${cells}</tr>`;
}

function stepOf({ text, place, waitedFor, failure }: InterleavedStep): string {
  const waits = waitedFor.length === 0 ? '' : `<span class="place">waits for ${escaped(waitedFor.join(', '))}</span>`;
  const fails = failure === undefined ? '' : `<span class="place bad">fails: ${escaped(failure)}</span>`;
  const at = place === undefined ? '' : `<span class="place">${escaped(shortPlace(place))}</span>`;
  return `<code>${escaped(text)}</code>${at}${waits}${fails}`;
}

function endOf({ type, value }: InterleavedEnd): string {
  return type === 'threw' ? `<span class="bad">threw: ${escaped(failureName(value))}</span>` : 'returned';
}

function resultless(orders: number): string {
  return orders === 0 ? 'not tried' : 'does not work';
}

function remediesOf({ remedies }: Reported): readonly string[] {
  if (remedies.length === 0) return [];
  const tried = remedies.map(
    ({ inWords, works, orders }) =>
      `<li><strong class="${works === true ? 'good' : 'bad'}">${works === true ? 'works' : resultless(orders)}</strong> ${escaped(inWords)}</li>`,
  );
  return [`<h2>What was tried against it</h2>\n<ul>\n${tried.join('\n')}\n</ul>`];
}
