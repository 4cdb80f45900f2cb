import type { ClientDefinition } from '../../src/driver/index.ts';
import type { Driver, DriverConnection, Exchange, Step } from '../../src/driver/index.ts';

/** What ends a simulated process, or stops it for a while: at which of its exchanges with any of its databases. */
export interface Fate {
  /** The number of the exchange, from 0; or what one of its statements has to contain. */
  readonly at: number | string;
  /**
   * `before`: it dies, and the exchange was never sent. `after`: it dies, and the server has done it. `frozen`: it stands still
   * before the next exchange that begins outside of a transaction, until it is thawed. `unanswered`: it lives on, the server has
   * done it, and the connection is lost with the answer.
   */
  readonly how: 'before' | 'after' | 'frozen' | 'unanswered';
}

/** A process that may die or freeze at any of its exchanges: its connections are cut, and nothing that it awaits comes. */
export class MortalProcess {
  #fate: Fate | undefined;
  readonly #connections = new Set<DriverConnection>();
  readonly #died = Promise.withResolvers<'died'>();
  readonly #thawed = Promise.withResolvers<void>();
  readonly #lost = Promise.withResolvers<void>();
  #exchanges = 0;
  #underWay = 0;
  #state: 'alive' | 'frozen' | 'dead' = 'alive';

  constructor(fate: Fate | undefined) {
    this.#fate = fate;
  }

  /** Resolves when it has died or frozen. */
  get died(): Promise<'died'> {
    return this.#died.promise;
  }

  /** Resolves when an answer was lost. */
  get lost(): Promise<void> {
    return this.#lost.promise;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isFrozen(): boolean {
    return this.#state === 'frozen';
  }

  /** A client of the process. */
  client(definition: ClientDefinition): ClientDefinition {
    const { driver } = definition;
    const mortal: Driver = Object.create(driver, {
      connect: { value: async (signal: AbortSignal) => this.#connection(await driver.connect(signal)) },
    }) as Driver;
    return { ...definition, driver: mortal };
  }

  /** It lives on, whatever it was to meet. */
  spare(): void {
    this.#fate = undefined;
  }

  /** It goes on where it stood still. */
  thaw(): void {
    this.#state = 'alive';
    this.#thawed.resolve();
  }

  #connection(real: DriverConnection): DriverConnection {
    this.#connections.add(real);
    const run: DriverConnection['run'] = async (steps) => {
      const number = this.#exchanges;
      this.#exchanges += 1;
      const fate = this.#fate;
      const isDue = fate !== undefined && isAt(fate, number, steps);
      if (isDue && fate.how === 'frozen' && this.#state === 'alive' && this.#isIdle) this.#freeze();
      if (this.#state === 'frozen') await this.#thawed.promise;
      if (this.#state === 'dead' || (isDue && fate.how === 'before')) return await this.#die();
      this.#underWay += 1;
      const answer = await real.run(steps);
      this.#underWay -= 1;
      if (isDue && fate.how === 'unanswered' && this.#fate === fate) return await this.#lose(real);
      return isDue && fate.how === 'after' ? await this.#die() : answer;
    };
    return new Proxy(real, {
      get(target, name) {
        if (name === 'run') return run;
        if (name === 'sendAhead' || name === 'runEach' || name === 'handOver') return undefined;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  async #lose(connection: DriverConnection): Promise<Exchange> {
    this.#fate = undefined;
    await connection.destroy();
    this.#lost.resolve();
    const failure = { kind: 'connectionLost', error: new Error('it was cut'), reached: 'unanswered' } as const;
    return { completed: 0, results: [], failure, ended: undefined };
  }

  /** Who stands still in a transaction would keep others from writing. */
  get #isIdle(): boolean {
    return this.#underWay === 0 && [...this.#connections].every(({ status }) => status !== 'active');
  }

  #freeze(): void {
    if (this.#thaws) return;
    this.#thaws = true;
    this.#state = 'frozen';
    this.#died.resolve('died');
  }

  /** It freezes once. */
  #thaws = false;

  async #die(): Promise<never> {
    if (this.#state !== 'dead') {
      this.#state = 'dead';
      await Promise.all([...this.#connections].map((connection) => connection.destroy()));
      this.#died.resolve('died');
    }
    return await new Promise<never>(() => {});
  }
}

function isAt({ at }: Fate, number: number, steps: readonly Step[]): boolean {
  if (typeof at === 'number') return number >= at;
  return steps.some((step) => step.type === 'statement' && step.statement.text.includes(at));
}
