import type { Anomaly } from './anomaly.ts';
import type { Difference } from './judge/index.ts';
import type { OrderRun } from './orders/index.ts';

/** What was found out about an order. */
export type Finding = Pick<Anomaly, 'found' | 'error'>;

/** Without values: they may be secret. */
export function findingOf({ contents, actors }: Difference, run: OrderRun): Finding {
  const ends = actors.map((actor) => {
    const end = run.ends[actor];
    return `what ${actor} ${end?.type === 'threw' ? 'threw' : 'returned'}`;
  });
  const parts = [...contents.map(nameOf), ...ends];
  return { found: `no serial order gives this: ${parts.join(', ')}` };
}

/** A column or table, without the quotes and the schema that it needs not. */
function nameOf(content: string): string {
  return content.replaceAll(/["`]/g, '').replace(/^public\./, '');
}
