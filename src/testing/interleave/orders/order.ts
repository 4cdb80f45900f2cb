import type { TransactionalClient } from '../../../connection/index.ts';
import type { Backend, BlockedBy } from '../../../driver/index.ts';
import { Actor, type ActorEnd } from './actor.ts';
import { InterleaveActorError } from '../errors.ts';
import type { Gate } from './gate.ts';
import type { Passage } from './passage.ts';
import { type Alternative, type AreIndependent, Sleepers } from './sleepers.ts';

/** What actors run in, in every order. */
export interface Stage {
  readonly gate: Gate;
  /** Whose locks a backend of a client waits for. */
  readonly blockersOf: (
    client: TransactionalClient,
    backend: Backend,
    suspects: readonly Backend[],
  ) => Promise<BlockedBy>;
  /** Whether a connection is being opened, which may take its time. */
  readonly isConnecting: () => boolean;
  /** Ends all work that is open. */
  readonly abort: (error: unknown) => void;
  readonly bodies: Readonly<Record<string, () => unknown>>;
  /** How long nothing may move, in milliseconds. */
  readonly timeout: number;
  /** Refuses what must not be sent. @throws InterleaveActorError */
  readonly check: (passage: Passage) => void;
}

/** How an order begins that is to be tried. */
export interface Beginning {
  readonly prefix: readonly string[];
  /** Those whose next exchange need not be tried right after it. */
  readonly asleep: readonly string[];
  /** How often it was tried and went another way. */
  readonly failed: number;
}

/** A moment at which one of several actors could move on. */
export interface Choice {
  readonly enabled: readonly string[];
  readonly chosen: string;
  /** Whose turn it was before. */
  readonly before: string | undefined;
  /** What else is to be tried. */
  readonly alternatives: readonly Alternative[];
}

/** What came of one order. */
export interface OrderRun {
  readonly choices: readonly Choice[];
  readonly passages: readonly Passage[];
  readonly ends: Readonly<Record<string, ActorEnd>>;
  /** Whether an actor that was to move on was not there: its statements differ from run to run. */
  readonly hasDiverged: boolean;
  /** The places of what was sent in that time by no actor. */
  readonly strays: readonly string[];
  /** Whether orders were left out that this one or others stand for. */
  readonly hasLeftOut: boolean;
  /** Those that were waited for in vain while others could move. */
  readonly slow: readonly string[];
}

/** After so many milliseconds without an answer the server is asked what a statement waits for. */
const slowAfter = 10;
/** After so many milliseconds an actor that does something else is no longer waited for where others can move. */
const patience = 2_000;
/** How long actors that are stopped may take, in milliseconds. */
const stopsWithin = 2_000;
/** How many exchanges an actor may have in one order. */
const mostExchanges = 200;

const fromTheStart: Beginning = { prefix: [], asleep: [], failed: 0 };

/**
 * Runs all actors once: lets one exchange after the other through, first those of `prefix`, then with as few changes as can be.
 * @param areIndependent leaves out alternatives that differ in the order of such exchanges alone
 */
export async function runOrder(stage: Stage, beginning: Beginning, areIndependent?: AreIndependent): Promise<OrderRun> {
  return await new Order(stage).run(beginning, areIndependent);
}

/** Runs actors one after the other: each begins when the one before has ended. */
export async function runSerially(stage: Stage, order: readonly string[]): Promise<OrderRun> {
  const runs: OrderRun[] = [];
  for (const name of order) {
    const body = stage.bodies[name] ?? (() => undefined);
    runs.push(await new Order({ ...stage, bodies: { [name]: body } }).run(fromTheStart));
  }
  return {
    choices: runs.flatMap(({ choices }) => choices),
    passages: runs.flatMap(({ passages }) => passages),
    ends: Object.assign({}, ...runs.map(({ ends }) => ends)) as OrderRun['ends'],
    hasDiverged: false,
    strays: [],
    hasLeftOut: false,
    slow: [],
  };
}

class Order {
  readonly #stage: Stage;
  readonly #actors: readonly Actor[];
  readonly #choices: Choice[] = [];
  readonly #passages: Passage[] = [];
  readonly #slow = new Set<string>();
  #hasDiverged = false;
  #changed = Promise.withResolvers<void>();
  #movedAt = performance.now();
  /** A question to the server that is under way. */
  #looking: Promise<void> | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
    this.#actors = Object.keys(stage.bodies).map((name) => new Actor(name, (left) => this.#moves(left)));
  }

  async run({ prefix, asleep }: Beginning, areIndependent?: AreIndependent): Promise<OrderRun> {
    const { gate, bodies, abort } = this.#stage;
    const unfollow = gate.follow();
    for (const actor of this.#actors) gate.runAs(actor, () => actor.start(bodies[actor.name] ?? (() => undefined)));
    const sleepers = new Sleepers(areIndependent, asleep);
    gate.takeStrays();
    try {
      await this.#letAllThrough(prefix, sleepers);
    } catch (error) {
      gate.close(error);
      abort(error);
      await this.#allEnded();
      throw error;
    } finally {
      unfollow();
    }
    return {
      choices: this.#choices,
      passages: this.#passages,
      ends: Object.fromEntries(this.#actors.flatMap(({ name, end }) => (end === undefined ? [] : [[name, end]]))),
      hasDiverged: this.#hasDiverged,
      strays: gate.takeStrays(),
      hasLeftOut: sleepers.hasLeftOut,
      slow: [...this.#slow],
    };
  }

  async #letAllThrough(prefix: readonly string[], sleepers: Sleepers): Promise<void> {
    let turn: string | undefined;
    for (;;) {
      await this.#settled();
      this.#refuseLeftovers();
      const enabled = this.#actors.filter(({ held }) => held.length > 0);
      if (enabled.length === 0 && this.#actors.every(({ end }) => end !== undefined)) return;
      // All wait for each other's locks: the server ends that.
      if (enabled.length === 0) {
        await this.#untilMoved();
        continue;
      }
      const at = this.#choices.length;
      const awake = at < prefix.length ? enabled : enabled.filter((actor) => !sleepers.isAsleep(actor));
      const chosen = this.#choose(awake.length === 0 ? enabled : awake, turn, prefix[at]);
      const alternatives = at < prefix.length ? [] : sleepers.choose(chosen, enabled, this.#actors, this.#passages);
      this.#choices.push({ enabled: enabled.map(({ name }) => name), chosen: chosen.name, before: turn, alternatives });
      turn = chosen.name;
      this.#letThrough(chosen);
    }
  }

  /** Gives actors that were stopped time to roll back. */
  async #allEnded(): Promise<void> {
    const until = performance.now() + stopsWithin;
    while (this.#actors.some(({ end }) => end === undefined) && performance.now() < until) {
      await Promise.race([this.#changed.promise, pause(50)]);
    }
  }

  #choose(enabled: readonly Actor[], turn: string | undefined, wanted: string | undefined): Actor {
    const found = enabled.find(({ name }) => name === wanted);
    if (wanted !== undefined && found === undefined) this.#hasDiverged = true;
    const [first] = enabled;
    const chosen = found ?? enabled.find(({ name }) => name === turn) ?? first;
    if (chosen === undefined) throw new RangeError('an order went on with no actor that can move');
    return chosen;
  }

  #letThrough(actor: Actor): void {
    const [passage] = actor.held;
    if (passage === undefined) return;
    if (passage.sharedWith !== undefined) throw shared(passage, passage.sharedWith);
    this.#stage.check(passage);
    if (actor.count > mostExchanges) throw this.#endless(actor);
    this.#passages.push(passage);
    passage.letThrough();
  }

  #moves(left?: Passage): void {
    this.#movedAt = performance.now();
    if (left !== undefined && mayFree(left)) this.#recheck(left.actor.name);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Those that wait for an actor may have what they wait for now. */
  #recheck(name: string): void {
    for (const { running } of this.#actors) {
      for (const passage of running) {
        if (passage.state !== 'blocked' || !passage.blockedBy.includes(name)) continue;
        passage.state = 'running';
        passage.since = this.#movedAt;
      }
    }
  }

  /** Waits until every actor has something at the gate, waits for the lock of another, or has ended. */
  async #settled(): Promise<void> {
    for (;;) {
      const restless = this.#actors.filter((actor) => !actor.isAtRest);
      if (restless.length === 0) return;
      const now = performance.now();
      const canMove = this.#actors.some(({ held }) => held.length > 0) && !this.#stage.isConnecting();
      if (canMove && restless.every((actor) => isLate(actor, now))) {
        for (const { name } of restless) this.#slow.add(name);
        return;
      }
      this.#assertMoving(now);
      const changed = this.#changed.promise;
      const unanswered = restless.flatMap(({ running }) => [...running]).filter(({ state }) => state === 'running');
      const overdue = unanswered.filter(({ since }) => now - since >= slowAfter);
      if (overdue.length > 0) {
        this.#looking ??= this.#lookAtLocks(overdue).finally(() => (this.#looking = undefined));
        await Promise.race([changed, this.#looking]);
      }
      await Promise.race([changed, pause(unanswered.length > 0 ? slowAfter : 50)]);
    }
  }

  async #lookAtLocks(overdue: readonly Passage[]): Promise<void> {
    for (const passage of overdue) {
      const { since, actor, client, connection } = passage;
      const others = this.#passages.filter((each) => each.actor !== actor && each.client === client);
      const suspects = others.map((each) => each.connection.backend);
      const { blockers } = await this.#stage.blockersOf(client, connection.backend, suspects);
      // Something has moved since: the answer may be older than that.
      if (passage.state !== 'running' || passage.since !== since) continue;
      const ids = new Set(blockers.map(({ backend }) => backend.id));
      const found = others.filter((each) => ids.has(each.connection.backend.id));
      if (found.length === 0) continue;
      passage.blockedBy = [...new Set(found.map((each) => each.actor.name))];
      passage.state = 'blocked';
    }
  }

  async #untilMoved(): Promise<void> {
    const { promise } = this.#changed;
    let hasMoved = false;
    void promise.then(() => (hasMoved = true));
    for (;;) {
      await Promise.race([promise, pause(50)]);
      if (hasMoved) return;
      this.#assertMoving(performance.now());
    }
  }

  /** @throws InterleaveActorError where nothing has moved for too long */
  #assertMoving(now: number): void {
    if (now - this.#movedAt < this.#stage.timeout) return;
    const states = this.#actors.filter(({ end }) => end === undefined).map(stateInWords);
    throw new InterleaveActorError({
      what: `For ${this.#stage.timeout} ms no actor has moved. ${states.join('. ')}`,
      remedy:
        'Let actors wait for nothing but the database: give them stubs for what they call, and send their statements through bound libraries. For slow statements raise "timeout"',
    });
  }

  #refuseLeftovers(): void {
    const left = this.#actors.find(({ end, held, running }) => end !== undefined && held.length + running.size > 0);
    const passage = left?.held[0] ?? left?.running.values().next().value;
    if (left === undefined || passage === undefined) return;
    throw new InterleaveActorError({
      what: `The actor "${left.name}" has ended and left work behind: a statement${at(passage)}`,
      remedy: 'Await all that the actor begins: its statements, its detached work, its listeners',
    });
  }

  #endless({ name, last }: Actor): InterleaveActorError {
    return new InterleaveActorError({
      what: `The actor "${name}" has sent ${mostExchanges} statements in one order and goes on${last === undefined ? '' : `, the last${at(last)}`}`,
      remedy: 'Bound its loops and retries',
    });
  }
}

function shared(passage: Passage, other: string): InterleaveActorError {
  const { name } = passage.actor;
  return new InterleaveActorError({
    what: `The actor "${name}" shares a connection with "${other}", at its statement${at(passage)}: one waits for the other there, and not for the database`,
    remedy: 'Let each actor take its connection itself, and give it back',
  });
}

/** Whether what was answered may have given up a lock. */
function mayFree({ exchange, connection, steps }: Passage): boolean {
  if (exchange === undefined || exchange.failure !== undefined || exchange.ended !== undefined) return true;
  return connection.status !== 'active' || steps.some(({ type }) => type === 'rollbackTo');
}

/** Whether it has done something else for long. */
function isLate(actor: Actor, now: number): boolean {
  return actor.isThinking && now - actor.thinkingSince >= patience;
}

function stateInWords({ name, held, running, last }: Actor): string {
  const [passage] = running;
  if (passage !== undefined) {
    const by = passage.blockedBy.length === 0 ? 'an answer' : `a lock of ${passage.blockedBy.join(', ')}`;
    return `"${name}" waits for ${by}, with its statement${at(passage)}`;
  }
  const [next] = held;
  if (next !== undefined) return `"${name}" could go on with its statement${at(next)}`;
  if (last === undefined) return `"${name}" has sent no statement and has not ended`;
  return `"${name}" waits for something that is no statement, after its statement${at(last)}`;
}

function at({ place }: Passage): string {
  return place === undefined ? '' : ` at ${place}`;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
