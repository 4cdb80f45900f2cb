// A library of a version that cannot be carried is refused by name when it is bound, before anything is taken or sent.
import { cpSync, mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { unsupportedLibrary } from '../../src/core/index.ts';
import { SluiceError, UnsupportedLibraryError } from '../../src/index.ts';
import { rejection } from '../support/settled.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(root, 'test/integration/.unsupported-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** The pgBoss of a program in which pg-boss is another one, as it is installed. */
async function engineWith(name: string, version: string, code: string): Promise<() => unknown> {
  const program = join(folder, name);
  const boss = join(program, 'node_modules/pg-boss');
  mkdirSync(boss, { recursive: true });
  writeFileSync(join(boss, 'package.json'), JSON.stringify({ name: 'pg-boss', version, main: 'index.js' }));
  writeFileSync(join(boss, 'index.js'), code);
  symlinkSync(join(root, 'node_modules/pg'), join(program, 'node_modules/pg'));
  cpSync(join(root, 'src'), join(program, 'src'), { recursive: true });
  writeFileSync(join(program, 'package.json'), JSON.stringify({ type: 'module' }));
  const entry = pathToFileURL(join(program, 'src/queue/engines/pg-boss/index.ts')).href;
  const { pgBoss } = (await import(/* @vite-ignore */ entry)) as { pgBoss: (options: object) => unknown };
  return () => pgBoss({ connectionString: 'postgres://127.0.0.1:1/none' });
}

describe('UnsupportedLibraryError', () => {
  it('says which library, what it has, what is needed, and what to install', () => {
    const need = { by: 'pgBoss', library: 'pg-boss', needs: '>=12', lacks: 'heartbeats of jobs', has: '11.1.2' };
    const error = unsupportedLibrary(need);
    expect(error).toBeInstanceOf(SluiceError);
    expect(error).toMatchObject({ code: 'UNSUPPORTED_LIBRARY', library: 'pg-boss', has: '11.1.2', needs: '>=12' });
    expect(error.message).toBe(
      'pgBoss got pg-boss 11.1.2 that has no heartbeats of jobs. Install pg-boss >=12: npm install "pg-boss@>=12".',
    );
    expect(error.retryable).toBe(false);
  });

  it('reads the version of the package that is installed', () => {
    const error = unsupportedLibrary({ by: 'createKnex', library: 'knex', needs: '>=9', lacks: 'wings' });
    expect(error.has).toBe('3.3.0');
  });

  it.each(['no-such-library', '@no/such-library'])('says no version of %s, where it cannot be read', (library) => {
    const error = unsupportedLibrary({ by: 'bindIt', library, needs: '>=9', lacks: 'wings' });
    expect(error.has).toBeUndefined();
    expect(error.message).toContain(`bindIt got ${library} of a version that has no wings`);
  });
});

describe('pgBoss', () => {
  it('is refused over a pg-boss that is its own default export', async () => {
    const make = await engineWith('eleven', '11.1.2', 'module.exports = class PgBoss {};');
    const error = await rejection(Promise.resolve().then(make));
    expect(error).toBeInstanceOf(UnsupportedLibraryError);
    expect(error).toMatchObject({ library: 'pg-boss', has: '11.1.2' });
  });

  it('is refused over a pg-boss without heartbeats of attempts', async () => {
    const make = await engineWith('twelve', '12.34.0', 'exports.PgBoss = class PgBoss {};');
    expect(await rejection(Promise.resolve().then(make))).toMatchObject({
      code: 'UNSUPPORTED_LIBRARY',
      has: '12.34.0',
    });
  });

  it.each(['12.35.0', '12.100.1', '13.0.0'])('takes pg-boss %s', async (version) => {
    const make = await engineWith(version, version, 'exports.PgBoss = class PgBoss {};');
    expect(make()).toBeTypeOf('function');
  });
});
