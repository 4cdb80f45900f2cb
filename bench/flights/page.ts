// The section of the page of benchmarks on statements that travel together.
import { barChart } from '../charts.ts';
import { show } from '../show.ts';
import type { FlightFigure } from './suite.ts';

/** Why a goal may be missed, by what the names of its workloads have in common. */
const reasons: readonly (readonly [string, (workload: string, figures: readonly FlightFigure[]) => string])[] = [
  [
    'way, Promise.all of 5 updates',
    (workload, figures) =>
      `seven round trips have become two, which is 3.5 at most; the rest is the time of the server and of the program. In the same run ${said(figures, workload, ['pg, pipelined by hand', 'postgres.js', 'sluice, batch'])}.${behindHand(figures, workload)}`,
  ],
  [
    'Promise.all of 5 updates',
    (workload, figures) =>
      `seven round trips have become two, but the server runs as many statements as before, on the processors that the program has. In the same run ${said(figures, workload, ['pg, pipelined by hand', 'postgres.js', 'sluice, batch'])}; the last one is one round trip for all.${behindHand(figures, workload)}`,
  ],
  [
    'a tenant',
    (workload, figures) =>
      `four round trips have become two, which is 2.0 at most where the network takes the time. A statement that is the [\`last\`](transactions.md#one-round-trip-batch-and-last) of its transaction takes one. In the same run ${said(figures, workload, ['pg, pipelined by hand', 'sluice, settings, last'])}.`,
  ],
  [
    'TypeORM, save of 20 new',
    () =>
      'the goal took twenty INSERTs for granted. TypeORM 1 puts new entities into one INSERT by itself, so a `save` takes three round trips alone and two over Sluice, which is 1.5 at most. It updates changed entities one after the other, with and without Sluice.',
  ],
  [
    'a read by its key',
    (workload, figures) =>
      `reads share a write as soon as two connections carry some, and each is still a transaction of its own to the server, on the processors that the program has. In the same run ${said(figures, workload, ['postgres.js', 'sluice'])}; without \`shareReads\` each connection carries one read at a time.`,
  ],
];

export function flightsSection(figures: readonly FlightFigure[], node: string): string {
  return `## Flights

Statements that are issued together [travel together](engines.md#pipelining), [settings by context](guides/multi-tenant.md) travel with the first statement, transactions that wait for a connection may [begin with the COMMIT before them](engines.md#postgresql-a-commit-and-the-next-transaction), and quick reads of many callers may [share connections](engines.md#postgresql-shared-reads). ${figures[0]?.rounds} interleaved rounds of 0.75 s on Node.js ${node.replace('v', '')} and 10 connections, \`npm run bench -- --only flights\`, which checks the result of each contender first; \`npm run bench:page\` makes this section of the output of \`--json\`. What is 1 is \`pg\` with a round trip for each command, or the library on a pool of its own. "pg, pipelined by hand" has its \`pipeline\` on, statements with names, and BEGIN issued with them. "no pipelining" is \`pipelining: false\`, "shared reads" is \`shareReads: true\`, "following COMMITs" is \`followCommits: true\`. On its own \`trx\` Kysely sends one statement after the other by itself.

![Throughput of what travels together](benchmarks-flights.svg)

${table(figures)}

The goals, and what became of them:

${goals(figures).join('\n')}

The round trips of transactions and libraries are exact, and tested ([test/integration/pipelining.test.ts](../test/integration/pipelining.test.ts)).
`;
}

/** Puts the section into the page, in the place of the one before. */
export function withFlights(page: string, section: string): string {
  const [title, next] = ['## Flights\n', '## With growing load\n'];
  const end = page.indexOf(next);
  if (end < 0) throw new Error(`the page has no ${next.trim()}, before which flights are`);
  const start = page.indexOf(title);
  return `${page.slice(0, start < 0 ? end : start)}${section}\n${page.slice(end)}`;
}

export function flightsChart(figures: readonly FlightFigure[]): string {
  const groups = workloadsOf(figures.filter(({ goal }) => goal !== undefined)).map((workload) => {
    const all = figures.filter((figure) => figure.workload === workload);
    return {
      title: `${workload}: throughput, ${all[0]?.measure} = 1`,
      bars: all.map(({ contender, throughput }) => ({
        name: contender,
        value: throughput,
        ours: contender.startsWith('sluice'),
      })),
    };
  });
  return barChart(groups, 70);
}

function table(figures: readonly FlightFigure[]): string {
  const rows = workloadsOf(figures).flatMap((workload) =>
    figures
      .filter((figure) => figure.workload === workload)
      .map(({ measure, contender, throughput, throughputSpread, cpu, cpuSpread }, index) => {
        const what = index === 0 ? `${workload} (1: ${measure})` : '';
        return `| ${what} | ${contender} | ${show(throughput, throughputSpread)} | ${show(cpu, cpuSpread)} |`;
      }),
  );
  return ['| workload | | throughput | processor time |', '|---|---|---|---|', ...rows].join('\n');
}

function goals(figures: readonly FlightFigure[]): string[] {
  return figures.flatMap((figure) => {
    const { workload, contender, goal, throughput, cpu } = figure;
    if (goal === undefined) return [];
    const isMet = throughput >= goal.throughput && cpu <= (goal.cpu ?? Number.POSITIVE_INFINITY);
    const why = isMet ? undefined : reasons.find(([part]) => workload.includes(part))?.[1](workload, figures);
    const verdict = isMet ? 'reached' : 'not reached';
    const [most, busy] =
      goal.cpu === undefined ? ['', ''] : [` with ${goal.cpu} of the processor time`, ` with ${cpu.toFixed(2)}`];
    const outcome = `The goal was ${goal.throughput.toFixed(1)}${most}, measured ${throughput.toFixed(2)}${busy}.`;
    return [`- **${workload}, "${contender}": ${verdict}.** ${outcome}${why === undefined ? '' : ` Why: ${why}`}`];
  });
}

/** Where the same by hand is ahead, it is not for the server alone. */
function behindHand(figures: readonly FlightFigure[], workload: string): string {
  const of = (name: string): number =>
    figures.find((figure) => figure.workload === workload && figure.contender === name)?.throughput ?? Number.NaN;
  return of('pg, pipelined by hand') > of('sluice')
    ? ' By hand there are as many round trips: what is missing to that is what Sluice costs by itself.'
    : '';
}

function said(figures: readonly FlightFigure[], workload: string, contenders: readonly string[]): string {
  const all = contenders
    .flatMap((name) => figures.find((figure) => figure.workload === workload && figure.contender === name) ?? [])
    .map(({ contender, throughput }) => `"${contender}" came to ${throughput.toFixed(2)}`);
  return [all.slice(0, -1).join(', '), ...all.slice(-1)].filter((part) => part !== '').join(' and ');
}

function workloadsOf(figures: readonly FlightFigure[]): string[] {
  return [...new Set(figures.map(({ workload }) => workload))];
}
