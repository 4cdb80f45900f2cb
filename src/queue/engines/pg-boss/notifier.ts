import type { BossConnections } from './connections.ts';
import { Listener } from './listener.ts';
import { decodeNotice, encodeNotice, type Notice } from './notices.ts';

/**
 * Sends and receives notices. They are sent by themselves, after the commit and never inside of a user's
 * transaction: NOTIFY takes a lock that all commits of the server share.
 */
export class Notifier {
  readonly #connections: BossConnections;
  readonly #onError: (error: unknown) => void;
  readonly #listener: Listener;
  #outgoing: { readonly channel: string; readonly payload: string }[] = [];
  #sending: Promise<void> | undefined;
  #closed = false;

  /** @param onConnect is called when notices are heard (again), and those of the time before were not */
  constructor(connections: BossConnections, onConnect: () => void, onError: (error: unknown) => void) {
    this.#connections = connections;
    this.#onError = onError;
    this.#listener = new Listener({
      createClient: () => connections.createClient(),
      notify: (channel, payload) => this.#notify([{ channel, payload }]),
      onConnect,
      onError,
    });
  }

  /** Resolves when a channel is listened on; while the server is away that is when it is back, by itself. */
  async listen(channel: string, onNotice: (notice: Notice) => void): Promise<void> {
    await this.#listener.listen(channel, (payload) => {
      const notice = decodeNotice(payload);
      if (notice !== undefined) onNotice(notice);
    });
  }

  /** Sends a notice together with those of the same moment. */
  send(channel: string, notice: Notice): void {
    const payload = this.#closed ? undefined : encodeNotice(notice);
    if (payload === undefined) return;
    this.#outgoing.push({ channel, payload });
    this.#sending ??= Promise.resolve().then(() => this.#flush());
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#sending;
    await this.#listener.close();
  }

  async #flush(): Promise<void> {
    while (this.#outgoing.length > 0) {
      try {
        await this.#notify(this.#outgoing.splice(0));
      } catch (error) {
        this.#onError(error);
      }
    }
    this.#sending = undefined;
  }

  async #notify(batch: readonly { readonly channel: string; readonly payload: string }[]): Promise<void> {
    await this.#connections.forJobs.executeSql(
      'select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) n (channel, payload)',
      [batch.map(({ channel }) => channel), batch.map(({ payload }) => payload)],
    );
  }
}
