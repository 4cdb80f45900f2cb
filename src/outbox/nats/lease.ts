import { type JetStreamClient, type JetStreamManager, JetStreamApiError } from '@nats-io/jetstream';
import { randomUUID } from 'node:crypto';
import { onAbort, sleep, systemClock } from '../../core/index.ts';
import { isApiError, messageNotFound, wrongLastSequence } from './api-errors.ts';

/** What is written where all processes of a group see it. */
interface LeaseNote {
  /** Which process. */
  readonly holder: string;
  /** The JetStream consumer whose acknowledgements count. */
  readonly consumer?: string | undefined;
  /** One that the holder makes; where it was killed on the way, it is to be deleted. */
  readonly next?: string | undefined;
  /** The holder has ended, and needs no time to be sure of it. */
  readonly released?: boolean | undefined;
}

interface Seen {
  readonly sequence: number;
  readonly note: LeaseNote;
}

/** Where a lease is. */
export interface LeasePlace {
  readonly client: JetStreamClient;
  readonly manager: JetStreamManager;
  readonly streams: { readonly leases: string; readonly messages: string };
  readonly subject: string;
  /** For how long it is good without being renewed, in milliseconds. */
  readonly duration: number;
}

/**
 * The right of one process to the messages of a group: the last message of a subject, which is replaced only by who has seen it
 * (an expected sequence). Who holds it renews it; one that stays unchanged for its duration, by the clock of who looks, is free.
 */
export class Lease {
  readonly #place: LeasePlace;
  readonly #lost = new AbortController();
  #sequence: number;
  #note: LeaseNote;
  #writing: Promise<unknown> = Promise.resolve();
  #renewedAt = systemClock.now();

  private constructor(place: LeasePlace, sequence: number, note: LeaseNote) {
    this.#place = place;
    this.#sequence = sequence;
    this.#note = note;
  }

  /** Waits until it is free, and takes it. @throws the reason of `signal`; what the server says */
  static async take(place: LeasePlace, signal: AbortSignal): Promise<Lease> {
    const holder = randomUUID();
    let last: (Seen & { readonly since: number }) | undefined;
    for (;;) {
      signal.throwIfAborted();
      const seen = await look(place);
      if (seen?.sequence !== last?.sequence) last = seen && { ...seen, since: systemClock.now() };
      const isFree =
        last === undefined || last.note.released === true || systemClock.now() - last.since > place.duration;
      if (isFree) {
        const { consumer, next: orphan } = last?.note ?? {};
        if (orphan !== undefined && orphan !== consumer) await forgetConsumer(place, orphan);
        const note = { holder, consumer, next: undefined };
        const sequence = await write(place, note, last?.sequence ?? 0);
        if (sequence !== undefined) return new Lease(place, sequence, note);
      }
      await sleep(systemClock, place.duration / 10, signal);
    }
  }

  /** Aborts when another process has it, or may have it. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }
  /** Grows from holder to holder. */
  get sequence(): number {
    return this.#sequence;
  }
  /** The consumer of the last holder. */
  get consumer(): string | undefined {
    return this.#note.consumer;
  }

  /** Notes which consumer is made, and then that it counts. @throws where the lease is lost */
  async note(change: Pick<LeaseNote, 'consumer' | 'next'>): Promise<void> {
    await this.#write(change);
    this.#lost.signal.throwIfAborted();
  }

  /** Renews it until `signal` aborts. */
  async keep(signal: AbortSignal): Promise<void> {
    const { duration } = this.#place;
    const stop = new AbortController();
    const end = [onAbort(signal, () => stop.abort()), onAbort(this.lost, () => stop.abort())];
    while (!stop.signal.aborted) {
      await sleep(systemClock, duration / 4, stop.signal).catch(() => {});
      if (!stop.signal.aborted) await this.#write({}).catch(() => this.#mayBeLost());
    }
    for (const take of end) take();
  }

  /** Lets the next process have it at once. Never rejects: it would be free later. */
  async release(): Promise<void> {
    if (!this.lost.aborted) await this.#write({ released: true }).catch(() => {});
  }

  #mayBeLost(): void {
    if (systemClock.now() - this.#renewedAt > (this.#place.duration * 2) / 3) this.#lose();
  }

  #lose(): void {
    this.#lost.abort(new Error('Another process of the group has its messages now'));
  }

  /** One after the other, since each expects what the one before has written. */
  #write(change: Partial<LeaseNote>): Promise<void> {
    const writing = this.#writing.then(async () => {
      if (this.lost.aborted) return;
      const startedAt = systemClock.now();
      this.#note = { ...this.#note, ...change };
      const sequence = await write(this.#place, this.#note, this.#sequence);
      if (sequence === undefined) return this.#lose();
      this.#sequence = sequence;
      this.#renewedAt = startedAt;
    });
    this.#writing = writing.catch(() => {});
    return writing;
  }
}

async function look({ manager, streams, subject }: LeasePlace): Promise<Seen | undefined> {
  try {
    const found = await manager.streams.getMessage(streams.leases, { last_by_subj: subject });
    return found === null ? undefined : { sequence: found.seq, note: found.json<LeaseNote>() };
  } catch (error) {
    if (isApiError(error, messageNotFound)) return undefined;
    throw error;
  }
}

/** @returns the sequence; undefined where another process was faster */
async function write(
  { client, subject }: LeasePlace,
  note: LeaseNote,
  lastSubjectSequence: number,
): Promise<number | undefined> {
  try {
    const { seq } = await client.publish(subject, JSON.stringify(note), { expect: { lastSubjectSequence } });
    return seq;
  } catch (error) {
    if (isApiError(error, ...wrongLastSequence)) return undefined;
    throw error;
  }
}

async function forgetConsumer({ manager, streams }: LeasePlace, consumer: string): Promise<void> {
  await manager.consumers.delete(streams.messages, consumer).catch((error: unknown) => {
    if (!(error instanceof JetStreamApiError)) throw error;
  });
}
