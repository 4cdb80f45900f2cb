import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Examination } from '../../src/cli/sluice/doctor/finding.ts';
import { textReport } from '../../src/cli/sluice/doctor/report.ts';
import { styleFor } from '../../src/cli/sluice/terminal/style.ts';
import { useTestDatabase } from '../support/database.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import { sluice } from './run-sluice.ts';

const server = useTestDatabase();
const root = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
  mkdirSync(join(folder, '.git'));
  writeFileSync(join(folder, 'package.json'), '{}');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function withPassword(url: string): string {
  const given = new URL(url);
  given.password = 'canary-1/?#';
  return given.href;
}

describe('sluice doctor', () => {
  it('looks at the project alone where no server is named, and ends with 0', async () => {
    const { code, stdout, stderr } = await sluice(['doctor'], { cwd: folder });
    expect(stdout).toBe(`Project ${folder}\n  Node.js ${process.versions.node}\n  ✓ nothing found\n\nNothing found.\n`);
    expect([code, stderr]).toEqual([0, '']);
  });

  it('takes DATABASE_URL, unless URLs are given', async () => {
    const env = { DATABASE_URL: withPassword(server.url), REDIS_URL: '' };
    const { code, stdout } = await sluice(['doctor', '--dir', folder], { env });
    expect(stdout).toContain(new URL(server.url).pathname.slice(1));
    expect(stdout).toMatch(/PostgreSQL \d+[.\d]*\n  ✓ nothing found/);
    expect(code).toBe(0);
    const other = await sluice(['doctor', 'redis://:canary@127.0.0.1:1', '--dir', folder], { env });
    expect(other.stdout).not.toContain('PostgreSQL');
    expect(other.stdout).toContain('✗ error    SERVER_UNREACHABLE');
    expect(other.code).toBe(1);
    expect(`${stdout}${other.stdout}`).not.toContain('canary');
  });

  it('ends with 1 for what it finds, and prints JSON for programs', async () => {
    const args = ['doctor', withPassword(server.url), '--processes', '500', '--dir', folder, '--json'];
    const { code, stdout, stderr } = await sluice(args, { env: { NO_COLOR: undefined } });
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).not.toContain('canary');
    const report = JSON.parse(stdout) as { counts: object; examinations: Examination[] };
    expect(report.counts).toEqual({ error: 1, warning: 0, note: 0 });
    expect(report.examinations.map(({ kind, findings }) => [kind, findings.map(({ code: each }) => each)])).toEqual([
      ['project', []],
      ['postgres', ['CONNECTIONS_SHORT']],
    ]);
  });

  it('ends when the server says nothing', async () => {
    const proxy = await startTcpProxy(server.url);
    proxy.hold();
    try {
      const { code, stdout } = await sluice(['doctor', proxy.url, '--timeout', '200', '--dir', folder]);
      expect(stdout).toContain('SERVER_UNREACHABLE');
      expect(code).toBe(1);
    } finally {
      await proxy.close();
    }
  });
});

describe('the report', () => {
  const evil = '\u001B[31m<img onerror>\u202E';
  const examination: Examination = {
    kind: 'postgres',
    target: 'PostgreSQL at db',
    facts: [],
    findings: [
      { code: 'B', severity: 'note', what: 'B '.repeat(100).trim(), remedy: 'b' },
      { code: 'A', severity: 'error', what: 'A', remedy: 'a', where: 'one.ts:1' },
      { code: 'A', severity: 'error', what: 'A', remedy: 'a', where: 'two.ts:2' },
    ],
  };

  it('tells what is the same in several places once, the worst first, in 80 columns and without colours', () => {
    const text = textReport([examination], styleFor({ isTTY: false }));
    expect(text).toContain('  ✗ error    A\n    one.ts:1\n    two.ts:2\n    A.\n    → a.\n\n  · note     B\n');
    expect(text.endsWith('2 errors, 1 note. Each is described in docs/doctor.md.')).toBe(true);
    expect(text.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(text).not.toContain('\u001B');
  });

  it('has colours on a terminal, unless NO_COLOR is set', () => {
    const before = process.env['NO_COLOR'];
    try {
      delete process.env['NO_COLOR'];
      expect(textReport([examination], styleFor({ isTTY: true }))).toContain('\u001B[31m✗');
      process.env['NO_COLOR'] = '1';
      expect(textReport([examination], styleFor({ isTTY: true }))).not.toContain('\u001B');
    } finally {
      if (before === undefined) delete process.env['NO_COLOR'];
      else process.env['NO_COLOR'] = before;
    }
  });

  it('obeys nothing that a server or a file has said', async () => {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(join(root, 'node_modules/eslint'), join(folder, 'node_modules/eslint'));
    const file = join(folder, `a${evil}.js`);
    writeFileSync(file, "import { Pool } from 'pg';\nnew Pool();\n");
    const { stdout } = await sluice(['doctor', '--dir', folder]);
    expect(stdout).toContain('<img onerror>');
    // oxlint-disable-next-line no-control-regex -- that is what is looked for
    expect(stdout).not.toMatch(/[\u001B\u202E]/);
  });
});

it('each code has a line of its own on the page, and the page names no other', () => {
  const source = join(root, 'src/cli/sluice/doctor');
  const text = readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(source, file), 'utf8'))
    .join('\n');
  const codes = new Set([...text.matchAll(/code: '([A-Z_]+)'/g)].map(([, code]) => code));
  const page = readFileSync(join(root, 'docs/doctor.md'), 'utf8');
  const described = [...page.matchAll(/^\| <a id="(\w+)"><\/a>`([A-Z_]+)` \|/gm)].map(([, id, code]) => {
    expect(id).toBe(code?.toLowerCase());
    return code;
  });
  expect(codes.size).toBeGreaterThan(15);
  expect(new Set(described)).toEqual(codes);
  expect(described).toHaveLength(codes.size);
});
