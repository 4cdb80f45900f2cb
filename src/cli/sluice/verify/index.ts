import { randomBytes } from 'node:crypto';
import { type Given, UsageError } from '../command-line/command.ts';
import { numberOf } from '../command-line/numbers.ts';
import { addressOf } from '../servers/address.ts';
import { progressOn } from '../terminal/progress.ts';
import { withoutOwnWarnings } from '../terminal/quiet-warnings.ts';
import { type Interruption, exitCodeOf, onInterruption } from '../terminal/interruption.ts';
import { styleFor } from '../terminal/style.ts';
import { isSound, jsonReport, textReport } from './report.ts';
import { verify } from './run.ts';

/** Looks into a server, and prints what holds there. @returns the exit code */
export async function runVerify(given: Given): Promise<number> {
  const address = addressOf(given.positionals[0] ?? '', ['postgres', 'mysql']);
  const timeout = numberOf(given, 'timeout', { otherwise: 60_000, most: 600_000 });
  const schema = given.values['schema'] ?? `sluice_verify_${randomBytes(4).toString('hex')}`;
  const tooLong = address.kind === 'mysql' ? schema.length > 64 : Buffer.byteLength(schema) > 63;
  if (tooLong || schema.includes('\0')) throw new UsageError('--schema takes a name of at most 63 bytes');
  withoutOwnWarnings();
  const progress = progressOn(process.stderr);
  const interruption = new AbortController();
  onInterruption((signal) => interruption.abort(signal));
  try {
    const result = await verify({ address, schema, timeout, signal: interruption.signal, tell: progress.show });
    progress.clear();
    console.log(given.flags.has('json') ? jsonReport(result) : textReport(result, styleFor(process.stdout)));
    if (interruption.signal.aborted) return exitCodeOf(interruption.signal.reason as Interruption);
    return isSound(result) ? 0 : 1;
  } finally {
    progress.clear();
  }
}
