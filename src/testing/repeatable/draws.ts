/** How many random numbers of a sequence are the same each time. */
const mostDraws = 100_000;

/** Random numbers that come again: what is made of them says nothing about what is repeated. */
export class Draws {
  readonly #numbers: number[] = [];

  /** @param at how many were drawn before */
  draw(at: number, random: () => number): number {
    return at < mostDraws ? (this.#numbers[at] ??= random()) : random();
  }
}

/** Has `Math.random` give what `draw` gives. @returns takes it back */
export function drawFrom(draw: (random: () => number) => number): () => void {
  const { random } = Math;
  const drawn = (): number => draw(random);
  Math.random = drawn;
  return () => {
    if (Math.random === drawn) Math.random = random;
  };
}
