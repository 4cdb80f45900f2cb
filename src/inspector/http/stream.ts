import type { ServerResponse } from 'node:http';
import type { Observer, Viewer } from '../observe/observer.ts';
import type { Snapshot } from '../snapshot.ts';
import { begin } from './answer.ts';

/** What may wait to be read, in bytes: a page that does not read gets nothing more, and is left after a while. */
const mostUnread = 1_048_576;
const patience = 30_000;

/** Snapshots by server-sent events, as long as the page reads them. */
export class Stream implements Viewer {
  readonly #response: ServerResponse;
  readonly #observer: Observer;
  #change = 0;
  #stalledSince: number | undefined;

  constructor(response: ServerResponse, observer: Observer) {
    this.#response = response;
    this.#observer = observer;
    begin(response, 200, 'text/event-stream');
    response.flushHeaders();
    const leave = observer.add(this);
    response.once('close', leave);
  }

  show(now: Omit<Snapshot, 'points'>): void {
    const response = this.#response;
    if (response.writableLength > mostUnread) {
      this.#stalledSince ??= performance.now();
      if (performance.now() - this.#stalledSince > patience) response.destroy();
      return;
    }
    this.#stalledSince = undefined;
    const { points, change } = this.#observer.pointsSince(this.#change);
    this.#change = change;
    response.write(`event: snapshot\ndata: ${JSON.stringify({ ...now, points })}\n\n`);
  }

  /** Ends at once. */
  end(): void {
    this.#response.destroy();
  }
}
