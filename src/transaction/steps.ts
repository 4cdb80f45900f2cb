import type { Statement, Step, TransactionCharacteristics } from '../driver/index.ts';
import type { PendingStep } from './savepoints.ts';

export const commitStep: Step = { type: 'commit' };
export const rollbackStep: Step = { type: 'rollback' };

/** What travels in one exchange. */
export interface Load {
  /** How to begin, where the server has not heard of the transaction. */
  readonly begin: TransactionCharacteristics | undefined;
  readonly pending: readonly PendingStep[];
  readonly statements: readonly Statement[];
  /** Whether COMMIT goes along. */
  readonly last: boolean;
}

export function stepsOf({ begin, pending, statements, last }: Load): readonly Step[] {
  const steps: Step[] = statements.map((statement) => ({ type: 'statement', statement }));
  if (pending.length > 0) steps.unshift(...pending.map(({ step }) => step));
  if (begin !== undefined) steps.unshift({ type: 'begin', characteristics: begin });
  if (last) steps.push(commitStep);
  return steps;
}
