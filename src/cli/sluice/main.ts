#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { SluiceError } from '../../index.ts';
import { init } from './init/index.ts';
import { printOutboxSql } from './outbox-sql.ts';
import { relayUntilStopped } from './relay.ts';

const usage = `Usage:
  sluice init [--dir <folder>] [--dry-run]
                                        writes a starting file for the libraries of package.json; overwrites nothing
  sluice relay --jobs <module>          relays the outbox of the jobs that a module exports as "jobs"
  sluice outbox-sql [--dialect <name>]  prints the SQL of the tables of the outbox and inbox`;

/** Runs a command. @returns the exit code */
async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      jobs: { type: 'string' },
      dialect: { type: 'string' },
      dir: { type: 'string' },
      'dry-run': { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [command, ...rest] = positionals;
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  if (command === 'init' && rest.length === 0) return init({ dir: values.dir, dryRun: values['dry-run'] === true });
  if (command === 'outbox-sql' && rest.length === 0) return printOutboxSql(values.dialect ?? 'postgres');
  if (command === 'relay' && rest.length === 0 && values.jobs !== undefined)
    return await relayUntilStopped(values.jobs);
  throw new TypeError(command === 'relay' ? 'relay needs --jobs <module>' : 'no such command');
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const usageError = error instanceof TypeError;
  const expected = error instanceof SluiceError ? error.message : error;
  console.error(usageError ? `${error.message}\n${usage}` : expected);
  process.exitCode = usageError ? 2 : 1;
}
