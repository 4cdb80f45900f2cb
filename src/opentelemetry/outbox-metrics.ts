import { type BatchObservableResult, context, type Meter } from '@opentelemetry/api';
import { runInFrame } from '../context/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import { runIn, suppress } from './contexts.ts';
import { type Ending, guard } from './listen.ts';

interface Row {
  readonly channel: string;
  readonly waiting: number | string;
  readonly parked: number | string;
  readonly lag: number | string | null;
}

/** Seconds since a time of the table, by the clock of the server. */
const ages: Readonly<Record<string, (time: string) => string>> = {
  postgres: (time) => `extract(epoch from clock_timestamp() - ${time})`,
  mysql: (time) => `timestampdiff(microsecond, ${time}, now(3)) / 1000000`,
  sqlite: (time) => `(unixepoch('subsec') - ${time} / 1000.0)`,
};

/** Asks the outbox, whenever the metrics are read, what waits there. @returns ends that */
export function observeOutbox(meter: Meter, outbox: Db): Ending {
  const lag = meter.createObservableGauge('sluice.outbox.lag', {
    description: 'Age of the oldest message that was not delivered yet; parked ones do not count.',
    unit: 's',
  });
  const waiting = meter.createObservableGauge('sluice.outbox.waiting', {
    description: 'Messages that were not delivered yet; parked ones do not count.',
    unit: '{message}',
  });
  const parked = meter.createObservableGauge('sluice.outbox.parked', {
    description: 'Messages whose delivery has failed too often.',
    unit: '{message}',
  });
  const instruments = [lag, waiting, parked];
  const observe = async (result: BatchObservableResult): Promise<void> => {
    const rows = await ask(outbox);
    guard(() => {
      for (const row of rows) {
        const attributes = { 'sluice.outbox.channel': row.channel };
        result.observe(lag, Math.max(0, Number(row.lag ?? 0)), attributes);
        result.observe(waiting, Number(row.waiting), attributes);
        result.observe(parked, Number(row.parked), attributes);
      }
    });
  };
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}

/** Outside of what is open where the metrics are read. Nothing where it cannot be asked: the next reading asks again. */
async function ask(outbox: Db): Promise<readonly Row[]> {
  const { driver } = clientOf(outbox);
  const age = ages[driver.dialect];
  if (age === undefined) return [];
  const text = `select channel, sum(case when parked_at is null then 1 else 0 end) as waiting,
    sum(case when parked_at is null then 0 else 1 end) as parked,
    ${age('min(case when parked_at is null then created_at end)')} as lag
    from sluice_outbox group by channel`;
  const asking = (): Promise<{ readonly rows: readonly Row[] }> =>
    runInFrame(undefined, () => outbox.query<Row & Record<string, unknown>>(text), undefined);
  try {
    return (await runIn(suppress(context.active()), asking)).rows;
  } catch {
    return [];
  }
}
