import { runBare, runBareAtEnd } from '../../context/index.ts';
import type { Db } from '../../database/index.ts';
import { queryTables } from '../tables.ts';
import { HandlerCrashedError } from './errors.ts';
import { receivedOf } from './parked.ts';
import { handlers } from './run-gate.ts';

/** Of one that was started together with others when their process ended it is not known which one ended it. */
const fewestStarts = 2;

/** Whose message it is, and how often its handler may be started without an end. */
export interface SuspectPlace {
  readonly db: Db;
  readonly consumer: string;
  readonly id: string;
  readonly attempts: number;
}

/**
 * A message that comes again, as one does whose handler has killed its process. Each start of its handler is noted, outside of the
 * transaction, and taken back when it has ended. One that is noted already runs alone: then it is this one that kills.
 */
export class Suspect {
  readonly #place: SuspectPlace;
  #isNoted = false;

  constructor(place: SuspectPlace) {
    this.#place = place;
  }

  /** @param signal while it waits @throws HandlerCrashedError where its handler is started no more; what `work` throws */
  async run(signal: AbortSignal, work: () => Promise<void>): Promise<void> {
    const { attempts } = this.#place;
    const starts = await this.#starts();
    if (starts >= Math.max(attempts, fewestStarts)) throw crashed(this.#place, starts);
    await handlers.run(starts > 0, signal, async () => {
      await this.#note();
      try {
        // Of one that succeeds the inbox knows, and its starts are no longer asked for.
        await work();
      } catch (error) {
        await this.#takeBack();
        throw error;
      }
    });
  }

  /** Those of other processes, and before. */
  async #starts(): Promise<number> {
    const { db, consumer, id } = this.#place;
    const asked = receivedOf(db).starts(consumer, id);
    const { rows } = await runBare(() => queryTables<{ readonly starts: number | string }>(db, asked));
    return Number(rows[0]?.starts ?? 0) - (this.#isNoted ? 1 : 0);
  }

  async #note(): Promise<void> {
    if (this.#isNoted) return;
    const { db, consumer, id } = this.#place;
    await runBare(() => queryTables(db, receivedOf(db).start(consumer, id)));
    this.#isNoted = true;
  }

  /** Where the database is away, the note is that of the next attempt. */
  async #takeBack(): Promise<void> {
    const { db, consumer, id } = this.#place;
    try {
      await runBareAtEnd(() => queryTables(db, receivedOf(db).ended(consumer, id)));
      this.#isNoted = false;
    } catch {
      // What the handler has thrown says more.
    }
  }
}

function crashed({ consumer, id }: SuspectPlace, starts: number): HandlerCrashedError {
  return new HandlerCrashedError({
    what: `The process of the consumer "${consumer}" ended while its handler ran, in each of ${starts} starts`,
    remedy: 'See how the processes ended: out of memory, process.exit(), a native crash. Then replay the message',
    messageId: id,
    starts,
  });
}
