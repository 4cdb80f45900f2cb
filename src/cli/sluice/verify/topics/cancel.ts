import { SluiceError, sql } from '../../../../index.ts';
import { type Bench, type Topic, valueOf } from '../bench/bench.ts';
import { pollUntil } from '../bench/poll.ts';
import { notApplicable, required } from '../row.ts';

const name = 'statement past its timeout';

/** A statement whose transaction runs into its timeout: does it end on the server, too? */
export const cancel: Topic = {
  name: 'Cancel',
  async run(bench) {
    if (!bench.hasSessions) return [notApplicable(name, 'It needs a second session to look at the first')];
    const { database, kind, signal, isReadOnly } = bench;
    const word = `sluice_verify_${bench.number()}`;
    const sleep = kind === 'mysql' ? 'select sleep(30)' : 'select pg_sleep(30)';
    const timeout = Math.round(500 + 10 * bench.roundTrip);
    const began = performance.now();
    const running = database.transaction(() => database.query(`${sleep} /* ${word} */`), {
      signal,
      timeout,
      readOnly: isReadOnly,
    });
    const ended = running.then(
      () => 'it was not ended',
      (error: unknown) => {
        if (SluiceError.find(error)?.code === 'TRANSACTION_TIMEOUT') return undefined;
        throw error;
      },
    );
    // Looked at below.
    ended.catch(() => {});
    const hasBegun = await pollUntil(() => runs(bench, word), timeout);
    const problem = await ended;
    const took = performance.now() - began;
    const isGone = await pollUntil(async () => !(await runs(bench, word)), 3_000);
    return [
      required(
        name,
        [...(problem === undefined ? [] : [problem]), ...(isGone ? [] : ['the server still works on it'])],
        hasBegun
          ? `Was cancelled on the server after ${Math.round(took)} ms`
          : 'Was cancelled before it was seen on the server',
      ),
    ];
  },
};

/** Whether the server works on the statement that has the word in it. */
async function runs({ database, kind }: Bench, word: string): Promise<boolean> {
  const pattern = `%${word}%`;
  const found = await database.query(
    kind === 'mysql'
      ? sql`select count(*) from information_schema.processlist where info like ${pattern} and id <> connection_id()`
      : sql`select count(*) from pg_stat_activity where state = 'active' and query like ${pattern} and pid <> pg_backend_pid()`,
  );
  return Number(valueOf(found)) > 0;
}
