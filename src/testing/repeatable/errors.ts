import { type ErrorDetails, SluiceError } from '../../core/index.ts';
import type { RepeatFinding } from './finding.ts';

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

/** `proveRepeatable` cannot run the body from the same state each time: its setup failed, or it may not run on this database. */
export class RepeatableSetupError extends SluiceError {
  static override readonly code = 'REPEATABLE_SETUP';
  override readonly code = 'REPEATABLE_SETUP';
}

/** Nothing was proved: no transaction of the body came to a second attempt, or the body did not end. */
export class NothingRepeatedError extends SluiceError {
  static override readonly code = 'NOTHING_REPEATED';
  override readonly code = 'NOTHING_REPEATED';
}
