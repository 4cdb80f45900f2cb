import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { type CancelTimer, sleep, systemClock } from '../../../core/index.ts';
import { NotificationsUnheardError } from '../../engine/index.ts';

/** How often it is tried out whether notifications come, in milliseconds. */
const probeInterval = 10_000;
/** How long one may take to come. */
const probePatience = 5_000;
const firstPause = 100;
const longestPause = 5_000;

export interface ListenerSettings {
  /** A new connection that is not open yet. */
  readonly createClient: () => pg.Client;
  /** Sends a notification, on another connection. */
  readonly notify: (channel: string, payload: string) => Promise<unknown>;
  /** What is sent from now on is heard; what was sent before, since the last time, was not. */
  readonly onConnect: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Hears notifications on one connection, for all channels. It connects again by itself, from the first time on,
 * and tries out whether notifications come at all: a pooler may take LISTEN and pass none on.
 */
export class Listener {
  readonly #settings: ListenerSettings;
  readonly #receivers = new Map<string, (payload: string) => void>();
  readonly #probe = `sluice_probe_${randomUUID()}`;
  readonly #closed = new AbortController();
  /** The one that is being opened, or is open. */
  #current: pg.Client | undefined;
  /** The one that listens. */
  #client: pg.Client | undefined;
  #running: Promise<void> | undefined;
  #heard: PromiseWithResolvers<void> = Promise.withResolvers();
  #isDeaf = false;
  #cancelTimer: CancelTimer | undefined;

  constructor(settings: ListenerSettings) {
    this.#settings = settings;
    this.#receivers.set(this.#probe, () => {});
  }

  /** Resolves when the channel is listened on, which is when the server is back where it is away. */
  async listen(channel: string, onPayload: (payload: string) => void): Promise<void> {
    this.#receivers.set(channel, onPayload);
    this.#running ??= this.#run();
    if (this.#client === undefined) await this.#heard.promise;
    else await this.#client.query(`listen "${channel}"`);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#cancelTimer?.();
    if (this.#client === undefined) this.#current?.connection.stream.destroy();
    else this.#client.end().catch(() => {});
    await this.#running;
  }

  /** Connects for as long as it is open. */
  async #run(): Promise<void> {
    const { signal } = this.#closed;
    for (let pause = firstPause; !signal.aborted; pause = Math.min(pause * 2, longestPause)) {
      const client = this.#settings.createClient();
      this.#current = client;
      const lost = new Promise<unknown>((resolve) => {
        client.on('error', resolve);
        client.on('end', () => resolve(undefined));
      });
      try {
        await this.#connect(client);
        pause = firstPause;
        const error = await lost;
        if (error !== undefined && !signal.aborted) this.#settings.onError(error);
      } catch (error) {
        if (!signal.aborted) this.#settings.onError(error);
      }
      this.#leave(client);
      await sleep(systemClock, pause, signal).catch(() => {});
    }
  }

  async #connect(client: pg.Client): Promise<void> {
    client.on('notification', ({ channel, payload }) => this.#receivers.get(channel)?.(payload ?? ''));
    await client.connect();
    // Others may be wanted before the server has answered.
    for (let count = 0; count < this.#receivers.size;) {
      const channels = [...this.#receivers.keys()].slice(count);
      await client.query(channels.map((channel) => `listen "${channel}"`).join(';'));
      count += channels.length;
    }
    if (this.#closed.signal.aborted) return await client.end();
    this.#client = client;
    this.#heard.resolve();
    this.#settings.onConnect();
    void this.#tryOut(client, false);
  }

  #leave(client: pg.Client): void {
    this.#cancelTimer?.();
    this.#client = undefined;
    this.#heard = Promise.withResolvers();
    // Whatever comes from now on is of no use.
    client.removeAllListeners().on('error', () => {});
    client.end().catch(() => {});
  }

  /** Sends itself a notification. `hears`: it has heard one on this connection. */
  async #tryOut(client: pg.Client, hears: boolean): Promise<void> {
    const heard = await this.#hearsItself().catch(() => undefined);
    if (this.#client !== client) return;
    if (heard === true) this.#isDeaf = false;
    // One that has heard is lost; one that never has is asked whether it lives.
    if (heard === false && (hears || !(await answers(client)))) {
      client.connection.stream.destroy();
      return;
    }
    if (heard === false && !this.#isDeaf) {
      this.#isDeaf = true;
      this.#settings.onError(unheard());
    }
    this.#cancelTimer = systemClock.setTimer(
      () => void this.#tryOut(client, hears || heard === true),
      probeInterval,
      true,
    );
  }

  async #hearsItself(): Promise<boolean> {
    const token = randomUUID();
    let cancelTimer: CancelTimer | undefined;
    const coming = new Promise<boolean>((resolve) => {
      this.#receivers.set(this.#probe, (payload) => {
        if (payload === token) resolve(true);
      });
      cancelTimer = systemClock.setTimer(() => resolve(false), probePatience, true);
    });
    try {
      await this.#settings.notify(this.#probe, token);
      return await coming;
    } finally {
      cancelTimer?.();
    }
  }
}

async function answers(client: pg.Client): Promise<boolean> {
  const question: pg.QueryConfig & { query_timeout: number } = { text: 'select 1', query_timeout: probePatience };
  return await client.query(question).then(
    () => true,
    () => false,
  );
}

function unheard(): NotificationsUnheardError {
  return new NotificationsUnheardError({
    what: 'pg-boss gets no notifications from its database; jobs and answers are found by polling',
    remedy:
      'Give pgBoss a connectionString of the server itself, or of a pooler in session mode. A shorter pollInterval finds jobs sooner',
  });
}
