// The picture of a run: what became of orders, and below it a line for each kind of harm, along the same time.
import { escaped } from '../../src/testing/escaped.ts';
import type { HarmDone, Sample, Timeline } from './timeline.ts';

const [left, width, top, height, line] = [230, 900, 24, 180, 22];
/** The most bars beside each other. */
const mostBars = 180;

/** What becomes of an order, and the class of its part of a bar: the lowest first. */
const parts = ['sold', 'declined', 'failed', 'unknown'] as const;
type Part = (typeof parts)[number];

interface Bar extends Record<Part, number> {
  readonly from: number;
  readonly to: number;
}

/** @returns an SVG */
export function chart({ end, restAt, harms, samples, found }: Timeline): string {
  const across = (at: number): number => left + (Math.min(at, end) / Math.max(end, 1)) * width;
  const kinds = [...new Set(harms.map(({ kind }) => kind))].toSorted();
  const below = top + height + 34;
  const total = below + Math.max(kinds.length, 1) * line + 10;
  return [
    `<svg viewBox="0 0 ${left + width + 20} ${total}" role="img" aria-label="Orders and harms along the time">`,
    ...rest(restAt, across, total),
    ...throughput(barsOf(samples, end), across),
    ...times(end, across),
    ...kinds.flatMap((kind, at) =>
      lane(
        kind,
        below + at * line,
        harms.filter((harm) => harm.kind === kind),
        across,
      ),
    ),
    ...found.slice(0, 20).map(({ at, what }) => {
      const x = across(at).toFixed(1);
      return `<line class="found" x1="${x}" x2="${x}" y1="${top}" y2="${total}"><title>${escaped(what)}</title></line>`;
    }),
    '</svg>',
  ].join('\n');
}

/** Orders by second, as bars of the same length. */
export function barsOf(samples: readonly Sample[], end: number): readonly Bar[] {
  const length = Math.max(1_000, end / mostBars);
  const bars = new Map<number, Bar>();
  for (const sample of samples) {
    const at = Math.floor(Math.max(0, sample.at - 1) / length);
    const bar = bars.get(at) ?? {
      from: at * length,
      to: Math.min((at + 1) * length, end),
      sold: 0,
      declined: 0,
      failed: 0,
      unknown: 0,
    };
    for (const part of parts) bar[part] += sample[part];
    bars.set(at, bar);
  }
  return [...bars.values()];
}

function throughput(bars: readonly Bar[], across: (at: number) => number): string[] {
  const seconds = ({ from, to }: Bar): number => Math.max((to - from) / 1_000, 0.001);
  const rate = (bar: Bar): number => parts.reduce((sum, part) => sum + bar[part], 0) / seconds(bar);
  const highest = Math.max(1, ...bars.map(rate));
  const most = Math.ceil(highest);
  const shown = bars.flatMap((bar) => {
    let y = top + height;
    const x = across(bar.from);
    const wide = Math.max(across(bar.to) - x - 0.5, 0.5);
    const said = `${inTime(bar.from)}: ${parts.map((part) => `${bar[part]} ${part}`).join(', ')}`;
    return parts.flatMap((part) => {
      const high = ((bar[part] / seconds(bar)) * height) / most;
      if (high === 0) return [];
      y -= high;
      const place = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${wide.toFixed(1)}" height="${high.toFixed(1)}"`;
      return [`<rect class="${part}" ${place}><title>${escaped(said)}</title></rect>`];
    });
  });
  return [
    `<text class="axis" x="${left - 8}" y="${top + 4}">${most} orders a second</text>`,
    `<text class="axis" x="${left - 8}" y="${top + height + 4}">0</text>`,
    `<line class="grid" x1="${left}" x2="${left + width}" y1="${top}" y2="${top}"/>`,
    ...shown,
    `<line class="base" x1="${left}" x2="${left + width}" y1="${top + height}" y2="${top + height}"/>`,
  ];
}

function times(end: number, across: (at: number) => number): string[] {
  const steps = [5, 10, 30, 60, 300, 600, 1_800, 3_600].map((seconds) => seconds * 1_000);
  const step = steps.find((each) => end / each <= 12) ?? 7_200_000;
  const marks: string[] = [];
  for (let at = 0; at <= end; at += step) {
    const x = across(at).toFixed(1);
    marks.push(
      `<text class="time" x="${x}" y="${top + height + 16}">${inTime(at)}</text>`,
      `<line class="grid" x1="${x}" x2="${x}" y1="${top + height}" y2="${top + height + 5}"/>`,
    );
  }
  return marks;
}

function rest(restAt: number | undefined, across: (at: number) => number, total: number): string[] {
  if (restAt === undefined) return [];
  const x = across(restAt);
  const place = `x="${x.toFixed(1)}" y="${top}" width="${(left + width - x).toFixed(1)}" height="${total - top}"`;
  return [
    `<rect class="rest" ${place}/>`,
    `<text class="resting" x="${(x + 4).toFixed(1)}" y="${top - 8}">no more harm</text>`,
  ];
}

function lane(kind: string, y: number, done: readonly HarmDone[], across: (at: number) => number): string[] {
  const middle = y + line / 2;
  return [
    `<text class="axis" x="${left - 8}" y="${middle + 4}">${escaped(kind)}</text>`,
    `<line class="grid" x1="${left}" x2="${left + width}" y1="${middle}" y2="${middle}"/>`,
    ...done.map(({ from, to }) => {
      const [x, wide] = [across(from), Math.max(across(to) - across(from), 4)];
      const place = `x="${x.toFixed(1)}" y="${y + 5}" width="${wide.toFixed(1)}" height="${line - 10}"`;
      const said = `${kind}, ${inTime(from)}, for ${Math.round(to - from)} ms`;
      return `<rect class="harm" rx="2" ${place}><title>${escaped(said)}</title></rect>`;
    }),
  ];
}

/** Minutes and seconds. */
export function inTime(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
