import { Hold, NamedHolder } from '../../connection/index.ts';
import { currentFrame, levelBeside, notBegun } from '../../context/index.ts';
import { captureOrigin } from '../../core/index.ts';
import type { QueryResult } from '../../driver/index.ts';
import type { TwoPhaseClient } from './clients.ts';

/**
 * Runs texts outside of a transaction that nothing but Sluice may send, as what ends another transaction.
 * @returns the result of the first
 */
export async function runOn({ client }: TwoPhaseClient, texts: readonly string[]): Promise<QueryResult> {
  const frame = currentFrame();
  const level = levelBeside(frame);
  const name = 'recovery of two-phase commits';
  const holder = new NamedHolder(client, level, frame, { name, origin: captureOrigin(runOn) });
  const hold = new Hold(client, level, holder, holder);
  const connection = await hold.take({ frame, begun: notBegun, signal: undefined });
  let isSound = false;
  try {
    const results: QueryResult[] = [];
    for (const text of texts) {
      const steps = [{ type: 'statement', statement: { text } }] as const;
      hold.sends(text);
      const answer = hold.checked(await connection.run(steps), steps);
      hold.rests();
      if (answer.failure !== undefined) throw answer.failure.error;
      results.push(...answer.results);
    }
    const [first] = results;
    if (first === undefined) throw new RangeError('a statement has no result');
    isSound = true;
    return first;
  } finally {
    hold.giveBack(isSound);
  }
}
