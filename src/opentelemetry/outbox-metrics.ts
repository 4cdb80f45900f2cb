import { type BatchObservableResult, context, type Meter } from '@opentelemetry/api';
import { runInFrame } from '../context/index.ts';
import { clientOf, type Db } from '../database/index.ts';
import { runIn, suppress } from './contexts.ts';
import { type Ending, guard } from './listen.ts';

interface Row {
  readonly channel: string;
  readonly waiting: number | string;
  readonly parked: number | string;
  /** Milliseconds. */
  readonly lag: number | string | null;
}

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
        result.observe(lag, Math.max(0, Number(row.lag ?? 0)) / 1_000, attributes);
        result.observe(waiting, Number(row.waiting), attributes);
        result.observe(parked, Number(row.parked), attributes);
      }
    });
  };
  meter.addBatchObservableCallback(observe, instruments);
  return () => meter.removeBatchObservableCallback(observe, instruments);
}

/**
 * Outside of what is open where the metrics are read. Nothing where it cannot be asked: the next reading asks again, and an
 * engine from outside need not have a way.
 */
async function ask(outbox: Db): Promise<readonly Row[]> {
  const counts = clientOf(outbox).driver.outbox?.administration?.counts();
  if (counts === undefined) return [];
  const { text, values } = counts;
  const asking = (): Promise<{ readonly rows: readonly Row[] }> =>
    runInFrame(undefined, () => outbox.query<Row & Record<string, unknown>>(text, values), undefined);
  try {
    return (await runIn(suppress(context.active()), asking)).rows;
  } catch {
    return [];
  }
}
