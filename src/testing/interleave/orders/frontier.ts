import type { Beginning, Choice } from './order.ts';

interface Ranked extends Beginning {
  /** How often it goes from an actor that could move on to another one. */
  readonly switches: number;
}

/**
 * The orders that have not been tried. Each is found once, as the first that differs from one that was; those with the fewest
 * switches come first, so that the first that goes wrong is one of the shortest to tell.
 */
export class Frontier {
  readonly #bySwitches: Ranked[][] = [[{ prefix: [], asleep: [], failed: 0, switches: 0 }]];

  /** How many are known and not tried. */
  get size(): number {
    return this.#bySwitches.reduce((sum, each) => sum + each.length, 0);
  }

  next(): Beginning | undefined {
    return this.#bySwitches.find((each) => each.length > 0)?.shift();
  }

  /** Adds one again that went another way, before all others. */
  again(beginning: Beginning): void {
    this.#bySwitches[0]?.unshift({ ...beginning, failed: beginning.failed + 1, switches: 0 });
  }

  /** Adds what differs from an order in one of the choices after its beginning. @param isReducing whether any actor may sleep */
  branch(choices: readonly Choice[], isReducing: boolean): void {
    let switches = 0;
    for (const [at, choice] of choices.entries()) {
      for (const { actor, asleep } of choice.alternatives) {
        const begun = choices.slice(0, at).map(({ chosen }) => chosen);
        const sleeping = isReducing ? asleep : [];
        this.#add({
          prefix: [...begun, actor],
          asleep: sleeping,
          failed: 0,
          switches: switches + costOf(choice, actor),
        });
      }
      switches += costOf(choice, choice.chosen);
    }
  }

  #add(beginning: Ranked): void {
    for (let at = this.#bySwitches.length; at <= beginning.switches; at += 1) this.#bySwitches.push([]);
    this.#bySwitches[beginning.switches]?.push(beginning);
  }
}

function costOf({ before, enabled }: Choice, chosen: string): number {
  return before !== undefined && before !== chosen && enabled.includes(before) ? 1 : 0;
}

/** How often an order goes from an actor that could move on to another one. */
export function switchesIn(choices: readonly Choice[]): number {
  return choices.reduce((sum, choice) => sum + costOf(choice, choice.chosen), 0);
}

/** How many orders of the exchanges of an order there are at most: without locks, and if what is read makes no difference. */
export function mostOrdersOf({ choices }: { readonly choices: readonly Choice[] }): number {
  const counts = new Map<string, number>();
  let orders = 1;
  for (const [at, { chosen }] of choices.entries()) {
    const count = (counts.get(chosen) ?? 0) + 1;
    counts.set(chosen, count);
    orders = (orders * (at + 1)) / count;
  }
  return Math.round(orders);
}
