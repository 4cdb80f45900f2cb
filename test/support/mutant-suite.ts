// Copies of the project with a part of it changed, and what tests find on them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Mutant } from '../checkers/mutants.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder = '';

/** A copy of the project with one change. */
function copyWith(mutant: Mutant | undefined): string {
  const copy = mkdtempSync(join(folder, 'mutant-'));
  for (const name of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts'])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  if (mutant === undefined) return copy;
  const file = join(copy, 'src', mutant.file);
  const parts = readFileSync(file, 'utf8').split(mutant.find);
  // A mutant of code that was changed since would be none.
  if (parts.length !== 2) throw new Error(`"${mutant.find}" is ${parts.length - 1} times in ${mutant.file}`);
  writeFileSync(file, parts.join(mutant.replace));
  return copy;
}

/** How many of the tests fail on a copy; none: the tests passed. */
async function failuresOn(copy: string, tests: readonly string[], project: string): Promise<number> {
  const args = ['run', '--project', project, '--reporter', 'json', '--outputFile', 'result.json', '--bail', '1'];
  // Much of what is taken out shows in a test that would never end.
  args.push('--testTimeout', '10000');
  const files = tests.map((test) => join('test', test));
  const env: NodeJS.ProcessEnv = { ...process.env };
  for (const name of [
    'SLUICE_TEST_RUN',
    'SLUICE_TESTS',
    'VITEST',
    'VITEST_POOL_ID',
    'VITEST_WORKER_ID',
    'NODE_OPTIONS',
  ])
    delete env[name];
  const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args, ...files], {
    cwd: copy,
    env,
    stdio: 'ignore',
  });
  await once(child, 'exit');
  const result = JSON.parse(readFileSync(join(copy, 'result.json'), 'utf8')) as {
    readonly numPassedTests: number;
    readonly numFailedTests: number;
  };
  // Those that were skipped have not looked at it.
  if (result.numPassedTests + result.numFailedTests === 0) throw new Error('no test was run');
  return result.numFailedTests;
}

/**
 * Tests that each mutant is found, and that the copy without one is right.
 * @param project that the tests belong to
 */
export function mutantSuite(mutants: readonly Mutant[], project = 'main'): void {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sluice-mutants-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is none without one: the tests pass on the copy', { timeout: 120_000 }, async () => {
    const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))];
    expect(await failuresOn(copyWith(undefined), tests, project)).toBe(0);
  });

  for (const mutant of mutants) {
    it(`${mutant.name}: found`, { timeout: 120_000 }, async () => {
      expect(await failuresOn(copyWith(mutant), mutant.tests, project)).toBeGreaterThan(0);
    });
  }
}
