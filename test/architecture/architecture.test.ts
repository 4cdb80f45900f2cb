import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkImports } from './imports.ts';
import { order, rules, shared } from './rules.ts';

const root = fileURLToPath(new URL('../../src', import.meta.url));

describe('who may import whom', () => {
  it('holds', () => {
    const { files, imports, violations } = checkImports(root);
    expect(violations).toEqual([]);
    // A check that saw nothing proves nothing.
    expect(files).toBeGreaterThan(60);
    expect(imports).toBeGreaterThan(200);
  });

  it.each<[string, Record<string, string>]>([
    [
      'core/a.ts imports ../pool/index.ts: core may not import pool',
      { 'core/a.ts': "import type { Pool } from '../pool/index.ts';" },
    ],
    [
      'pool/a.ts imports ../core/clock.ts: only through its index.ts',
      { 'pool/a.ts': "export { systemClock } from '../core/clock.ts';" },
    ],
    ['database/a.ts imports pg: not a package of database', { 'database/a.ts': "import pg from 'pg';" }],
    ['database/a.ts imports pg: not a package of database', { 'database/a.ts': "const pg = await import('pg');" }],
    [
      'drivers/postgres/a.ts imports ../../pool/index.ts: drivers/postgres may not import pool',
      { 'drivers/postgres/a.ts': "import {\n  Pool,\n} from '../../pool/index.ts';" },
    ],
    [
      'drivers/postgres/a.ts imports ../mysql/index.ts: drivers/postgres may not import drivers/mysql',
      { 'drivers/postgres/a.ts': "import '../mysql/index.ts';" },
    ],
    [
      'queue/engines/bullmq/a.ts imports ../../index.ts: queue/engines/bullmq may not import queue',
      { 'queue/engines/bullmq/a.ts': "import { Queue } from '../../index.ts';" },
    ],
    [
      'drivers/postgres/wire/a.ts imports ../exchange/b.ts: wire may not import exchange',
      { 'drivers/postgres/wire/a.ts': "import '../exchange/b.ts';" },
    ],
    [
      'drivers/mysql/sql/a.ts imports ../driver.ts: sql may not import the files of drivers/mysql',
      { 'drivers/mysql/sql/a.ts': "import '../driver.ts';" },
    ],
    [
      'drivers/mysql/new/a.ts is in a folder inside of drivers/mysql that has no rule',
      { 'drivers/mysql/new/a.ts': "import '../driver.ts';" },
    ],
    ['elsewhere/a.ts is in a folder without a rule', { 'elsewhere/a.ts': "import '../core/index.ts';" }],
    [
      'cycle: core/a.ts -> core/b.ts -> core/a.ts',
      { 'core/a.ts': "import './b.ts';", 'core/b.ts': "import './a.ts';" },
    ],
  ])('finds what was planted: %s', (violation, files) => {
    const planted = mkdtempSync(join(tmpdir(), 'sluice-imports-'));
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(planted, dirname(file)), { recursive: true });
      writeFileSync(join(planted, file), text);
    }
    expect(checkImports(planted).violations).toContain(violation);
    rmSync(planted, { recursive: true });
  });

  it('a third-party package has exactly one folder', () => {
    const packages = Object.values(rules)
      .flatMap((rule) => rule.packages)
      .filter((name) => !shared.includes(name));
    expect(new Set(packages).size).toBe(packages.length);
  });

  it('no folder in the order but that of caches imports a package', () => {
    for (const folder of order) if (folder !== 'cache') expect(rules[folder]?.packages).toEqual([]);
  });
});

describe('the code', () => {
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));

  it('never uses enterWith, which would leak a frame into code that did not ask for it', () => {
    expect(sources.length).toBeGreaterThan(60);
    expect(sources.filter(({ text }) => text.includes('enterWith')).map(({ file }) => file)).toEqual([]);
  });

  it('has no folder with more than 20 files', () => {
    const folders = Map.groupBy(sources, ({ file }) => dirname(file));
    expect(folders.size).toBeGreaterThan(30);
    expect([...folders].filter(([, files]) => files.length > 20).map(([folder]) => folder)).toEqual([]);
  });

  it('has no file that is too long to have one reason to exist', () => {
    expect(sources.filter(({ text }) => text.split('\n').length > 400).map(({ file }) => file)).toEqual([]);
  });
});
