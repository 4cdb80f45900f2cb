import { type EventEmitter, once } from 'node:events';
import { sql } from '../../../../index.ts';
import { serverCodeOf } from '../../servers/failure.ts';
import { type Bench, type Topic } from '../bench/bench.ts';
import { notApplicable, optional, type Row } from '../row.ts';

const name = 'LISTEN and NOTIFY';
const patience = 2_000;

/** Whether a session hears what another one tells it. */
export const notifications: Topic = {
  name: 'Notifications',
  async run(bench) {
    if (bench.kind === 'mysql') return [notApplicable(name, 'The engine has none: jobs poll')];
    if (!bench.hasSessions) return [notApplicable(name, 'It needs a second session')];
    // LISTEN would stay on a connection that others get next.
    if (bench.pooler !== undefined && bench.pooler.mode !== 'session') {
      return [
        optional(name, false, 'A session has no connection of its own behind the pooler: jobs poll, or listen past it'),
      ];
    }
    return [await listen(bench)];
  },
};

async function listen(bench: Bench): Promise<Row> {
  const { ambientPool } = await import('../../../../drivers/postgres/index.ts');
  const channel = `sluice_verify_${bench.number()}`;
  const client = await ambientPool(await bench.open()).connect();
  try {
    const emitter = client as unknown as EventEmitter;
    emitter.on('error', () => {});
    await client.query(`listen ${channel}`);
    const heard = once(emitter, 'notification', {
      signal: AbortSignal.timeout(Math.round(patience + 10 * bench.roundTrip)),
    });
    heard.catch(() => {});
    await bench.database.query(sql`select pg_notify(${channel}, '')`);
    await heard;
    await client.query(`unlisten ${channel}`);
    return optional(name, true, 'A notification came at once');
  } catch (error) {
    bench.signal.throwIfAborted();
    const isRefused = serverCodeOf(error) !== undefined;
    if (!isRefused && !(error instanceof Error && error.name === 'AbortError')) throw error;
    return optional(
      name,
      false,
      `${isRefused ? 'The server refuses it' : 'No notification came'}${bench.isReadOnly ? ', as standbys do' : ''}: jobs poll`,
    );
  } finally {
    client.release(true);
  }
}
