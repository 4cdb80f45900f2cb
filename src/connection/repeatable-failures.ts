import { fieldOf, isError, isInstance, sharedByCopies } from '../core/index.ts';
import type { Failure, FailureKind } from '../driver/index.ts';
import type { RollbackUnit } from './savepoints.ts';

const deepest = 10;
const repeatable: ReadonlySet<FailureKind> = new Set(['serialization', 'deadlock', 'lockTimeout', 'stalePlan']);

/** Whether another attempt may not meet it. */
function isRepeatable({ kind, elsewhere }: Failure): boolean {
  return repeatable.has(kind) || elsewhere === true;
}

/** What an error was made of, where nothing in it says so. */
const originals = sharedByCopies('originals', () => new WeakMap<object, unknown>());

/** A library rejects with `error` where something of ours has rejected with `original`. */
export function standsFor(error: unknown, original: unknown): void {
  if (typeof error === 'object' && error !== null) originals.set(error, original);
}

/** The serialization failures, deadlocks and given up waits for locks of one transaction, and what came of them. */
export class RepeatableFailures {
  /** By the server's error, and by those that left the scopes which were rolled back for it. */
  readonly #byError = new Map<unknown, Failure>();
  /** The one after which the server has been asked nothing. */
  #last: Failure | undefined;

  note(failure: Failure): void {
    this.#byError.set(failure.error, failure);
    this.#last = failure;
  }

  /** Notes the failure behind an `error` that leaves a unit: a library's own error, or a copy, does not show its cause. */
  carry(unit: RollbackUnit, error: unknown): void {
    const failure = this.behind(error, unit);
    if (failure !== undefined && isError(error)) this.#byError.set(error, failure);
  }

  /** The server has answered a later statement: the caller has handled the failure and gone on. */
  overcome(): void {
    this.#last = undefined;
  }

  /**
   * The failure for which a unit, or the whole transaction, was rolled back: it doomed the unit, `error` is it or
   * wraps it, or it was the last answer of the server.
   */
  behind(error: unknown, { doomed }: RollbackUnit): Failure | undefined {
    const doom = doomed === undefined ? undefined : this.#byError.get(doomed.cause);
    return doom ?? this.#toldBy(error, 0) ?? this.#last;
  }

  #toldBy(error: unknown, depth: number): Failure | undefined {
    const failure = this.#byError.get(error);
    if (failure !== undefined || depth === deepest || !isError(error)) return failure;
    const parts = isInstance(error, AggregateError) ? fieldOf(error, 'errors') : undefined;
    for (const part of [
      fieldOf(error, 'cause'),
      originals.get(error),
      ...(Array.isArray(parts) ? (parts as unknown[]) : []),
    ]) {
      const told = this.#toldBy(part, depth + 1);
      if (told !== undefined) return told;
    }
    return undefined;
  }
}

/** Notes a failure, if it is one that another attempt may not meet, among those that there are. */
export function noteFailure(
  failures: RepeatableFailures | undefined,
  failure: Failure | undefined,
): RepeatableFailures | undefined {
  if (failure === undefined || !isRepeatable(failure)) return failures;
  const noted = failures ?? new RepeatableFailures();
  noted.note(failure);
  return noted;
}
