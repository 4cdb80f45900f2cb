import { type ErrorDetails, SluiceError } from '../../core/index.ts';
import { inWords, type RepeatFinding } from './finding.ts';

/** What a second attempt of a transaction makes wrong. Its message is the report. */
export class NotRepeatableError extends SluiceError {
  static override readonly code = 'NOT_REPEATABLE';
  override readonly code = 'NOT_REPEATABLE';
  /** What was found, the most telling first. */
  readonly findings: readonly RepeatFinding[];

  constructor(details: ErrorDetails & { readonly findings: readonly RepeatFinding[] }) {
    super(details);
    this.findings = details.findings;
  }
}

/** @param cause what the test has thrown, if it has */
export function notRepeatable(findings: readonly RepeatFinding[], cause?: unknown): NotRepeatableError {
  return new NotRepeatableError({
    what: `A transaction that is repeated does something else than one that is not: ${findings.map(inWords).join('; ')}`,
    remedy: [...new Set(findings.map(({ remedy }) => remedy))].join('. '),
    cause,
    findings,
  });
}

/** `proveRepeatable` cannot run the body from the same state each time: its `setup` or `watch` failed or did not end, or it may not run on this database. */
export class RepeatableSetupError extends SluiceError {
  static override readonly code = 'REPEATABLE_SETUP';
  override readonly code = 'REPEATABLE_SETUP';
}

/** Nothing was proved: no transaction of the body came to a second attempt, or the body did not end. */
export class NothingRepeatedError extends SluiceError {
  static override readonly code = 'NOTHING_REPEATED';
  override readonly code = 'NOTHING_REPEATED';
}
