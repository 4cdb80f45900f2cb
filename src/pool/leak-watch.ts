import { connectionLeak } from '../channels/index.ts';
import { captureOrigin, type Clock, type Origin, TimeoutQueue, type PlaceInLine, emitWarning } from '../core/index.ts';
import type { Lease } from './request.ts';

/** How many calls may lie between the program and the pool: libraries have many. */
const depth = 40;

/** Where the program is now. */
export function placeOfCaller(): Origin {
  return captureOrigin(placeOfCaller, depth);
}

interface Held {
  readonly lease: Lease<unknown>;
  readonly since: number;
  readonly takenAt: Origin | undefined;
}

/** Tells, once, of each connection that is held for longer than a time. */
export class LeakWatch {
  readonly #clientName: string;
  readonly #clock: Clock;
  readonly #timeouts: TimeoutQueue<Held>;
  readonly #places = new WeakMap<Lease<unknown>, PlaceInLine<Held>>();

  constructor(clientName: string, threshold: number, clock: Clock) {
    this.#clientName = clientName;
    this.#clock = clock;
    this.#timeouts = new TimeoutQueue(clock, threshold, (held) => this.#report(held), true);
  }

  begin(lease: Lease<unknown>, takenAt: Origin | undefined): void {
    this.#places.set(lease, this.#timeouts.begin({ lease, since: this.#clock.now(), takenAt }));
  }

  end(lease: Lease<unknown>): void {
    const place = this.#places.get(lease);
    if (place !== undefined) this.#timeouts.end(place);
  }

  #report({ lease, since, takenAt }: Held): void {
    const { level, transaction, openedAt } = lease.holder.describe();
    const heldFor = this.#clock.now() - since;
    const clientName = this.#clientName;
    const event = { clientName, level, transaction, heldFor, takenAt: takenAt?.(), openedAt };
    if (connectionLeak.hasSubscribers) connectionLeak.publish(event);
    const where = event.takenAt === undefined ? '' : `, taken at ${event.takenAt}`;
    emitWarning(
      'SLUICE_CONNECTION_LEAK',
      `A connection of client "${clientName}" at level ${level} is held by "${transaction}" for ${Math.round(heldFor)} ms${where}; give it back, or raise leakThreshold`,
    );
  }
}
