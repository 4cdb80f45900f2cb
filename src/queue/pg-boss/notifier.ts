import type { PgBoss } from 'pg-boss';
import { decodeNotice, encodeNotice, type Notice } from './notices.ts';

interface Listening {
  close(): Promise<void>;
}

/**
 * Sends and receives notices. They are sent by themselves, after the commit and never inside of a user's
 * transaction: NOTIFY takes a lock that all commits of the server share.
 */
export class Notifier {
  readonly #boss: PgBoss;
  readonly #onError: (error: unknown) => void;
  readonly #listening: Listening[] = [];
  #outgoing: { readonly channel: string; readonly payload: string }[] = [];
  #sending: Promise<void> | undefined;
  #closed = false;

  constructor(boss: PgBoss, onError: (error: unknown) => void) {
    this.#boss = boss;
    this.#onError = onError;
  }

  /** Listens on a channel; reconnects by itself, and says so. */
  async listen(channel: string, onNotice: (notice: Notice) => void, onReconnect: () => void): Promise<void> {
    const receive = (payload: string): void => {
      const notice = decodeNotice(payload);
      if (notice !== undefined) onNotice(notice);
    };
    const listening = await this.#boss.getDb().listen?.(channel, receive, onReconnect);
    if (this.#closed) await listening?.close();
    else if (listening !== undefined) this.#listening.push(listening);
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
    await Promise.all(this.#listening.splice(0).map((listening) => listening.close()));
  }

  async #flush(): Promise<void> {
    while (this.#outgoing.length > 0) {
      const batch = this.#outgoing.splice(0);
      try {
        await this.#boss
          .getDb()
          .executeSql('select pg_notify(channel, payload) from unnest($1::text[], $2::text[]) n (channel, payload)', [
            batch.map(({ channel }) => channel),
            batch.map(({ payload }) => payload),
          ]);
      } catch (error) {
        this.#onError(error);
      }
    }
    this.#sending = undefined;
  }
}
