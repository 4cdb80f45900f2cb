import type { Actor } from './actor.ts';
import type { Passage } from './passage.ts';

/** Whether it is known that the order of two exchanges makes no difference, given what came before them. */
export type AreIndependent = (past: readonly Passage[], one: Passage, other: Passage) => boolean;

/** An actor that could have moved on instead, and those that need not be tried right after it. */
export interface Alternative {
  readonly actor: string;
  readonly asleep: readonly string[];
}

/**
 * The actors whose next exchange was tried at an earlier moment, since when nothing was sent that does not commute with it: to send
 * it now gives an order that differs from one that is tried in the order of commuting exchanges alone. Each alternative sleeps
 * through those before it in the same way, so of equivalent orders one is tried to its end.
 *
 * Sleep sets: P. Godefroid, "Partial-Order Methods for the Verification of Concurrent Systems" (LNCS 1032, 1996), chapter 5, with
 * the conditional independence of S. Katz and D. Peled (1992): whether two exchanges commute is asked at each moment anew. Unlike
 * the persistent sets of C. Flanagan and P. Godefroid (POPL 2005) they need no knowledge of what an actor is about to do.
 */
export class Sleepers {
  readonly #areIndependent: AreIndependent | undefined;
  #asleep: readonly string[];
  /** Whether all that comes from here is tried elsewhere. */
  #isElsewhere = false;
  #hasLeftOut = false;

  /** @param asleep at the moment after the beginning of the order */
  constructor(areIndependent: AreIndependent | undefined, asleep: readonly string[]) {
    this.#areIndependent = areIndependent;
    this.#asleep = asleep;
  }

  /** Whether an order was left out, which one that is tried represents. */
  get hasLeftOut(): boolean {
    return this.#hasLeftOut;
  }

  isAsleep({ name }: Actor): boolean {
    return this.#asleep.includes(name);
  }

  /** Notes that one of those that can move on is chosen. @returns what else could have been, and is to be tried */
  choose(chosen: Actor, enabled: readonly Actor[], all: readonly Actor[], past: readonly Passage[]): Alternative[] {
    if (this.isAsleep(chosen)) this.#isElsewhere = true;
    if (enabled.some((actor) => this.isAsleep(actor))) this.#hasLeftOut = true;
    if (this.#isElsewhere) return [];
    const awake = enabled.filter((actor) => actor !== chosen && !this.isAsleep(actor));
    const isQuiet = all.every(isWaitingForItsTurn);
    const tried = enabled.filter((actor) => this.isAsleep(actor));
    const asleepAfter = (actor: Actor, given: readonly Actor[]): readonly string[] =>
      given.filter((each) => isQuiet && this.#commute(past, each, actor)).map(({ name }) => name);
    const alternatives = awake.map((actor, at) => ({
      actor: actor.name,
      asleep: asleepAfter(actor, [...tried, chosen, ...awake.slice(0, at)]),
    }));
    this.#asleep = asleepAfter(chosen, tried);
    return alternatives;
  }

  #commute(past: readonly Passage[], { held: [one] }: Actor, { held: [other] }: Actor): boolean {
    if (one === undefined || other === undefined) return false;
    return this.#areIndependent?.(past, one, other) === true;
  }
}

/** Whether nothing of it is under way, and nothing is known to come with its next exchange. */
function isWaitingForItsTurn({ end, held, running }: Actor): boolean {
  return running.size === 0 && (end === undefined ? held.length === 1 : held.length === 0);
}
