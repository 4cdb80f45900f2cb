// What an event costs beside those that are completed and kept.
import { createEvents, createEventTables, defineEvent } from '../src/events/index.ts';
import type { Arena } from './contenders.ts';
import { median } from './rounds.ts';

/** Published one after the other, of which the median counts. */
const published = 300;

/** @returns the times of publishing one in a transaction, and of one from its publishing to the end of its listener, in microseconds */
export async function eventsBeside(
  { database }: Arena,
  sizes: readonly number[],
): Promise<{ readonly publishing: [number, number][]; readonly running: [number, number][] }> {
  await createEventTables(database.current);
  const events = createEvents(database, { completion: 'keep', pollInterval: 60_000 });
  const placed = defineEvent<number>('growth.placed');
  let ended: (() => void) | undefined;
  events.on(placed, { phase: 'durable', id: 'growth' }, () => {
    database.current.afterCommit(() => ended?.());
  });
  events.start();
  const publishing: [number, number][] = [];
  const running: [number, number][] = [];
  let kept = 0;
  for (const size of sizes) {
    await database.current.query(
      `insert into sluice_event_publication (event_id, event, listener, payload, context, state, due_at, completed_at)
       select 'e', 'growth.placed', 'growth', '1', '{}', 'completed', null, now() from generate_series(1, $1::int)`,
      [size - kept],
    );
    await database.current.query('analyze sluice_event_publication');
    kept = size + published;
    const times: { readonly publish: number; readonly run: number }[] = [];
    for (let count = 0; count < published; count += 1) {
      const run = new Promise<void>((resolve) => (ended = resolve));
      const start = performance.now();
      await database.transaction(() => events.publish(placed, count));
      const publish = performance.now() - start;
      await run;
      times.push({ publish, run: performance.now() - start });
    }
    publishing.push([size, median(times.map(({ publish }) => publish)) * 1e3]);
    running.push([size, median(times.map(({ run }) => run)) * 1e3]);
  }
  await events.stop();
  await database.current.query("delete from sluice_event_publication where event = 'growth.placed'");
  return { publishing, running };
}
