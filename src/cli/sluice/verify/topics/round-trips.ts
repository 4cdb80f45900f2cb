import type { Topic } from '../bench/bench.ts';
import { notApplicable, optional } from '../row.ts';

const name = 'BEGIN with the first statement';
const statements = 3;

/** How many round trips a transaction takes: one for each statement, and one for COMMIT. */
export const roundTrips: Topic = {
  name: 'Round trips',
  async run(bench) {
    const proxied = await bench.openProxied();
    if (proxied === undefined) return [notApplicable(name, 'The connection cannot be led through a counter here')];
    const { database, proxy } = proxied;
    const play = (): Promise<void> =>
      database.transaction(
        async () => {
          for (let index = 0; index < statements; index += 1) await database.query('select 1');
        },
        { signal: bench.signal, readOnly: bench.isReadOnly },
      );
    // The first one opens the connection.
    await play();
    proxy.takeTrips();
    await play();
    const trips = proxy.takeTrips();
    return [
      optional(
        name,
        trips <= statements + 1,
        `A transaction of ${statements} statements took ${trips} round trips${trips > statements + 1 ? `, not ${statements + 1}` : ''}, of ${bench.roundTrip.toFixed(1)} ms each`,
      ),
    ];
  },
};
