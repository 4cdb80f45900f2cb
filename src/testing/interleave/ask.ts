import type { TransactionalClient } from '../../connection/index.ts';
import { openConnection } from '../../pool/index.ts';
import { InterleaveSetupError } from './errors.ts';

/** Runs one statement by itself. All cells of the answer to one without values are texts. */
export type Ask = (text: string, values?: readonly unknown[]) => Promise<readonly Readonly<Record<string, unknown>>[]>;

/** How long a server may take to open a connection, in milliseconds. */
const patience = 30_000;

/**
 * A connection of its own for questions, in addition to those of the pool.
 * @param remedy where the server answers with a failure
 */
export async function openAsk(
  { name: clientName, driver, clock }: TransactionalClient,
  remedy: string,
): Promise<{ readonly ask: Ask; readonly close: () => Promise<void> }> {
  const { signal } = new AbortController();
  const connection = await openConnection({ driver, clientName, clock, acquireTimeout: patience, signal });
  return {
    close: () => connection.close(),
    async ask(text, values = []) {
      const { results, failure } = await connection.run([{ type: 'statement', statement: { text, values } }]);
      if (failure === undefined) return results[0]?.rows ?? [];
      throw new InterleaveSetupError({
        what: `interleave cannot read what it needs on the client "${clientName}"`,
        remedy,
        cause: failure.error,
      });
    },
  };
}
