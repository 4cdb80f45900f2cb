import type { OrderRun } from './order.ts';
import type { Passage } from './passage.ts';

/** The place of what has ended the transaction of a step: a COMMIT makes it seen. A step outside of one ends with itself. */
export function endOf(run: OrderRun, at: number): number {
  const step = run.passages[at];
  const isOnSame = ({ actor, connection }: Passage): boolean => actor === step?.actor && connection === step.connection;
  const begun = run.passages.findLastIndex(
    (passage, index) =>
      index <= at &&
      isOnSame(passage) &&
      (passage.steps.some(({ type }) => type === 'begin') || (index < at && passage.exchange?.ended !== undefined)),
  );
  if (run.passages[begun]?.steps.some(({ type }) => type === 'begin') !== true) return at;
  const end = run.passages.findIndex(
    (passage, index) => index >= at && isOnSame(passage) && passage.exchange?.ended !== undefined,
  );
  return end < 0 ? at : end;
}
