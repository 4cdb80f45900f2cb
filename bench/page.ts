// Makes of the figures of `npm run bench -- --json` what is on the page of benchmarks: tables, which it prints, the sections on flights and brokers, which it writes there, and charts.
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { BrokerFigure } from './brokers/suite.ts';
import { brokersSection, withBrokers } from './brokers/page.ts';
import { barChart, svg, text } from './charts.ts';
import { flightsChart, flightsSection, withFlights } from './flights/page.ts';
import type { FlightFigure } from './flights/suite.ts';

interface Figure {
  readonly peer: string;
  readonly workload: string;
  readonly throughput: number;
  readonly throughputSpread: readonly [number, number];
  readonly cpu: number;
}
interface Growth {
  readonly name: string;
  readonly unit: string;
  readonly points: readonly (readonly [number, number])[];
}

const file = process.argv[2];
if (file === undefined)
  throw new Error('Usage: node bench/page.ts <file with the output of "npm run bench -- --json">');
const { node, load, processors, peers, flights, brokers, growth } = JSON.parse(readFileSync(file, 'utf8')) as {
  readonly node: string;
  readonly load?: number;
  readonly processors?: number;
  readonly peers?: readonly Figure[];
  readonly flights?: readonly FlightFigure[];
  readonly brokers?: readonly BrokerFigure[];
  readonly growth?: readonly Growth[];
};
const docs = fileURLToPath(new URL('../docs/', import.meta.url));
if (peers !== undefined) {
  console.log(peerTable(peers));
  writeFileSync(`${docs}benchmarks-peers.svg`, peerChart(peers));
}
if (flights !== undefined) {
  const page = `${docs}benchmarks.md`;
  writeFileSync(page, withFlights(readFileSync(page, 'utf8'), flightsSection(flights, node)));
  writeFileSync(`${docs}benchmarks-flights.svg`, flightsChart(flights));
}
if (brokers !== undefined) {
  const page = `${docs}benchmarks.md`;
  const busy = `When it began, ${load} processes ran or waited for one of ${processors} processors, those of other programs included.`;
  writeFileSync(page, withBrokers(readFileSync(page, 'utf8'), brokersSection(brokers, node, busy)));
}
if (growth !== undefined) {
  console.log(growthTable(growth));
  writeFileSync(`${docs}benchmarks-growth.svg`, growthChart(growth));
}

/** A row for each workload, a column for each package; Sluice is in every group, and is shown with the mean of them. */
function peerTable(figures: readonly Figure[]): string {
  const names = [...new Set(figures.map(({ peer }) => peer))].filter((name) => name !== 'sluice');
  const columns = ['sluice', ...names];
  const rows = [...new Set(figures.map(({ workload }) => workload))].map((workload) => {
    const cells = columns.map((name) => {
      const found = figures.filter((figure) => figure.workload === workload && figure.peer === name);
      return found.length === 0 ? '' : `${mean(found, 'throughput')} (${mean(found, 'cpu')})`;
    });
    return `| ${[workload.replace(', 1 callers', ', 1 caller'), ...cells].join(' | ')} |`;
  });
  return [`| | ${columns.join(' | ')} |`, `|---|${columns.map(() => '---|').join('')}`, ...rows].join('\n');
}

function mean(figures: readonly Figure[], what: 'throughput' | 'cpu'): string {
  return (figures.reduce((sum, figure) => sum + figure[what], 0) / figures.length).toFixed(2);
}

function peerChart(figures: readonly Figure[]): string {
  const workloads = ['one statement, 16 callers', '5 statements, 16 callers', '1 ms each way, one statement, 1 caller'];
  const names = [...new Set(figures.map(({ peer }) => peer))];
  const groups = workloads.map((workload) => ({
    title: `${workload}: throughput, raw pg = 1`,
    bars: names
      .map((name) => ({
        name,
        value: Number(
          mean(
            figures.filter((figure) => figure.workload === workload && figure.peer === name),
            'throughput',
          ),
        ),
        ours: name === 'sluice',
      }))
      .filter(({ value }) => Number.isFinite(value)),
  }));
  return barChart(groups, 260);
}

function growthTable(series: readonly Growth[]): string {
  const rows = series.map(({ name, unit, points }) => {
    const costs = points.map(
      ([size, cost]) => `${size.toLocaleString('en')}: ${Math.round(cost).toLocaleString('en')} ${unit}`,
    );
    return `| ${name} | ${costs.join(' · ')} |`;
  });
  return ['| | |', '|---|---|', ...rows].join('\n');
}

/** How often the cost of the smallest size; both axes are logarithmic. */
function growthChart(series: readonly Growth[]): string {
  const [left, top, width, height] = [60, 20, 420, 260];
  const colors = ['#2563eb', '#dc2626', '#16a34a', '#d97706', '#7c3aed', '#0891b2', '#be185d', '#475569', '#65a30d'];
  const most = Math.max(...series.flatMap(({ points }) => points.map(([size]) => size)));
  const across = (size: number): number => left + (Math.log10(size) / Math.log10(most)) * width;
  // From a quarter to sixteen times.
  const down = (ratio: number): number =>
    top + height - ((Math.log2(Math.min(16, Math.max(0.25, ratio))) + 2) / 6) * height;
  const parts = [0.25, 0.5, 1, 2, 4, 8, 16].flatMap((ratio) => [
    `<line x1="${left}" y1="${down(ratio)}" x2="${left + width}" y2="${down(ratio)}" stroke="${ratio === 1 ? '#334155' : '#e2e8f0'}"/>`,
    text(left - 8, down(ratio) + 4, `x ${ratio}`, 'normal', 'end'),
  ]);
  for (let size = 1; size <= most; size *= 10)
    parts.push(text(across(size), top + height + 18, size.toLocaleString('en'), 'normal', 'middle'));
  for (const [index, { name, points }] of series.entries()) {
    const color = colors[index % colors.length] ?? '#000';
    const [first] = points;
    if (first === undefined) continue;
    const line = points.map(([size, cost]) => `${across(size)},${down(cost / first[1])}`).join(' ');
    parts.push(`<polyline points="${line}" fill="none" stroke="${color}" stroke-width="2"/>`);
    parts.push(`<rect x="${left + width + 20}" y="${top + index * 20}" width="12" height="12" fill="${color}"/>`);
    parts.push(text(left + width + 38, top + index * 20 + 11, name));
  }
  return svg(960, top + height + 40, parts);
}
