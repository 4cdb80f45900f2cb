// What a reader copies from a page runs, on the tables that the README makes.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { useTestDatabase } from '../support/database.ts';
import { examplesOf } from './markdown.ts';
import { entryPoints } from './public-api.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(root, 'test/docs/.examples-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const server = useTestDatabase(
  'create table sale (product_id int not null)',
  'create table audit (event text not null)',
  'create table invoice (order_id int not null)',
  'create table stock ("productId" text primary key, available int not null)',
  'create table post (id serial primary key, title text not null, views int not null default 0)',
);

/** Needs what the test has not: a part of a program, a compiler for decorators, other servers, tables of DBOS, a test runner. */
function needsMore(code: string): boolean {
  const packages = [...code.matchAll(/from '([^']+)'/g)].map(([, name = '']) => name);
  return (
    /^declare |^ *@/m.test(code) ||
    packages.some((name) =>
      /^(?:vitest|node:test|ioredis|@nats-io.*|@dbos-inc.*|sluice\/(?:mysql|testing|queue\/bullmq|outbox\/).*)$/.test(
        name,
      ),
    )
  );
}

/** The example with the source in place of the package, and any port that is free in place of its own. */
function onSource(code: string): string {
  return code.replaceAll(/\b3000\b/g, '0').replaceAll(/from '(sluice[^']*)'/g, (text, name: string) => {
    const file = entryPoints().get(name);
    return file === undefined ? text : `from ${JSON.stringify(join(root, file))}`;
  });
}

it('the examples run that need no more than PostgreSQL', { timeout: 240_000 }, async () => {
  const examples = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .flatMap((page) => {
      const blocks = examplesOf(readFileSync(join(root, 'docs', page), 'utf8'));
      return blocks.map((code, index) => ({ name: `${page.replaceAll(/\W/g, '-')}-${index}.mts`, code }));
    })
    .filter(({ code }) => !needsMore(code))
    // The functions of `sluice/typeorm` mean the first data source of a process.
    .sort((a, b) => Number(b.code.includes('initDatabase')) - Number(a.code.includes('initDatabase')));
  expect(examples.length).toBeGreaterThanOrEqual(30);
  for (const { name, code } of examples) writeFileSync(join(folder, name), onSource(code));
  const main = [
    ...examples.map(
      ({ name }) => `console.log(${JSON.stringify(name)});\nawait import(${JSON.stringify(`./${name}`)});`,
    ),
    // The databases of the examples stay open, as those of a program.
    `console.log('done');\nprocess.exit();`,
  ];
  writeFileSync(join(folder, 'main.mts'), main.join('\n'));
  await server.sql("insert into stock values ('a', 1), ('b', 1)");
  await server.sql('insert into product (id, stock) values (1, 5)');
  const secret = 'a secret of the services of the shop';
  const env = {
    ...process.env,
    DATABASE_URL: server.url,
    REPORTS_URL: server.url,
    CONTEXT_SECRET: secret,
    SLUICE_SECRET: secret,
  };
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, 'main.mts')], { encoding: 'utf8', env });
  expect(stderr).toBe('');
  expect(stdout).toMatch(/\ndone\n$/);
});

it(
  'the guide for end-to-end tests passes as it is, and leaves nothing in the database',
  { timeout: 240_000 },
  async () => {
    const [guide = ''] = examplesOf(readFileSync(join(root, 'docs/guides/e2e-tests.md'), 'utf8'));
    await server.sql('delete from sale');
    const own = join(folder, 'e2e');
    mkdirSync(own);
    writeFileSync(join(own, 'sales.test.ts'), onSource(guide));
    writeFileSync(join(own, 'vitest.config.ts'), 'export default {};');
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', own],
      { encoding: 'utf8', env: { ...process.env, DATABASE_URL: server.url } },
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('1 passed');
    expect(await server.sql('select * from sale where product_id = 7')).toEqual([]);
  },
);
