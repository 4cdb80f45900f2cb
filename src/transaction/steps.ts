import type { Statement, Step, TransactionCharacteristics } from '../driver/index.ts';
import type { PendingStep } from './savepoints.ts';

export const commitStep: Step = { type: 'commit' };
export const rollbackStep: Step = { type: 'rollback' };

/**
 * What travels in one exchange.
 * @param begin how to begin, where the server has not heard of the transaction
 * @param last whether COMMIT goes along
 */
export function stepsOf(
  begin: TransactionCharacteristics | undefined,
  pending: readonly PendingStep[],
  statements: readonly Statement[],
  last: boolean,
): readonly Step[] {
  const steps: Step[] = statements.map((statement) => ({ type: 'statement', statement }));
  if (pending.length > 0) steps.unshift(...pending.map(({ step }) => step));
  if (begin !== undefined) steps.unshift({ type: 'begin', characteristics: begin });
  if (last) steps.push(commitStep);
  return steps;
}
