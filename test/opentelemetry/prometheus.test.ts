// The recipe of docs/opentelemetry.md as it is written, and what the dashboard asks of it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { entryPoints } from '../docs/public-api.ts';
import { examplesOf } from '../docs/markdown.ts';
import { useTestDatabase } from '../support/database.ts';
import { until } from '../support/settled.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(root, 'test/docs/.examples-'));
const server = useTestDatabase();
let scraped = '';
let stop: (() => void) | undefined;

beforeAll(async () => {
  const port = await freePort();
  const page = readFileSync(join(root, 'docs/opentelemetry.md'), 'utf8');
  const recipe = examplesOf(page).find((code) => code.includes('PrometheusExporter')) ?? '';
  const code = recipe
    .replace('listen(3000)', `listen(${port}, '127.0.0.1')`)
    .replace('process.env.DATABASE_URL', 'process.env.DATABASE_URL, max: 1, maxLevel: 1, acquireTimeout: 3_000')
    .replaceAll(/from '(sluice[^']*)'/g, (_, name: string) => `from '${join(root, entryPoints().get(name) ?? '')}'`);
  const program = [
    `import { exercise } from ${JSON.stringify(join(root, 'test/processes/programs/measured.ts'))};`,
    code,
    'await exercise(database);',
    "console.log('ready');",
  ];
  writeFileSync(join(folder, 'recipe.mts'), program.join('\n'));
  const env = { ...process.env, DATABASE_URL: server.url };
  const child = spawn(process.execPath, [join(folder, 'recipe.mts')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  stop = () => child.kill();
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (said += String(data)));
  await until(
    'the program is ready',
    () => {
      if (child.exitCode !== null) throw new Error(said);
      return said.includes('ready');
    },
    60_000,
  );
  scraped = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
}, 70_000);
afterAll(() => {
  stop?.();
  rmSync(folder, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

interface Panel {
  readonly targets?: readonly { readonly expr: string }[];
}

const dashboard = JSON.parse(readFileSync(join(root, 'docs/grafana/sluice.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
};
const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
const samples = (): readonly string[] => scraped.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
const namesOf = (lines: readonly string[]): ReadonlySet<string> =>
  new Set(lines.map((line) => line.split(/[ {]/)[0] ?? ''));

describe('the dashboard for Grafana', () => {
  it('asks for metrics, and by labels, that Prometheus gets', () => {
    const there = namesOf(samples());
    expect(queries.length).toBeGreaterThan(15);
    for (const query of queries) {
      const asked = [...query.matchAll(/\b([a-z_]+)\{([^}]*)\}/g)];
      expect(asked.length, query).toBeGreaterThan(0);
      for (const [, name = '', matchers = ''] of asked) {
        expect([...there], query).toContain(name);
        const by = [...query.matchAll(/by \(([^)]*)\)/g)].flatMap(([, labels = '']) => labels.split(', '));
        const matched = [...matchers.matchAll(/(\w+)(?==~?"|!=")/g)].map(([, label = '']) => label);
        // What scrapes gives the label.
        const labels = [...by, ...matched].filter((label) => label !== 'job');
        const lines = samples().filter((line) => line.startsWith(`${name}{`));
        for (const label of labels)
          expect(
            lines.some((line) => line.includes(`${label}="`)),
            `${name} by ${label}`,
          ).toBe(true);
      }
    }
  });

  it('shows each metric of Sluice', () => {
    const all = queries.join('\n');
    const own = [...namesOf(samples())].filter((name) => /^(?:db_client|sluice)_/.test(name));
    const bases = new Set(own.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')));
    const hidden = [...bases].filter((name) => !all.includes(name) && name !== 'db_client_connection_idle_max');
    expect(hidden).toEqual([]);
  });
});

it('the page names each metric that there is', () => {
  const page = readFileSync(join(root, 'docs/opentelemetry.md'), 'utf8');
  const named = [...page.matchAll(/`((?:db\.client|sluice)\.[a-z_.]+)`/g)].map(([, name = '']) => name);
  const there = [...scraped.matchAll(/^# TYPE ((?:db_client|sluice)_\w+)/gm)].map(([, name = '']) => name);
  const asPrometheus = new Set(
    named.flatMap((name) => {
      const plain = name.replaceAll('.', '_');
      return [plain, `${plain}_total`];
    }),
  );
  expect(there.length).toBeGreaterThan(15);
  expect(there.filter((name) => !asPrometheus.has(name))).toEqual([]);
});
