// Copies of the project with a part of it changed, and what tests find on them.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Mutant } from '../checkers/mutants.ts';
import { copyWith } from './mutant-copy.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder = '';
/** What shows by chance alone, such as which reads travel together on a busy machine, has more than one chance. */
const mostTries = 3;
/** Processes of a test that was cut off may still write. */
const removal = { recursive: true, force: true, maxRetries: 20, retryDelay: 100 } as const;

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
  afterAll(() => rmSync(folder, removal));

  it('is none without one: the tests pass on the copy', { timeout: 120_000 }, async () => {
    const tests = [...new Set(mutants.flatMap((mutant) => mutant.tests))];
    const copy = copyWith(folder, undefined);
    expect(await failuresOn(copy, tests, project)).toBe(0);
    rmSync(copy, removal);
  });

  for (const mutant of mutants) {
    it(`${mutant.name}: found`, { timeout: 120_000 }, async () => {
      const copy = copyWith(folder, mutant);
      let failures = 0;
      for (let tries = 0; failures === 0 && tries < mostTries; tries += 1)
        failures = await failuresOn(copy, mutant.tests, project);
      expect(failures).toBeGreaterThan(0);
      // All of them at the end would take longer than the end of a file may.
      rmSync(copy, removal);
    });
  }
}
