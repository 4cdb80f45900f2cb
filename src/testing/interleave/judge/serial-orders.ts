import type { Changing } from './changing.ts';
import { type Fingerprint, fingerprintOf, tableText } from './fingerprint.ts';
import type { Outcome, State } from './state.ts';
import { untilTimesDiffer } from './times.ts';

/** What runs actors one after the other. */
export interface SerialPlayer {
  /** Brings the rows into the state from which each order begins. */
  readonly setUp: () => Promise<void>;
  /** Lets what is generated be other numbers. */
  readonly advance: () => Promise<void>;
  readonly rows: () => Promise<State>;
  /** Runs actors one after the other, from the rows as they are. */
  readonly play: (order: readonly string[]) => Promise<Outcome>;
}

interface SerialOrder {
  readonly order: readonly string[];
  readonly outcomes: Outcome[];
}

/** What comes of some actors in every serial order of them. */
export class SerialOrders {
  readonly #player: SerialPlayer;
  readonly #changing: Changing;
  readonly #orders: readonly SerialOrder[];
  readonly #fingerprints = new Map<Outcome, Fingerprint>();
  #hasLearned = false;
  #playedAt = 0;

  constructor(player: SerialPlayer, changing: Changing, actors: readonly string[]) {
    this.#player = player;
    this.#changing = changing;
    this.#orders = permutations(actors).map((order) => ({ order, outcomes: [] }));
  }

  /** Runs each order once. */
  async play(): Promise<void> {
    for (const { order, outcomes } of this.#orders) {
      await this.#setUp();
      outcomes.push(await this.#player.play(order));
    }
    this.#playedAt = performance.now();
  }

  /** Runs each order again, later and with other generated numbers, to see what changes. @returns whether that is new */
  async learn(): Promise<boolean> {
    if (this.#hasLearned) return false;
    this.#hasLearned = true;
    await untilTimesDiffer(
      this.#orders.flatMap(({ outcomes }) => outcomes),
      this.#playedAt,
    );
    for (const { order, outcomes } of this.#orders) {
      await this.#setUp();
      await this.#player.advance();
      const [first] = outcomes;
      const again = await this.#player.play(order);
      outcomes.push(again);
      if (first !== undefined)
        this.#changing.learn(first, again, (state, table) => tableText(state, table, this.#changing));
    }
    return true;
  }

  async #setUp(): Promise<void> {
    await this.#player.setUp();
    this.#changing.learnSetup(await this.#player.rows());
  }

  /** What came of them. */
  fingerprints(): readonly Fingerprint[] {
    return this.#orders.flatMap(({ outcomes }) =>
      outcomes.map((outcome) => {
        const known = this.#fingerprints.get(outcome) ?? fingerprintOf(outcome, this.#changing);
        this.#fingerprints.set(outcome, known);
        return known;
      }),
    );
  }

  /** Looks at the outcomes anew: more is known to change. */
  refresh(): void {
    this.#fingerprints.clear();
  }
}

function permutations(names: readonly string[]): readonly (readonly string[])[] {
  if (names.length === 0) return [[]];
  return names.flatMap((first) => permutations(names.filter((name) => name !== first)).map((rest) => [first, ...rest]));
}
