import { isLink, type Outcome, plainEnd } from '../interleave/judge/index.ts';
import { areSameNumbers, numbersIn } from './attempts/index.ts';

/** What a place of an outcome has, as text, by the names of places. */
type Places = ReadonlyMap<string, string>;

interface Step {
  /** How many attempts there were so far. */
  readonly attempts: number;
  readonly ends: Places;
  readonly cells: Places;
}

/**
 * What differs from run to run, also without a second attempt, and goes on with each attempt and not with each run: a counter of the
 * program whose numbers are returned or written after the transaction, and what is made of one.
 */
export class Leftovers {
  readonly #steps: Step[] = [];
  #attempts = 0;

  /** @param isRepeated whether the run had a second attempt */
  add({ state, ends }: Outcome, isRepeated: boolean): void {
    this.#attempts += isRepeated ? 2 : 1;
    this.#steps.push({ attempts: this.#attempts, ends: endsIn(ends), cells: cellsIn(state) });
  }

  /** The columns that go on with attempts, as `table.column`. */
  get columns(): readonly string[] {
    return this.#going(({ cells }) => cells);
  }

  /** The ends that do. */
  get ends(): readonly string[] {
    return [...new Set(this.#going(({ ends }) => ends).map((place) => place.split(' ', 1).join('')))];
  }

  #going(of: (step: Step) => Places): readonly string[] {
    const all = this.#steps.map(of);
    const attempts = this.#steps.map((step) => step.attempts);
    return [...(all[0]?.keys() ?? [])].filter((place) => {
      const values = all.flatMap((places) => places.get(place) ?? []);
      return values.length === all.length && goOn(values, attempts);
    });
  }
}

/** Whether values go on with the attempts. */
function goOn(values: readonly string[], attempts: readonly number[]): boolean {
  const [even, odd] = [0, 1].map((turn) => new Set(values.filter((_, at) => (attempts[at] ?? 0) % 2 === turn)));
  if (even?.size === 1 && odd?.size === 1 && [...even][0] !== [...odd][0]) return true;
  const numbers = numbersIn(values);
  return (numbers[0] ?? []).some((_, of) =>
    goOnEvenly(
      numbers.map((each) => each[of] ?? Number.NaN),
      attempts,
    ),
  );
}

/** Whether a number moves on by one step with each run, and by another one with each second attempt. */
function goOnEvenly(numbers: readonly number[], attempts: readonly number[]): boolean {
  const [first = Number.NaN, second = Number.NaN, third = Number.NaN] = numbers;
  // The first of all runs has a second attempt, and the two after it have none.
  const perRun = third - second;
  const [before = 0] = attempts;
  const last = numbers.at(-1) ?? Number.NaN;
  const extra = (attempts.at(-1) ?? 0) - before - (attempts.length - 1);
  const perAttempt = (last - first - perRun * (numbers.length - 1)) / extra;
  if (!(perAttempt * perRun > 0)) return false;
  return numbers.every((number, at) => {
    const more = (attempts[at] ?? 0) - before - at;
    return areSameNumbers(number, first + perRun * at + perAttempt * more);
  });
}

function endsIn(ends: Outcome['ends']): Places {
  return new Map(
    Object.entries(ends).flatMap(([name, end]) =>
      [...plainEnd(end, new Set()).leaves].flatMap(([place, [text, ...others]]) =>
        text === undefined || others.length > 0 ? [] : [[`${name} ${place}`, text] as const],
      ),
    ),
  );
}

/** The values of columns; keys that are generated go on with attempts, too. */
function cellsIn(state: Outcome['state']): Places {
  return new Map(
    [...state].flatMap(([table, { columns, rows }]) =>
      columns.flatMap((column, at) => {
        const values = rows.map((row) => String(row[at] ?? null)).toSorted();
        return isLink(column) ? [] : [[`${table}.${column.name}`, values.join('\n')] as const];
      }),
    ),
  );
}
