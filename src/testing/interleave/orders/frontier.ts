import type { Choice } from './order.ts';

/** An order that is to be tried: how it begins. */
interface Beginning {
  readonly prefix: readonly string[];
  /** How often it goes from an actor that could move on to another one. */
  readonly switches: number;
}

/**
 * The orders that have not been tried. Each is found once, as the first that differs from one that was; those with the fewest
 * switches come first, so that the first that goes wrong is one of the shortest to tell.
 */
export class Frontier {
  readonly #bySwitches: Beginning[][] = [[{ prefix: [], switches: 0 }]];

  /** How many are known and not tried. */
  get size(): number {
    return this.#bySwitches.reduce((sum, each) => sum + each.length, 0);
  }

  next(): readonly string[] | undefined {
    return this.#bySwitches.find((each) => each.length > 0)?.shift()?.prefix;
  }

  /** Adds what differs from an order in one of the choices after its prefix. */
  branch(prefix: readonly string[], choices: readonly Choice[]): void {
    let switches = 0;
    for (const [at, choice] of choices.entries()) {
      if (at >= prefix.length) {
        for (const other of choice.enabled) {
          if (other === choice.chosen) continue;
          const begun = choices.slice(0, at).map(({ chosen }) => chosen);
          this.#add({ prefix: [...begun, other], switches: switches + costOf(choice, other) });
        }
      }
      switches += costOf(choice, choice.chosen);
    }
  }

  #add(beginning: Beginning): void {
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
