interface Flight<Result> {
  readonly current: Promise<Result>;
  next: Promise<Result> | undefined;
}

/**
 * One load for many callers who want the same value. A call during a load joins the next one: a load that began before
 * the call may have read what was changed since.
 */
export class Flights<Result> {
  readonly #flights = new Map<string, Flight<Result>>();

  join(key: string, load: () => Promise<Result>): Promise<Result> {
    const flight = this.#flights.get(key);
    if (flight === undefined) return this.#start(key, load);
    flight.next ??= flight.current.then(
      () => this.#start(key, load),
      () => this.#start(key, load),
    );
    return flight.next;
  }

  #start(key: string, load: () => Promise<Result>): Promise<Result> {
    const current = load();
    const flight: Flight<Result> = { current, next: undefined };
    this.#flights.set(key, flight);
    const end = (): void => {
      // Who waits for the next one has it start in its own turn, after this.
      if (this.#flights.get(key) === flight && flight.next === undefined) this.#flights.delete(key);
    };
    current.then(end, end);
    return current;
  }
}
