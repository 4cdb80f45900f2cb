import { runInFrame } from '../context/index.ts';
import type { Database } from '../database/index.ts';
import type { Desks } from './http/work-requests.ts';
import { sessionsOf } from './look/sessions.ts';
import { SlowLook } from './look/slow-look.ts';
import { runUncounted } from './measure/uncounted.ts';
import type { ObserverSettings } from './observe/observer.ts';
import type { InspectorOptions } from './options.ts';
import type { ActionName } from './work-views.ts';
import { JobsDesk } from './desks/jobs-desk.ts';
import { OutboxDesk } from './desks/outbox-desk.ts';
import { PublicationsDesk } from './desks/publications-desk.ts';
import { ReceivedDesk } from './desks/received-desk.ts';
import { SagasDesk } from './desks/sagas-desk.ts';

/** Counting takes a server with many jobs a while. */
const countEvery = 5_000;

/** What of jobs, messages, sagas and publications is shown. */
export function desksOf(options: InspectorOptions): Desks {
  const { jobs, outbox, sagas, events, payloads = false, actions = false } = options;
  return {
    jobs: jobs === undefined ? undefined : new JobsDesk(jobs, payloads),
    outbox: outbox === undefined ? undefined : new OutboxDesk(outbox, payloads),
    received: outbox === undefined ? undefined : new ReceivedDesk(outbox),
    sagas: sagas === undefined ? undefined : new SagasDesk(sagas),
    publications: events === undefined ? undefined : new PublicationsDesk(events),
    actions,
  };
}

/** What the page may do. */
export function actionsOf({ jobs, outbox, received, sagas, publications, actions }: Desks): readonly ActionName[] {
  if (!actions) return [];
  return [
    ...(jobs === undefined ? [] : (['job.retry', 'job.discard'] as const)),
    ...(outbox === undefined ? [] : (['outbox.replay', 'outbox.discard'] as const)),
    ...(received === undefined ? [] : (['received.replay', 'received.discard'] as const)),
    ...(sagas === undefined ? [] : (['saga.resume', 'saga.cancel'] as const)),
    ...(publications === undefined ? [] : (['publication.resubmit'] as const)),
  ];
}

/** What servers are asked, while the looks go on. */
export function looksOf(
  databases: readonly Database[],
  { jobs, outbox, received, sagas, publications }: Desks,
): Pick<ObserverSettings, 'sessions' | 'queues' | 'channels' | 'received' | 'sagas' | 'publications'> {
  return {
    sessions:
      databases.length === 0
        ? undefined
        : slowLook('The server does not tell of its sessions', 0, async () =>
            (await Promise.all(databases.map(sessionsOf))).flat(),
          ),
    queues: jobs && slowLook('The jobs cannot be counted', countEvery, () => jobs.counts()),
    channels: outbox && slowLook('The outbox cannot be counted', countEvery, () => outbox.counts()),
    received: received && slowLook('The received messages cannot be counted', countEvery, () => received.counts()),
    sagas: sagas && slowLook('The sagas cannot be counted', countEvery, () => sagas.counts()),
    publications:
      publications && slowLook('The publications cannot be counted', countEvery, () => publications.counts()),
  };
}

function slowLook<Item>(
  problem: string,
  every: number,
  ask: () => Promise<readonly Item[]>,
): SlowLook<readonly Item[]> {
  return new SlowLook({
    problem,
    every,
    nothing: [],
    ask: () => runInFrame(undefined, () => runUncounted(ask), undefined),
  });
}
