import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InvalidOptionError } from '../../index.ts';
import { Jobs } from '../../queue/index.ts';
import { untilStopped } from './terminal/until-stopped.ts';

/**
 * Relays the outbox of the program's own jobs, from a process that does nothing else.
 * @param module a file that exports `jobs`, or `default`, as made by `createJobs`
 */
export async function relayUntilStopped(module: string): Promise<number> {
  const exported = await load(module);
  const jobs = exported.jobs ?? exported.default;
  if (!isJobs(jobs)) {
    throw new InvalidOptionError({
      what: 'The module exports no jobs',
      remedy: 'Export what createJobs() returns as "jobs"',
    });
  }
  jobs.startRelay();
  const stopped = untilStopped();
  console.error('Relaying. Stop with SIGINT or SIGTERM.');
  const signal = await stopped;
  console.error(`${signal}: ending after what is under way.`);
  await jobs.close();
  await jobs.database.close();
  return 0;
}

/** @throws InvalidOptionError for a file that is not there; what a module throws that is */
async function load(module: string): Promise<{ readonly jobs?: unknown; readonly default?: unknown }> {
  const file = resolve(module);
  if (!existsSync(file)) {
    throw new InvalidOptionError({
      what: `There is no module ${file}`,
      remedy: 'Give --jobs the path of a file that exports what createJobs() returns as "jobs"',
    });
  }
  return (await import(pathToFileURL(file).href)) as { readonly jobs?: unknown; readonly default?: unknown };
}

/** An object of another copy of the package has the same methods. */
function isJobs(value: unknown): value is Jobs {
  return value instanceof Jobs || (typeof value === 'object' && value !== null && 'startRelay' in value);
}
