import type { Outcome, PhysicalTransaction } from '../../connection/index.ts';
import {
  type Begun,
  type ClientIdentity,
  currentFrame,
  describeTransactions,
  findPlace,
  refuseInside,
} from '../../context/index.ts';
import {
  type Attempted,
  isolationOf,
  leaving,
  participate,
  registerHook,
  runAttempt,
  type Scope,
  scopeAt,
} from '../../transaction/index.ts';
import type { TwoPhaseClient } from './clients.ts';
import type { Plan } from './plan.ts';
import { writeCommitted } from './decisions.ts';
import { newId, partName } from './ids.ts';
import { TwoPhasePreparedError } from './errors.ts';
import { Part } from './part.ts';
import { Deciding } from './verdict.ts';

/** What the transactions of an attempt have come to. */
export interface Ended<Result> {
  readonly first: Attempted<Result>;
  readonly others: readonly Attempted<unknown>[];
  /** What is thrown for it, if anything is. */
  readonly error: { readonly thrown: unknown } | undefined;
  /** The clients on which it may still be prepared. */
  readonly left: readonly string[];
}

interface AttemptOptions {
  readonly previous: PhysicalTransaction | undefined;
  readonly since: Begun;
  readonly timeout: number | undefined;
}

/** The transactions on all clients, each inside of the one before it: the last one runs the body. */
export class Attempt<Result> {
  readonly id: string;
  readonly #plan: Plan;
  readonly #body: () => Result | PromiseLike<Result>;
  readonly #options: AttemptOptions;
  readonly #deciding = new Deciding();
  readonly #parts: Part[] = [];
  readonly #running: Promise<Attempted<unknown>>[] = [];
  /** What has left the body of the first transaction. */
  #reason: unknown;

  constructor(plan: Plan, body: () => Result | PromiseLike<Result>, options: AttemptOptions) {
    this.id = newId(plan.home);
    this.#plan = plan;
    this.#body = body;
    this.#options = options;
  }

  async run(): Promise<Ended<Result>> {
    const { first, options } = this.#plan;
    const { client } = first;
    const outer = currentFrame();
    const ran = await runAttempt(
      {
        client,
        level: findPlace(outer, client).level,
        outer,
        origin: this.#plan.origin,
        options,
        isolation: client.driver.isolation(isolationOf(options.isolationLevel)),
        ...this.#options,
      },
      () => this.#inFirst(),
    );
    const others = await Promise.all(this.#running);
    const { outcome } = ran.transaction;
    const left = this.#parts.filter((part, index) => part.isLeft || isUnconfirmed(part, outcome, others[index]));
    // Those of the others that are not committed are told why by the first one.
    const failed = [ran, ...others.filter(({ transaction }) => transaction.outcome === 'committed')].find(
      ({ result }) => 'error' in result,
    );
    const error = failed && { thrown: leaving(failed) };
    return { first: ran, others, error, left: left.map(({ clientName }) => clientName) };
  }

  /** The body of the first transaction: its commit is the decision. */
  async #inFirst(): Promise<Result> {
    const { first } = this.#plan;
    const scope = scopeOf(first);
    refuseInside(scope.transaction, (client) => this.#refusalOf(client));
    participate(scope, {
      prepare: (inScope) => inScope(() => this.#decide()),
      end: (outcome) => this.#end(outcome),
    });
    this.#holdHooks(first);
    try {
      await connect(scope);
      return await this.#enter(0);
    } catch (error) {
      this.#reason = error;
      throw error;
    }
  }

  /** What is sent on a client whose part takes no more statements would be committed by itself. */
  #refusalOf(client: ClientIdentity): TwoPhasePreparedError | undefined {
    const part = this.#parts[this.#plan.others.findIndex((other) => other.client === client)];
    if (part === undefined || part.isOpen) return undefined;
    return new TwoPhasePreparedError({
      what: `A hook before the commit, or what the body has left running, wanted a connection of client "${client.name}", whose part of the two-phase commit takes no more statements; nothing was sent`,
      remedy: `Do it in the body, in a hook of client "${client.name}" itself, or name that client before the one whose hook it is`,
      at: { clientName: client.name },
      chain: describeTransactions(currentFrame()?.innermost),
    });
  }

  async #decide(): Promise<void> {
    const prepared = this.#parts.filter((part) => part.wasPrepared).map(({ clientName }) => clientName);
    if (prepared.length > 0) await writeCommitted(this.#plan.first.db, this.id, prepared);
  }

  #end(outcome: Outcome): void {
    const { name } = this.#plan.first.client;
    const error = this.#reason ?? new Error(`the transaction on client "${name}", which decides, did not commit`);
    this.#deciding.settle({ outcome, error });
    if (outcome === 'committed') return;
    for (const part of this.#parts) part.stop(error);
  }

  /** Hooks after the commit see what is committed on all clients. */
  #holdHooks({ client }: TwoPhaseClient): void {
    const settled = (): Promise<unknown> => Promise.all(this.#parts.map((part) => part.settled));
    registerHook({ client, level: undefined }, 'commit', settled);
  }

  /** Goes on inside of a transaction on the next client, until nothing but the decision is missing there. */
  async #enter(index: number): Promise<Result> {
    const other = this.#plan.others[index];
    if (other === undefined) return await this.#body();
    const { client, dialect } = other;
    const { isolationLevel, name } = this.#plan.options;
    const part = new Part(client.name, partName(this.id, index + 1, client.name), dialect, this.#deciding);
    this.#parts.push(part);
    let result: { readonly value: Result } | undefined;
    const outer = currentFrame();
    const running = runAttempt(
      {
        client,
        level: findPlace(outer, client).level,
        outer,
        origin: this.#plan.origin,
        options: { isolationLevel, name, signal: part.signal },
        isolation: client.driver.isolation(isolationOf(isolationLevel)),
        previous: undefined,
        timeout: undefined,
        through: part.through,
      },
      async () => {
        const scope = scopeOf(other);
        participate(scope, { prepare: async () => {}, end: (outcome) => part.ended(outcome) });
        this.#holdHooks(other);
        await connect(scope);
        const value = await this.#enter(index + 1);
        result = { value };
        return value;
      },
    );
    this.#running.push(running);
    const failed = running.then((attempted) => {
      part.ended(undefined);
      if ('error' in attempted.result && attempted.transaction.outcome !== 'committed') throw attempted.result.error;
    });
    failed.catch(() => {});
    await Promise.race([part.ready, failed]);
    if (result === undefined) throw new RangeError('a part was prepared before its body had ended');
    return result.value;
  }
}

function scopeOf({ client }: TwoPhaseClient): Scope {
  const scope = scopeAt(currentFrame(), { client, level: undefined });
  if (scope === undefined) throw new RangeError('a transaction was begun without a scope');
  return scope;
}

/**
 * Takes the connection of a transaction before the next one begins, above it: at its first statement in the body it could not wait
 * for one, with those of deeper levels open.
 */
async function connect({ transaction }: Scope): Promise<void> {
  const frame = currentFrame();
  if (frame === undefined) throw new RangeError('a transaction was begun without a frame');
  await transaction.connect(frame);
}

/** The server was not waited for any longer. */
function isUnconfirmed(part: Part, decided: Outcome | undefined, ended: Attempted<unknown> | undefined): boolean {
  return part.wasPrepared && decided === 'committed' && ended?.transaction.outcome !== 'committed';
}
