import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { examineProject } from '../../src/cli/sluice/doctor/examine.ts';
import type { Finding } from '../../src/cli/sluice/doctor/finding.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
  // Where a search upwards ends.
  mkdirSync(join(folder, '.git'));
  write('package.json', '{}');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function install(place: string, version: string): void {
  write(join(place, 'package.json'), JSON.stringify({ name: place, version }));
}

/** The ESLint of this repository, as if it were the program's. */
function installEslint(): void {
  mkdirSync(join(folder, 'node_modules'), { recursive: true });
  symlinkSync(join(root, 'node_modules/eslint'), join(folder, 'node_modules/eslint'));
}

async function look(node = '24.1.0', at = folder): Promise<readonly Finding[]> {
  return (await examineProject(at, node, () => {})).findings;
}
const codesOf = (findings: readonly Finding[]): readonly string[] => findings.map(({ code }) => code);

describe('Node.js', () => {
  it.each([
    ['20.11.0', ['NODE_TOO_OLD']],
    ['22.11.9', ['NODE_TOO_OLD']],
    ['22.12.0', ['NODE_SLOWER']],
    ['24.0.0', []],
    ['26.1.0', []],
  ])('%s', async (node, codes) => {
    expect(codesOf(await look(node))).toEqual(codes);
  });
});

describe('copies of packages', () => {
  it('finds one that another package has brought, with versions and places', async () => {
    install('node_modules/pg', '8.23.1');
    install('node_modules/@mikro-orm/postgresql/node_modules/pg', '8.16.0');
    const [finding, ...others] = await look();
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ code: 'TWO_COPIES', severity: 'warning' });
    expect(finding?.what).toContain('8.23.1 in node_modules/pg');
    expect(finding?.what).toContain('8.16.0 in node_modules/@mikro-orm/postgresql/node_modules/pg');
    expect(finding?.remedy).toContain('npm ls pg');
  });

  it('finds those of a workspace, seen from one of its packages', async () => {
    install('node_modules/sluice', '0.1.0');
    install('apps/shop/node_modules/sluice', '0.2.0');
    write('apps/shop/package.json', '{}');
    expect(codesOf(await look('24.0.0', join(folder, 'apps/shop')))).toEqual(['TWO_COPIES']);
    expect(codesOf(await look())).toEqual([]);
  });

  it('finds those of pnpm, and takes links to one of them for the same', async () => {
    const store = 'node_modules/.pnpm';
    install(`${store}/pg@8.23.1/node_modules/pg`, '8.23.1');
    mkdirSync(join(folder, `${store}/pg-boss@12.0.0/node_modules/pg-boss`), { recursive: true });
    const link = (at: string): void =>
      symlinkSync(join(folder, `${store}/pg@8.23.1/node_modules/pg`), join(folder, at), 'dir');
    link(`${store}/pg-boss@12.0.0/node_modules/pg`);
    link('node_modules/pg');
    expect(await look()).toEqual([]);
    install(`${store}/pg@8.11.0/node_modules/pg`, '8.11.0');
    expect(codesOf(await look())).toEqual(['TWO_COPIES']);
  });

  it('says nothing of packages of which there may be many, nor of one that is linked into itself', async () => {
    install('node_modules/ms', '1.0.0');
    install('node_modules/debug/node_modules/ms', '2.0.0');
    install('node_modules/pg', '8.23.1');
    symlinkSync(folder, join(folder, 'node_modules/shop'), 'dir');
    expect(await look()).toEqual([]);
  });

  it('has no trouble with a package.json that is none', async () => {
    write('node_modules/pg/package.json', '{');
    write('node_modules/x/node_modules/pg/package.json', '{"version": 7}');
    expect(codesOf(await look())).toEqual(['TWO_COPIES']);
  });
});

describe('unbound libraries', () => {
  const unbound = `import { Kysely, PostgresDialect } from 'kysely';
import { ambientPool } from 'sluice/postgres';
import { database } from './database.js';
export const kysely = new Kysely({ dialect: new PostgresDialect({ pool: ambientPool(database) }) });
`;
  const bound = unbound
    .replace('new Kysely(', 'bindKysely(new Kysely(')
    .replace(' });\n', ' }), database);\n')
    .replace("from 'kysely';", "from 'kysely';\nimport { bindKysely } from 'sluice/kysely';");

  it('finds a handle over an ambient pool without its bind, with file, line and remedy', async () => {
    installEslint();
    write('src/kysely.js', unbound);
    const [finding, ...others] = await look();
    expect(others).toEqual([]);
    expect(finding).toMatchObject({ code: 'LIBRARY_UNBOUND', severity: 'warning', where: 'src/kysely.js:4' });
    expect(finding?.remedy).toContain('bindKysely(handle, database) of sluice/kysely');
  });

  it('reads TypeScript, also without its parser', async () => {
    installEslint();
    write('src/kysely.ts', `${unbound}export const most: number = 1 as const;\n`);
    expect(await look()).toMatchObject([{ code: 'LIBRARY_UNBOUND', where: 'src/kysely.ts:4' }]);
  });

  it('says nothing of one that is bound, in a test, in what was built, or that is meant so', async () => {
    installEslint();
    write('src/kysely.js', bound);
    for (const file of ['test/a.js', 'src/a.test.js', 'dist/a.js', 'node_modules/x/a.js', '.cache/a.js'])
      write(file, unbound);
    write(
      'scripts/seed.js',
      unbound.replace('export const', '// eslint-disable-next-line sluice/no-unbound\nexport const'),
    );
    expect(await look()).toEqual([]);
  });

  it('says what it could not read: without ESLint, and what is more than types without a parser', async () => {
    write('src/kysely.ts', `${unbound}enum Colour { red }\n`);
    expect(await look()).toMatchObject([
      { code: 'CODE_NOT_READ', severity: 'note', remedy: 'npm install --save-dev eslint' },
    ]);
    installEslint();
    expect(await look()).toMatchObject([
      { code: 'CODE_NOT_READ', where: 'src/kysely.ts', remedy: 'npm install --save-dev @typescript-eslint/parser' },
    ]);
  });

  it('needs no ESLint where no file has a library', async () => {
    write('src/a.js', "import { createServer } from 'node:http';\n");
    expect(await look()).toEqual([]);
  });
});
