import { Changing } from './changing.ts';
import { type Difference, differenceOf, smaller } from './compare.ts';
import { fingerprintOf } from './fingerprint.ts';
import { SerialOrders, type SerialPlayer } from './serial-orders.ts';
import { plainEnd } from './plain-value.ts';
import type { End, State } from './state.ts';
import type { Tables } from './tables.ts';

/** What an order of actors has come to, and what its statements say. */
export interface Played {
  /** The texts of the statements, by client. */
  readonly texts: ReadonlyMap<string, readonly string[]>;
  readonly ends: Readonly<Record<string, End>>;
  /** Actors that the database has refused what a caller may repeat, and that have written nothing. */
  readonly refused: readonly string[];
  /** Those of them that may say that they have run: the count of a write is not looked at, and a failure is caught. Not those that were told that a lock is taken. */
  readonly mayClaim: readonly string[];
  /** Actors that it has refused that after they had committed something. */
  readonly partial: readonly string[];
  /** Of those that have committed something afterwards: the statements that they were refused, and have not done later. */
  readonly turnedAway: ReadonlyMap<string, readonly string[]>;
}

/** What comes of an order that was looked at. */
export type Verdict =
  | { readonly type: 'serial' }
  | { readonly type: 'uncompared' }
  | { readonly type: 'anomaly'; readonly difference: Difference }
  /** Some actors were refused after they had committed something. */
  | { readonly type: 'unjudged'; readonly actors: readonly string[] };

/** Says whether what came of an order also comes of a serial one. */
export class SerialJudge {
  readonly #player: SerialPlayer;
  readonly #actors: readonly string[];
  readonly #tables: Tables;
  readonly #changing = new Changing();
  readonly #serial = new Map<string, SerialOrders>();
  /** How each actor has ended where nothing was refused to it. */
  readonly #successes = new Map<string, End[]>();
  /** What each actor is refused in serial orders, too: that is its usual way, such as an UPDATE before an INSERT. */
  readonly #usual = new Map<string, Set<string>>();

  constructor(
    actors: readonly string[],
    tables: Tables,
    { setUp, play }: Pick<SerialPlayer, 'setUp'> & { readonly play: (order: readonly string[]) => Promise<Played> },
  ) {
    this.#actors = actors;
    this.#tables = tables;
    this.#player = {
      setUp,
      advance: () => tables.advance(),
      rows: () => tables.rows(),
      play: async (order) => {
        const { texts, ends, refused, partial, turnedAway } = await play(order);
        for (const [actor, of] of turnedAway)
          this.#usual.set(actor, new Set([...(this.#usual.get(actor) ?? []), ...of]));
        tables.add(texts);
        this.#noteSuccesses(ends, new Set([...refused, ...partial]));
        return { state: await tables.rows(), ends };
      },
    };
  }

  /** Tables and columns that are not compared: they change by themselves. */
  get notCompared(): readonly string[] {
    return this.#changing.names;
  }

  /** Runs the serial orders of all actors. */
  async begin(): Promise<void> {
    await this.#serialOf(new Set());
  }

  /** Looks at the rows as they are now. */
  async judge({ texts, ends, refused, mayClaim, partial, turnedAway }: Played): Promise<Verdict> {
    const known = this.#tables.size;
    this.#tables.add(texts);
    if (this.#tables.size !== known) this.#serial.clear();
    const state = await this.#tables.rows();
    const without = (isRun: (actor: string) => boolean): readonly ReadonlySet<string>[] =>
      subsets(refused.filter((actor) => !isRun(actor))).map((names) => new Set(names));
    const answered = (actor: string): boolean => mayClaim.includes(actor) && answers(ends[actor]);
    const claims = (actor: string): boolean => answers(ends[actor]) && this.#isSuccess(actor, ends[actor]);
    let found = await this.#closest(state, ends, without(answered));
    if (found !== undefined) {
      const hasLearned = await this.#learn(without(() => false));
      const isClaimed = (actor: string): boolean => answered(actor) && claims(actor);
      if (hasLearned || mayClaim.length > 0) found = await this.#closest(state, ends, without(isClaimed));
    }
    if (found === undefined) return this.#comparesNothing(state) ? { type: 'uncompared' } : { type: 'serial' };
    const untold = [...partial, ...this.#unusual(turnedAway)].filter((actor) => !claims(actor));
    return untold.length > 0 ? { type: 'unjudged', actors: untold } : { type: 'anomaly', difference: found };
  }

  /** Actors that were refused what no serial order refuses them, and went another way. */
  #unusual(turnedAway: Played['turnedAway']): readonly string[] {
    return [...turnedAway].flatMap(([actor, texts]) => {
      const usual = this.#usual.get(actor);
      return texts.some((text) => usual?.has(text) !== true) ? [actor] : [];
    });
  }

  #noteSuccesses(ends: Played['ends'], without: ReadonlySet<string>): void {
    for (const [actor, end] of Object.entries(ends)) {
      if (without.has(actor)) continue;
      this.#successes.set(actor, [...(this.#successes.get(actor) ?? []), end]);
    }
  }

  /** Whether an actor says what it says where it has gone well. */
  #isSuccess(actor: string, end: End | undefined): boolean {
    if (end === undefined) return false;
    const hidden = this.#changing.placesOf(actor);
    const { text } = plainEnd(end, hidden);
    return (this.#successes.get(actor) ?? []).some((each) => plainEnd(each, hidden).text === text);
  }

  /** Whether there are tables, and all of them are left out. */
  #comparesNothing(state: State): boolean {
    return state.size > 0 && [...state.keys()].every((table) => this.#changing.hasTable(table));
  }

  /** In what it differs from the serial outcome that is the closest; nothing where it is one. */
  async #closest(
    state: State,
    ends: Played['ends'],
    withouts: readonly ReadonlySet<string>[],
  ): Promise<Difference | undefined> {
    const own = fingerprintOf({ state, ends }, this.#changing);
    let closest: Difference | undefined;
    for (const without of withouts) {
      for (const serial of (await this.#serialOf(without)).fingerprints()) {
        const difference = differenceOf(own, serial, without);
        if (difference === undefined) return undefined;
        closest = smaller(closest, difference);
      }
    }
    return closest;
  }

  /** @returns whether it has run serial orders again */
  async #learn(withouts: readonly ReadonlySet<string>[]): Promise<boolean> {
    let hasLearned = false;
    for (const without of withouts) if (await (await this.#serialOf(without)).learn()) hasLearned = true;
    if (hasLearned) for (const orders of this.#serial.values()) orders.refresh();
    return hasLearned;
  }

  async #serialOf(without: ReadonlySet<string>): Promise<SerialOrders> {
    const actors = this.#actors.filter((actor) => !without.has(actor));
    const key = JSON.stringify(actors);
    for (;;) {
      const known = this.#serial.get(key);
      if (known !== undefined) return known;
      const { size } = this.#tables;
      const orders = new SerialOrders(this.#player, this.#changing, actors);
      await orders.play();
      // What was run first lacks the tables that were come to later.
      if (this.#tables.size === size) this.#serial.set(key, orders);
      else this.#serial.clear();
    }
  }
}

/** Whether an actor says something; one that returns nothing claims nothing. */
function answers(end: End | undefined): boolean {
  return end?.type === 'returned' && end.value !== undefined;
}

function subsets(names: readonly string[]): readonly (readonly string[])[] {
  const [first, ...rest] = names;
  if (first === undefined) return [[]];
  return subsets(rest).flatMap((names) => [names, [first, ...names]]);
}
