import type { InterleavedStep } from './timeline.ts';

/**
 * What it means that an order went wrong in which the actors ran one after the other; nothing where one came between.
 * @param hasInvariant whether an invariant has refused what came of it
 */
export function explanationOf(steps: readonly InterleavedStep[], hasInvariant: boolean): string | undefined {
  if (areInterleaved(steps.map(({ actor }) => actor))) return undefined;
  return hasInvariant ? refused : leftOver;
}

/** Whether some actor came between the steps of another one. @param turns who sent each step */
export function areInterleaved(turns: readonly string[]): boolean {
  return turns.filter((actor, at) => actor !== turns[at - 1]).length > new Set(turns).size;
}

const refused =
  'Here the actors ran one after the other: it does not come from what runs at the same time. An actor is wrong by itself, the invariant refuses what is right, or "setup" does not bring back all that they look at: rows, and also variables and caches in memory.';

const leftOver =
  'Here the actors ran one after the other, and came to something else than before in the same order: what they do depends on something outside of the databases that "setup" does not bring back (a variable or a cache in memory, a file, another server). Have "setup" bring it back too: set the variable anew, empty the cache.';
