import {
  CommitTrace,
  commitTrace,
  fail,
  ScopeTrace,
  scopeTrace,
  type TraceDetails,
  TransactionTrace,
  transactionTrace,
} from '../channels/index.ts';
import type { TransactionRecord } from '../context/index.ts';
import type { Origin } from '../core/index.ts';

/** A transaction, as far as its events show it. */
export interface TracedTransaction {
  readonly record: TransactionRecord;
  readonly characteristics: { readonly readOnly: boolean };
  readonly origin: Origin;
  readonly hasStarted: boolean;
  readonly isOpen: boolean;
  readonly outcome: TransactionTrace['outcome'];
}

/** What a call has come to that does not reject. */
export interface Failed {
  readonly error: unknown;
}

/** Runs an attempt of a transaction as an event. */
export function traceTransaction<Result extends { readonly result: { readonly value: unknown } | Failed }>(
  transaction: TracedTransaction,
  isolation: string = 'DEFAULT',
  run: () => Promise<Result>,
): Promise<Result> {
  const { record } = transaction;
  const { readOnly } = transaction.characteristics;
  const event = new TransactionTrace({
    ...detailsOf(transaction),
    id: record.id,
    parentId: record.parentId,
    isolation,
    readOnly,
    address: record.client.address,
  });
  return transactionTrace.run(event, run, ({ result }) => {
    event.outcome = transaction.outcome;
    if ('error' in result) fail(event, result.error);
  });
}

/** A scope, as far as its event shows it. */
export interface TracedScope {
  readonly transaction: TracedTransaction;
  readonly parent: { readonly id: string } | undefined;
  readonly name: string;
  /** The id of its event. */
  tracedAs: string | undefined;
}

/** The same for a scope inside of one. */
export function traceScope<Result>(
  scope: TracedScope,
  kind: ScopeTrace['kind'],
  run: () => Promise<Result>,
  failureOf?: (result: Result) => Failed | undefined,
): Promise<Result> {
  const { transaction, parent, name } = scope;
  const event = new ScopeTrace({ ...detailsOf(transaction), parentId: parent?.id, name, kind });
  scope.tracedAs = event.id;
  return scopeTrace.run(event, run, (result) => {
    const failed = failureOf?.(result);
    if (failed !== undefined) fail(event, failed.error);
  });
}

/** The same for a COMMIT, where there is anything to commit. */
export function traceCommit<Ending extends { readonly outcome: CommitTrace['outcome'] }>(
  transaction: TracedTransaction,
  commit: () => Promise<Ending>,
): Promise<Ending> {
  if (!transaction.hasStarted || !transaction.isOpen) return commit();
  const event = new CommitTrace({ ...detailsOf(transaction), parentId: transaction.record.id });
  return commitTrace.run(event, commit, ({ outcome }) => (event.outcome = outcome));
}

function detailsOf({ record, origin }: TracedTransaction): Omit<TraceDetails, 'id' | 'parentId'> {
  const { client, level, chainId, attempt, name } = record;
  return { chainId, clientName: client.name, level, name, attempt, origin };
}
