import { InterleaveSetupError } from './errors.ts';
import { describeThrown } from '../../core/index.ts';
import type { Anomaly } from './anomaly.ts';
import type { Difference } from './judge/index.ts';
import type { OrderRun } from './orders/index.ts';

/** What was found out about an order. */
export interface Finding extends Pick<Anomaly, 'found' | 'error'> {
  /** What went wrong, without what differs from one time to the next. */
  readonly what: string;
}

/** Without values: they may be secret. */
export function findingOf({ contents, actors }: Difference, run: OrderRun): Finding {
  const ends = actors.map((actor) => {
    const end = run.ends[actor];
    return `what ${actor} ${end?.type === 'threw' ? 'threw' : 'returned'}`;
  });
  const parts = [...contents.map(nameOf), ...ends];
  const what = `no serial order gives this: ${parts.join(', ')}`;
  return { what, found: what };
}

/** What an invariant says of the rows as they are; nothing where it holds. @throws InterleaveSetupError where it does not end */
export async function findingOfInvariant(invariant: () => unknown): Promise<Finding | undefined> {
  const what = 'the invariant does not hold';
  try {
    return (await invariant()) === false ? { what, found: `${what}: it returned false` } : undefined;
  } catch (error) {
    if (error instanceof InterleaveSetupError) throw error;
    const { name, message } = describeThrown(error);
    const said = typeof error === 'string' ? error : message;
    return { what, found: `${what}: ${said === '' ? name : said}`, error };
  }
}

/** A column or table, without the quotes and the schema that it needs not. */
function nameOf(content: string): string {
  return content.replaceAll(/["`]/g, '').replace(/^public\./, '');
}
