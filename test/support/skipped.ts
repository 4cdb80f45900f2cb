import { randomBytes } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The name of this run of the tests, the same in all of its processes. */
export function runName(): string {
  return (process.env['SLUICE_TEST_RUN'] ??= randomBytes(4).toString('hex'));
}

const notes = (): string => join(tmpdir(), `sluice-skipped-${runName()}`);

/** Notes that tests are skipped. @param why what is missing, and what to do about it */
export function noteSkipped(why: string): void {
  appendFileSync(notes(), `${why}\n`);
}

/** Says once, behind everything else, what was not tested in this run, and why. */
export function saySkipped(): void {
  if (!existsSync(notes())) return;
  const reasons = new Set(readFileSync(notes(), 'utf8').trim().split('\n'));
  rmSync(notes());
  const lines = ['', 'SKIPPED: some tests did not run.', ...[...reasons].map((why) => `  - ${why}`)];
  console.warn(`${lines.join('\n')}\n  "docker compose up --detach --wait" starts all servers.\n`);
}
