import { StatementTrace, statementTrace } from '../channels/index.ts';
import type { RecordedClient } from '../context/index.ts';
import type { Origin } from '../core/index.ts';
import { type DriverConnection, firstWord, type QueryResult, type Statement } from '../driver/index.ts';

/** Is told when statements are sent, and on which connection. */
export type OnSent = (connection: DriverConnection) => void;

/** Where statements are sent, as their events tell it. */
export interface StatementPlace {
  readonly parentId: string | undefined;
  readonly chainId: string | undefined;
  readonly client: RecordedClient;
  readonly level: number;
  readonly name: string;
  readonly attempt?: number | undefined;
  readonly origin?: Origin | undefined;
}

/**
 * Runs statements as an event each.
 * @param run gets the id of the first event
 * @param commits whether the COMMIT of their transaction travels with the last
 */
export function traceStatements(
  { client, ...place }: StatementPlace,
  statements: readonly Statement[],
  commits: boolean,
  run: (onSent: OnSent, eventId: string | undefined) => Promise<readonly QueryResult[]>,
): Promise<readonly QueryResult[]> {
  const { name: clientName } = client;
  const events = statements.map(
    ({ text }, at) =>
      new StatementTrace({
        ...place,
        clientName,
        text: client.show(text),
        kind: firstWord(text),
        address: client.address,
        commits: commits && at === statements.length - 1,
      }),
  );
  const startedAt = performance.now();
  let sentAt: number | undefined;
  const onSent: OnSent = (connection) => {
    sentAt = performance.now();
    for (const [at, event] of events.entries()) {
      event.queued = sentAt - startedAt;
      event.prepared = connection.isPrepared?.(statements[at]?.text ?? '');
    }
  };
  const answered = (): void => {
    if (sentAt === undefined) return;
    const running = performance.now() - sentAt;
    for (const event of events) event.running = running;
  };
  return statementTrace.runAll(
    events,
    () => run(onSent, events[0]?.id).finally(answered),
    (results) => {
      for (const [at, event] of events.entries()) event.rowCount = results[at]?.rowCount;
    },
  );
}
