import { Changing, differenceOf, fingerprintOf, type Outcome, plainEnd, tableText } from '../interleave/judge/index.ts';
import { Leftovers } from './leftovers.ts';
import { type RepeatFinding, remedies, type RepeatProblem } from './finding.ts';

/** What is compared of a run, apart from the rows. */
const parts = {
  result: { problem: 'resultDiffers', what: 'what the body came to' },
  given: { problem: 'argumentChanged', what: 'what setup had given to the body' },
  watched: { problem: 'watchedDiffers', what: 'what "watch" looks at' },
} as const satisfies Record<string, { problem: RepeatProblem; what: string }>;

type Part = keyof typeof parts;

const isPart = (name: string): name is Part => name in parts;

/** Outcomes of a body without a failure, and what they say about those with one. */
export class PlainOutcomes {
  readonly #changing = new Changing();
  readonly #plain: Outcome[] = [];
  readonly #leftovers = new Leftovers();

  /** Another outcome of the body as it is. What differs from the one before says nothing about attempts. */
  add(outcome: Outcome): void {
    const before = this.#plain.at(-1);
    this.#plain.push(outcome);
    this.#leftovers.add(outcome, false);
    if (before === undefined) return;
    this.#changing.learn(before, outcome, (state, table) => tableText(state, table, this.#changing));
  }

  /** An outcome with a second attempt. */
  addRepeated(outcome: Outcome): void {
    this.#leftovers.add(outcome, true);
  }

  /** The rows that a setup has left: what was there does not come from the body. */
  addSetup(state: Outcome['state']): void {
    this.#changing.learnSetup(state);
  }

  /** The tables that differ from run to run in more than single values, so that they are not compared. */
  notCompared({ state }: Outcome): readonly string[] {
    return [...state.keys()].filter((table) => this.#changing.hasTable(table));
  }

  /** What of a run with a second attempt comes of none without one. */
  findingsOf(repeated: Outcome, transactionAt: string | undefined): readonly RepeatFinding[] {
    const found = (problem: RepeatProblem, what: string): RepeatFinding => ({
      problem,
      what,
      place: undefined,
      transactionAt,
      remedy: remedies[problem],
    });
    const own = fingerprintOf(repeated, this.#changing);
    const differences = this.#plain.map((plain) =>
      differenceOf(own, fingerprintOf(plain, this.#changing), new Set<string>()),
    );
    const [difference] = differences;
    const findings: RepeatFinding[] = [];
    const contents = new Set(this.#leftovers.columns);
    const ends = new Set([...this.#stepped(repeated), ...this.#leftovers.ends]);
    if (difference !== undefined && differences.every((each) => each !== undefined)) {
      for (const name of difference.actors) ends.add(name);
      for (const name of difference.contents) contents.add(name);
    }
    if (contents.size > 0)
      findings.push(
        found(
          'rowsDiffer',
          `With a second attempt the database has other values, or other rows, in ${listOf([...contents])} than with one attempt`,
        ),
      );
    for (const name of ends)
      if (isPart(name))
        findings.push(
          found(parts[name].problem, `After a second attempt ${parts[name].what} is another than without one`),
        );
    return findings;
  }

  /** Parts in which a number moves on by one step with each run, and by several with the run that had a second attempt. */
  #stepped(repeated: Outcome): readonly string[] {
    const [one, other] = this.#plain.slice(-2);
    if (one === undefined || other === undefined) return [];
    const numbers = [one, other, repeated].map(({ ends }) => numbersIn(ends));
    const [before = numbersIn({}), after = numbersIn({}), last = numbersIn({})] = numbers;
    return Object.keys(repeated.ends).filter((name) =>
      [...(last.get(name) ?? [])].some(([place, number]) => {
        const [a, b] = [before.get(name)?.get(place), after.get(name)?.get(place)];
        if (a === undefined || b === undefined || a === b || Math.abs(b - a) > largestStep) return false;
        const steps = (number - b) / (b - a);
        return Number.isInteger(steps) && steps > 1 && steps <= mostSteps;
      }),
    );
  }
}

/** A counter moves on by no more than this in one run. */
const largestStep = 5;
const mostSteps = 10;

/** The integers in each part, by their places. */
function numbersIn(ends: Outcome['ends']): ReadonlyMap<string, ReadonlyMap<string, number>> {
  return new Map(
    Object.entries(ends).map(([name, end]) => {
      const numbers = [...plainEnd(end, new Set()).leaves].flatMap(([place, texts]) => {
        const [text] = texts;
        const number = Number(/^"(?:number|bigint) (-?\d+)"$/.exec(text ?? '')?.[1] ?? Number.NaN);
        return texts.length === 1 && Number.isSafeInteger(number) ? [[place, number] as const] : [];
      });
      return [name, new Map(numbers)] as const;
    }),
  );
}

function listOf(names: readonly string[]): string {
  return names.slice(0, 5).join(', ');
}
