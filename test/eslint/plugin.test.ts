import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ESLint } from 'eslint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import sluice, * as named from '../../src/eslint/index.ts';
import { typescript } from './tester.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** A fault for each rule. */
const planted = `import { Pool } from 'pg';
import { afterCommit } from 'sluice';
import { database, prisma } from './shared.ts';
export const pool = new Pool();
afterCommit(() => undefined);
export async function sell(): Promise<void> {
  await database.transaction(async () => {
    database.query('insert into sale (product_id) values (7)');
    await fetch('https://shop.example');
  });
  await prisma.$transaction(async (tx) => await reserve(tx));
}
`;
const found = Object.keys(sluice.rules).sort();

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-eslint-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const eslint = (cwd: string): ESLint =>
  new ESLint({
    cwd,
    overrideConfigFile: true,
    overrideConfig: [
      { files: ['**/*.ts'], languageOptions: { parser: typescript } },
      { files: ['**/*.ts'], ...sluice.configs.recommended },
    ],
  });

describe('the recommended configuration', () => {
  it('has all rules, as errors', () => {
    expect(Object.keys(sluice.configs.recommended.rules ?? {})).toEqual(
      Object.keys(sluice.rules).map((name) => `sluice/${name}`),
    );
  });

  it('finds nothing in the examples', async () => {
    // Their tests look at the database from outside, on pools of their own.
    const results = await eslint(join(root, 'examples')).lintFiles(['**/src/**/*.ts']);
    // A check that saw nothing proves nothing.
    expect(results.length).toBeGreaterThan(5);
    expect(results.flatMap(({ filePath, messages }) => messages.map((each) => `${filePath}: ${each.message}`))).toEqual(
      [],
    );
  });

  it('finds what is planted in an example', async () => {
    cpSync(join(root, 'examples/checkout/services'), join(folder, 'services'), { recursive: true });
    const file = join(folder, 'services/orders/src/index.ts');
    writeFileSync(file, `${planted}${readFileSync(file, 'utf8')}`);
    const results = await eslint(folder).lintFiles(['**/*.ts']);
    const messages = results.flatMap((each) => each.messages);
    expect(new Set(messages.map(({ ruleId }) => ruleId))).toEqual(new Set(found.map((name) => `sluice/${name}`)));
    expect(messages).toHaveLength(found.length);
  });
});

describe('the plugin', () => {
  it('is there by its names, as require() gives it', () => {
    expect(named.rules).toBe(sluice.rules);
    expect(named.configs).toBe(sluice.configs);
    expect(named.meta).toBe(sluice.meta);
  });

  it.each(Object.entries(sluice.rules))('%s has a section, to which its address leads', (name, rule) => {
    expect(rule.meta?.docs?.url).toMatch(new RegExp(`docs/eslint\\.md#${name}$`));
    const page = readFileSync(join(root, 'docs/eslint.md'), 'utf8');
    expect(page).toContain(`\n## ${name}\n`);
  });

  it('runs in oxlint', () => {
    const project = join(folder, 'oxlint');
    const entry = join(project, 'node_modules/sluice');
    mkdirSync(entry, { recursive: true });
    // What is published, built with the compiler of the project.
    const options = { noEmit: false, rootDir: join(root, 'src'), outDir: join(entry, 'dist'), declaration: false };
    const config = {
      extends: join(root, 'tsconfig.build.json'),
      compilerOptions: { ...options, isolatedDeclarations: false },
    };
    writeFileSync(
      join(project, 'tsconfig.json'),
      JSON.stringify({ ...config, files: [join(root, 'src/eslint/index.ts')] }),
    );
    execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project, '--types', '']);
    cpSync(join(root, 'package.json'), join(entry, 'package.json'));
    symlinkSync(join(root, 'node_modules/lru-cache'), join(project, 'node_modules/lru-cache'));
    writeFileSync(join(project, 'shop.ts'), planted);
    const rules = Object.fromEntries(found.map((name) => [`sluice/${name}`, 'error']));
    writeFileSync(
      join(project, '.oxlintrc.json'),
      JSON.stringify({ plugins: [], categories: { correctness: 'off' }, jsPlugins: ['sluice/eslint'], rules }),
    );
    const { stdout, stderr } = spawnSync(
      process.execPath,
      [join(root, 'node_modules/oxlint/bin/oxlint'), '--format', 'json', 'shop.ts'],
      {
        cwd: project,
        encoding: 'utf8',
      },
    );
    expect(stderr).toBe('');
    const { diagnostics } = JSON.parse(stdout) as { diagnostics: readonly { code: string }[] };
    expect(diagnostics.map(({ code }) => code).sort()).toEqual(found.map((name) => `sluice(${name})`));
  }, 60_000);
});
