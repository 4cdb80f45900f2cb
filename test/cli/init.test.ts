import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { sql as drizzleSql } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { Knex } from 'knex';
import type { Kysely } from 'kysely';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readProject } from '../../src/cli/sluice/init/project.ts';
import { startingFile } from '../../src/cli/sluice/init/starting-file.ts';
import type { Database } from '../../src/index.ts';
import { compile } from '../docs/examples.ts';
import { entryPoints } from '../docs/public-api.ts';
import { useTestDatabase } from '../support/database.ts';

const server = useTestDatabase('create table sale (product_id int not null)');
const program = fileURLToPath(new URL('../../src/cli/sluice/main.ts', import.meta.url));
const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'sluice-init-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** @param packages names, or names with the version behind an "=" */
function manifest(packages: readonly string[], type?: 'module', more: object = {}): void {
  const dependencies = Object.fromEntries(packages.map((each) => [...each.split('='), '*']));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type, dependencies, ...more }));
}

function sluice(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [program, 'init', ...args], { cwd: folder, encoding: 'utf8' });
}

function textFor(packages: readonly string[], type?: 'module'): string {
  manifest(packages, type);
  return startingFile(readProject(folder)).text;
}

const libraries = ['kysely', 'drizzle-orm', 'knex', 'typeorm', '@prisma/client', '@mikro-orm/core'];

describe('sluice init', () => {
  it('writes a file for what it finds, and says what to do next', () => {
    manifest(['typescript', 'kysely', 'fastify', 'pg'], 'module');
    mkdirSync(join(folder, 'src'));
    const { status, stdout } = sluice();
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Found TypeScript, PostgreSQL, kysely, fastify\.\nWrote src\/database\.ts\.\n/);
    expect(stdout).toContain('npm install sluice\n');
    expect(stdout).toContain('app.register(sluice(database, { shutdown: {} })) of sluice/fastify');
    expect(stdout).toContain('docs/kysely.md');
    expect(readFileSync(join(folder, 'src/database.ts'), 'utf8')).toContain('bindKysely(');
  });

  it('leaves a file that is there as it is', () => {
    manifest(['pg']);
    writeFileSync(join(folder, 'database.js'), 'mine');
    const { status, stderr } = sluice();
    expect(status).toBe(1);
    expect(stderr).toBe('database.js is there already, and was left as it is. Print the file with --dry-run.\n');
    expect(readFileSync(join(folder, 'database.js'), 'utf8')).toBe('mine');
  });

  it('writes nothing with --dry-run', () => {
    manifest(['mysql2', 'drizzle-orm'], 'module');
    const { status, stdout } = sluice('--dry-run');
    expect(status).toBe(0);
    expect(stdout).toContain("from 'drizzle-orm/mysql2'");
    expect(existsSync(join(folder, 'database.js'))).toBe(false);
  });

  it('takes another folder', () => {
    manifest([]);
    const { status } = spawnSync(process.execPath, [program, 'init', '--dir', folder], { cwd: root });
    expect(status).toBe(0);
    expect(existsSync(join(folder, 'database.js'))).toBe(true);
  });

  it.each([
    ['no package.json', undefined, 'cannot be read. Run this in the folder of your program, or give --dir <folder>.'],
    ['a package.json that is no JSON', '{', 'holds no JSON object. Correct it first.'],
    ['a package.json that is a list', '[]', 'holds no JSON object. Correct it first.'],
  ])('says what is wrong with %s', (_what, text, message) => {
    if (text !== undefined) writeFileSync(join(folder, 'package.json'), text);
    const { status, stdout, stderr } = sluice();
    expect(status).toBe(1);
    expect(stderr.trimEnd().endsWith(message)).toBe(true);
    expect(stdout).toBe('');
  });

  it('says where it cannot write', () => {
    manifest([]);
    // A folder into which nobody may write, root included.
    symlinkSync('/proc', join(folder, 'src'));
    const { status, stderr } = sluice();
    expect(status).toBe(1);
    expect(stderr).toMatch(/^src\/database\.js cannot be written \(E\w+\)/);
  });

  it.each([['--force'], ['more'], ['--dir']])('refuses %s, and shows how it is used', (argument) => {
    manifest([]);
    const { status, stderr } = sluice(argument);
    expect(status).toBe(2);
    expect(stderr).toContain('sluice init [--dir <folder>] [--dry-run]');
  });

  it.each([
    [['better-sqlite3'], 'SQLite', "sqlite({ file: process.env['DATABASE_FILE'] ?? 'app.db' })"],
    [[], 'no driver (PostgreSQL is assumed)', 'postgres({'],
    [['@prisma/adapter-pg'], 'PostgreSQL', 'postgres({'],
    [['mysql2'], 'MySQL', 'mysql({'],
  ])('says of %j what its engine is', (packages, found, code) => {
    manifest(packages);
    const { status, stdout } = sluice('--dry-run');
    expect(status).toBe(0);
    expect(stdout).toContain(`Found JavaScript (CommonJS), ${found}.`);
    expect(stdout).toContain(code);
  });

  it('gives a handle of every library that it finds', () => {
    manifest(['pg', 'typeorm', 'kysely', 'drizzle-orm', 'knex']);
    const { stdout } = sluice('--dry-run');
    expect(stdout).toContain('PostgreSQL, typeorm, drizzle, kysely, knex.');
    for (const name of ['createDataSource(', 'bindKysely(', 'bindDrizzle(', 'createKnex('])
      expect(stdout).toContain(name);
  });

  it('leaves the shutdown of an application of Nest, and its data source, to the modules', () => {
    manifest(['pg', 'typescript', '@nestjs/core', '@nestjs/typeorm', 'typeorm']);
    const { stdout } = sluice('--dry-run');
    expect(stdout).toContain('SluiceModule.forRoot({ database, closeOnShutdown: true })');
    expect(stdout).toContain('TypeOrmModule.forRootAsync(typeOrmOptions(createDataSource,');
    expect(stdout).not.toMatch(/closeDatabase|export const dataSource/);
  });

  it.each([
    [
      '@prisma/client=5.0.0',
      'Sluice works with prisma from 7 on, and 5.0.0 is here; it is not in the file.',
      'bindPrisma',
    ],
    ['@prisma/client=^6.19.0', 'prisma from 7 on, and ^6.19.0 is here', 'bindPrisma'],
    ['@mikro-orm/core=~6.4.1', 'mikro-orm from 7 on', 'bindMikroOrm'],
    ['drizzle-orm=^0.30.2', 'drizzle from 0.36 on', 'bindDrizzle'],
  ])('writes no code for %s, which its own function would refuse', (dependency, message, code) => {
    manifest(['pg', dependency]);
    const { stdout } = sluice('--dry-run');
    expect(stdout).toContain(message);
    expect(stdout).not.toContain(code);
  });

  it.each(['^7.1.0', 'latest', 'workspace:*', '*'])('takes a version that may fit: %s', (version) => {
    manifest(['pg', `@prisma/client=${version}`]);
    expect(sluice('--dry-run').stdout).toContain('bindPrisma(');
  });

  it('goes by the version that is installed', () => {
    manifest(['pg', '@prisma/client=*']);
    mkdirSync(join(folder, 'node_modules/@prisma/client'), { recursive: true });
    writeFileSync(join(folder, 'node_modules/@prisma/client/package.json'), '{ "version": "6.2.1" }');
    expect(sluice('--dry-run').stdout).toContain('prisma from 7 on, and 6.2.1 is here');
  });

  it('wants the package to be named at the root of a workspace', () => {
    manifest([], undefined, { workspaces: ['packages/*'] });
    const { status, stderr } = sluice();
    expect(status).toBe(1);
    expect(stderr).toContain('is the root of a workspace. Give the folder of the package');
    expect(existsSync(join(folder, 'database.js'))).toBe(false);
    expect(sluice('--dir', '.').status).toBe(0);
  });

  it('reads a package.json with a byte order mark', () => {
    writeFileSync(join(folder, 'package.json'), '\uFEFF{"dependencies":{"mysql2":"3"}}');
    expect(sluice().stdout).toContain('MySQL');
  });

  it('gives the database alone where a library is not carried on the engine', () => {
    manifest(['mysql2', '@prisma/client']);
    expect(startingFile(readProject(folder)).next.join('\n')).toContain('does not carry prisma');
  });
});

describe('the files', () => {
  it('compile against the libraries', { timeout: 120_000 }, () => {
    const examples = ['pg', 'mysql2'].flatMap((driver) =>
      [undefined, ...libraries].map((library) => {
        const text = textFor(['typescript', driver, ...(library === undefined ? [] : [library])], 'module');
        const name = `${driver}-${(library ?? 'alone').replaceAll(/\W/g, '')}`;
        // Its client is generated for a schema.
        return { name, code: text.replace("'@prisma/client'", "'./generated.ts'") };
      }),
    );
    examples.push({
      name: 'several',
      code: textFor(['typescript', 'pg', 'kysely', 'knex', 'typeorm', '@mikro-orm/core'], 'module'),
    });
    const generated = `export declare class PrismaClient {
      constructor(options: { adapter: unknown });
      $disconnect(): Promise<void>;
    }`;
    const target = mkdtempSync(join(root, 'test/cli/.init-'));
    try {
      expect(compile(target, [...examples, { name: 'generated', code: generated }])).toBe('');
    } finally {
      rmSync(target, { recursive: true });
    }
    expect(examples).toHaveLength(15);
  });

  it.each(['module', undefined] as const)('are JavaScript, as %s', (type) => {
    for (const library of libraries) {
      const text = textFor(['pg', library], type);
      const file = join(folder, type === 'module' ? 'file.mjs' : 'file.cjs');
      writeFileSync(file, text);
      const { status, stderr } = spawnSync(process.execPath, ['--check', file], { encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      expect(text).not.toMatch(/[‹›]/);
      expect(text.includes('module.exports = { database, ')).toBe(type === undefined);
    }
  });

  /** What inserts a row with the handle of a file. */
  const inserts: Record<string, (made: never) => Promise<unknown>> = {
    pg: ({ database }: { database: Database }) => database.query('insert into sale (product_id) values (1)'),
    kysely: ({ kysely }: { kysely: Kysely<{ sale: { product_id: number } }> }) =>
      kysely.insertInto('sale').values({ product_id: 1 }).execute(),
    'drizzle-orm': ({ db }: { db: NodePgDatabase }) => db.execute(drizzleSql`insert into sale (product_id) values (1)`),
    knex: async ({ knex }: { knex: Knex }) => await knex('sale').insert({ product_id: 1 }),
  };

  it.each(Object.entries(inserts))('run on PostgreSQL: %s', async (library, insert) => {
    const text = textFor(['pg', library], 'module');
    const ownEntries = new Map([...entryPoints()].map(([name, file]) => [name, pathToFileURL(join(root, file)).href]));
    const target = mkdtempSync(join(here, '.init-'));
    const before = process.env['DATABASE_URL'];
    try {
      const file = join(target, 'database.mjs');
      writeFileSync(
        file,
        text.replaceAll(/'(sluice[^']*)'/g, (all, name: string) => `'${ownEntries.get(name) ?? all}'`),
      );
      process.env['DATABASE_URL'] = server.url;
      const made = (await import(file)) as { database: Database; closeDatabase: () => Promise<void> };
      await made.database.transaction(() => insert(made as never));
      await made.database
        .transaction(async () => {
          await insert(made as never);
          throw new Error('rolled back');
        })
        .catch(() => undefined);
      await made.closeDatabase();
      expect(await server.sql('delete from sale returning product_id')).toHaveLength(1);
    } finally {
      process.env['DATABASE_URL'] = before;
      rmSync(target, { recursive: true });
    }
  });
});
