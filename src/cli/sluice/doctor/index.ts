import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Given, UsageError } from '../command-line/command.ts';
import { numberOf } from '../command-line/numbers.ts';
import { addressOf } from '../servers/address.ts';
import { progressOn } from '../terminal/progress.ts';
import { withoutOwnWarnings } from '../terminal/quiet-warnings.ts';
import { styleFor } from '../terminal/style.ts';
import { examineProject, examineServer } from './examine.ts';
import type { Examination, Settings } from './finding.ts';
import { jsonReport, textReport } from './report.ts';

/** Looks at the project and at the servers that were named, and prints what it finds. @returns the exit code */
export async function runDoctor(given: Given): Promise<number> {
  const settings: Settings = {
    processes: numberOf(given, 'processes', { otherwise: 1 }),
    budget: numberOf(given, 'budget', { otherwise: 14 }),
    timeout: numberOf(given, 'timeout', { otherwise: 5_000, most: 600_000 }),
    now: Date.now,
  };
  const folder = resolve(given.values['dir'] ?? '.');
  if (given.values['dir'] !== undefined && !existsSync(join(folder, 'package.json')))
    throw new UsageError('--dir takes a folder with a package.json');
  const addresses = urlsOf(given).map((url) => addressOf(url));
  withoutOwnWarnings();
  const progress = progressOn(process.stderr);
  const examinations: Examination[] = [await examineProject(folder, process.versions.node, progress.show)];
  for (const address of addresses) examinations.push(await examineServer(address, settings, progress.show));
  progress.clear();
  console.log(given.flags.has('json') ? jsonReport(examinations) : textReport(examinations, styleFor(process.stdout)));
  const isSound = examinations.every(({ findings }) => findings.every(({ severity }) => severity === 'note'));
  return isSound ? 0 : 1;
}

function urlsOf({ positionals }: Given): readonly string[] {
  if (positionals.length > 0) return positionals;
  const { DATABASE_URL: database, REDIS_URL: redis } = process.env;
  return [database, redis].filter((url) => url !== undefined && url !== '') as string[];
}
