import { expect, it } from 'vitest';
import { isOutcome, transition, type TransactionState } from '../../src/connection/transaction-state.ts';

const states: TransactionState[] = ['unstarted', 'started', 'lost', 'ending', 'committed', 'rolledBack', 'unknown'];

it.each(states.flatMap((from) => states.map((to) => [from, to] as const)))(
  'a transaction from %s to %s',
  (from, to) => {
    const allowed = [
      'unstarted started',
      'unstarted lost',
      'unstarted ending',
      'started lost',
      'started ending',
      'lost ending',
      'ending committed',
      'ending rolledBack',
      'ending unknown',
    ];
    if (allowed.includes(`${from} ${to}`)) expect(transition(from, to)).toBe(to);
    else expect(() => transition(from, to)).toThrow(new RegExp(`from ${from} to ${to}`));
  },
);

it('an outcome is final', () => {
  for (const from of states.filter(isOutcome))
    for (const to of states) expect(() => transition(from, to)).toThrow(RangeError);
});
