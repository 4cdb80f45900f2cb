import { randomUUID } from 'node:crypto';
import { reportBackgroundError } from '../../channels/index.ts';
import type { ChangeFeed, ChangeListener } from '../index.ts';
import type { Send, Subscriber } from './client.ts';

/** Beats end after so many of them without a read. */
const idleBeats = 20;

/**
 * Receives the changes of other processes, on a connection of its own. To prove that none is missing it publishes a message
 * through the connection that reads the values: it comes back after all that were published before.
 */
export class RedisFeed implements ChangeFeed {
  readonly channel: string;
  readonly #prefix: string;
  readonly #own: string;
  readonly #send: Send;
  readonly #subscriber: Subscriber;
  readonly #listeners = new Set<ChangeListener>();
  #interval = Number.POSITIVE_INFINITY;
  #provenAt = Number.NEGATIVE_INFINITY;
  /** Changes with every connection of the subscriber. */
  #connection = 0;
  #isSubscribed = false;
  #timer: NodeJS.Timeout | undefined;
  #idle = 0;
  #lastBeat = 0;
  /** When the beats that have not come back were sent. */
  readonly #beats = new Map<string, number>();

  /** @param prefix what the keys of tags begin with */
  constructor(channel: string, prefix: string, subscriber: Subscriber, send: Send) {
    this.channel = channel;
    this.#prefix = prefix;
    this.#own = `${channel}:${randomUUID()}`;
    this.#subscriber = subscriber;
    this.#send = send;
  }

  get provenAt(): number {
    return this.#provenAt;
  }

  listen(listener: ChangeListener, interval: number): void {
    if (this.#listeners.size === 0) this.#begin();
    this.#listeners.add(listener);
    if (interval >= this.#interval) return;
    this.#interval = interval;
    if (this.#timer !== undefined) this.#startTimer();
  }

  prove(): void {
    this.#idle = 0;
    if (!this.#isSubscribed) return;
    if (this.#beats.size === 0) this.#beat();
    if (this.#timer === undefined) this.#startTimer();
  }

  #startTimer(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#tick(), this.#interval);
    this.#timer.unref();
  }

  tell(tags: readonly string[]): void {
    for (const listener of this.#listeners) listener.changed(tags);
  }

  #begin(): void {
    this.#subscriber.listen((channel, text) => this.#heard(channel, text));
    this.#subscriber.onLost(() => this.#lose());
    this.#subscriber.onReady(() => void this.#subscribe());
    void this.#subscribe();
  }

  async #subscribe(): Promise<void> {
    const connection = this.#connection;
    try {
      await this.#subscriber.subscribe([this.channel, this.#own]);
      if (connection !== this.#connection) return;
      this.#isSubscribed = true;
      this.prove();
    } catch (error) {
      // It is subscribed to again with the next connection; until then nothing is given out.
      reportBackgroundError({ source: 'the Redis of a cache', error });
    }
  }

  #lose(): void {
    this.#connection += 1;
    this.#isSubscribed = false;
    this.#provenAt = Number.NEGATIVE_INFINITY;
    this.#beats.clear();
    clearInterval(this.#timer);
    this.#timer = undefined;
    for (const listener of this.#listeners) listener.lost();
  }

  #tick(): void {
    let isUsed = false;
    for (const listener of this.#listeners) if (listener.takeUse()) isUsed = true;
    this.#idle = isUsed ? 0 : this.#idle + 1;
    if (this.#idle >= idleBeats) {
      clearInterval(this.#timer);
      this.#timer = undefined;
    } else {
      this.#beat();
    }
  }

  #beat(): void {
    // A Redis that does not answer gets no longer a queue of them.
    if (this.#beats.size > idleBeats) this.#beats.clear();
    this.#lastBeat += 1;
    const beat = String(this.#lastBeat);
    this.#beats.set(beat, performance.now());
    // That it has failed shows in that it does not come back.
    this.#send('PUBLISH', this.#own, beat).catch(() => this.#beats.delete(beat));
  }

  #heard(channel: string, text: string): void {
    if (channel === this.#own) {
      const sentAt = this.#beats.get(text);
      this.#beats.delete(text);
      if (sentAt !== undefined && this.#isSubscribed) this.#provenAt = Math.max(this.#provenAt, sentAt);
    } else if (channel === this.channel) {
      const tags = tagsOf(text, this.#prefix);
      if (tags === undefined) for (const listener of this.#listeners) listener.lost();
      else this.tell(tags);
    }
  }
}

/** The keys of tags as a script publishes them; nothing for what is not understood. */
function tagsOf(text: string, prefix: string): string[] | undefined {
  try {
    const keys: unknown = JSON.parse(text);
    if (!Array.isArray(keys)) return undefined;
    return keys.map((key) => String(key).slice(prefix.length));
  } catch {
    return undefined;
  }
}
