import type { ConnectionStatus, DriverConnection, Exchange, Step } from '../../../driver/index.ts';
import { callsIn } from '../calls.ts';

type Run = DriverConnection['run'];

/** What writes by what it has read. Procedures are not among them: they may commit by themselves. */
const writesByReading =
  /^\s*(?:(?:insert|replace|update|delete)\b[^]*\bselect\b|merge\b|with\b[^]*\b(?:insert|update|delete|merge)\b)/i;
/** A query may call a function that does the same. */
const asks = /^\s*select\b/i;
/** They look at the statement before on their connection, or at the server. */
const ofSession = /^(?:row_count|found_rows|pg_\w+)$/i;

/**
 * Whether an exchange is one statement in no transaction that others may come in between of, after it has read and before it is
 * committed. Of those that only write nothing is to be tried: who waits for what they have written comes behind them in any case.
 */
export function readsThenCommits(steps: readonly Step[], status: ConnectionStatus): boolean {
  const [step] = steps;
  if (steps.length !== 1 || step?.type !== 'statement' || status !== 'idle') return false;
  const { text } = step.statement;
  return writesByReading.test(text) || (asks.test(text) && callsIn(text).some((name) => !ofSession.test(name)));
}

interface Through {
  readonly connection: DriverConnection;
  readonly run: Run;
  /** Lets steps through when it is their turn. */
  readonly pass: (steps: readonly Step[], send: Run) => Promise<Exchange>;
}

/** Sends it as the transaction of its own that the server makes of it. */
export async function sendInTwo(steps: readonly Step[], { connection, run, pass }: Through): Promise<Exchange> {
  const undo = async (): Promise<void> => {
    if (connection.status === 'active' || connection.status === 'failed') await run([{ type: 'rollback' }]);
  };
  const begin: Step = { type: 'begin', characteristics: { isolation: undefined, readOnly: false } };
  const done = await pass([begin, ...steps], async (begun) => {
    const exchange = await run(begun);
    // By itself it has ended when it fails.
    if (exchange.failure !== undefined) await undo();
    return exchange;
  });
  if (done.failure !== undefined) return { ...done, completed: 0 };
  const { failure } = await pass([{ type: 'commit' }], run);
  if (failure === undefined) return { ...done, completed: 1 };
  await undo();
  return { completed: 0, results: [], failure, ended: undefined };
}
