// Random programs for a transaction, and what they come to.
import fc from 'fast-check';
import { afterCommit, afterRollback, type Database, type TransactionOptions } from '../../src/index.ts';

/** A statement that fails, or whose transaction does. */
export type Fault = 'fail' | 'misfit' | 'unsendable' | 'conflict' | 'deadlock';

/** What may be done in a transaction, through one of the libraries. */
export type Step<Name extends string> =
  | {
      readonly type: 'insert' | 'update' | 'delete';
      readonly by: Name;
      readonly id: number;
      readonly caught: boolean;
    }
  | { readonly type: 'read' | Fault; readonly by: Name; readonly caught: boolean }
  | {
      readonly type: 'nested' | 'joined';
      readonly by: Name;
      readonly steps: readonly Step<Name>[];
      readonly throws: boolean;
      readonly caught: boolean;
    }
  | { readonly type: 'parallel'; readonly branches: readonly (readonly Step<Name>[])[]; readonly all: boolean }
  | { readonly type: 'hook' }
  | { readonly type: 'abort' };

type Steps<Name extends string> = fc.Arbitrary<readonly Step<Name>[]>;

/** Programs of one transaction, and such that are cancelled from outside while branches of them are under way. */
export function programsOf<Name extends string>(
  libraries: readonly Name[],
  faults: readonly Fault[],
): { readonly program: Steps<Name>; readonly cancelledProgram: Steps<Name> } {
  const by = fc.constantFrom(...libraries);
  const caught = fc.boolean();
  const leaf: fc.Arbitrary<Step<Name>> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ type: fc.constant('insert' as const), by, id: fc.nat(12), caught }) },
    {
      weight: 3,
      arbitrary: fc.record({ type: fc.constantFrom('update' as const, 'delete' as const), by, id: fc.nat(12), caught }),
    },
    { weight: 3, arbitrary: fc.record({ type: fc.constant('read' as const), by, caught }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constantFrom(...faults), by, caught }) },
    { weight: 1, arbitrary: fc.constant({ type: 'hook' } as const) },
  );
  const parallel = (depth: number): fc.Arbitrary<Step<Name>> =>
    fc.record({
      type: fc.constant('parallel' as const),
      branches: fc.array(steps(depth), { minLength: 2, maxLength: 5 }),
      all: fc.boolean(),
    });
  const scope = (depth: number): fc.Arbitrary<Step<Name>> =>
    fc.record({
      type: fc.constantFrom('nested' as const, 'joined' as const),
      by,
      steps: steps(depth),
      throws: fc.oneof({ weight: 3, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      caught: fc.boolean(),
    });
  const steps = (depth: number): Steps<Name> =>
    fc.array(
      depth === 0
        ? leaf
        : fc.oneof(
            { weight: 4, arbitrary: leaf },
            { weight: 2, arbitrary: parallel(depth - 1) },
            { weight: 1, arbitrary: scope(depth - 1) },
          ),
      { minLength: 1, maxLength: 4 },
    );
  const cancelledProgram = fc
    .tuple(fc.array(steps(2), { minLength: 1, maxLength: 4 }), steps(1), fc.boolean())
    .map(([branches, before, all]) => [
      { type: 'parallel', branches: [[...before, { type: 'abort' }], ...branches], all } as const,
    ]);
  return { program: steps(3), cancelledProgram };
}

/** What a program came to. */
export interface Trace {
  /** What each step gave, by its place in the program. */
  readonly results: Readonly<Record<string, unknown>>;
  /** What ran after the end, in its order. */
  readonly hooks: readonly string[];
  readonly ended: unknown;
}

export type Run = (text: string, values: readonly unknown[]) => Promise<readonly unknown[]>;
export type Nest = (body: () => Promise<void>) => Promise<unknown>;

/** Runs texts through each library, and opens scopes with it. */
export interface Runners<Name extends string> {
  readonly run: Readonly<Record<Name, Run>>;
  readonly nest: Readonly<Record<Name, Nest>>;
  readonly close: () => Promise<void>;
}

/** What an engine is told for a step. */
export interface Language<Name extends string> {
  readonly texts: Readonly<Partial<Record<Step<Name>['type'], string>>>;
  readonly valuesOf: (step: Step<Name>) => readonly unknown[];
}

class Wanted extends Error {
  readonly code = 'WANTED';
}

/** How a program is run. */
export interface RunOptions {
  readonly transaction?: TransactionOptions;
  /** Comes first in the transaction. */
  readonly before?: () => Promise<unknown>;
}

/** Runs a program as one transaction. */
export async function runProgram<Name extends string>(
  database: Database<'default'>,
  { run, nest }: Runners<Name>,
  { texts, valuesOf }: Language<Name>,
  body: readonly Step<Name>[],
  { transaction, before }: RunOptions = {},
): Promise<Trace> {
  const results: Record<string, unknown> = {};
  const hooks: string[] = [];
  const controller = new AbortController();
  const one = async (step: Step<Name>, at: string): Promise<void> => {
    if (step.type === 'hook') {
      afterCommit(() => void hooks.push(`committed ${at}`));
      afterRollback(() => void hooks.push(`rolled back ${at}`));
    } else if (step.type === 'abort') controller.abort(new Wanted('aborted'));
    else if (step.type === 'parallel') {
      const branches = step.branches.map((branch, index) => all(branch, `${at}.${index}`));
      await (step.all ? Promise.all(branches) : Promise.allSettled(branches));
    } else if (step.type === 'nested' || step.type === 'joined') {
      const inside = async (): Promise<void> => {
        await all(step.steps, at);
        if (step.throws) throw new Wanted('thrown');
      };
      await (step.type === 'nested' ? nest[step.by](inside) : database.transaction(inside));
    } else results[at] = await run[step.by](texts[step.type] ?? '', valuesOf(step));
  };
  const all = async (list: readonly Step<Name>[], at: string): Promise<void> => {
    for (const [index, step] of list.entries()) {
      const here = `${at}/${index} ${step.type}`;
      try {
        await one(step, here);
      } catch (error) {
        results[`${here} failed`] = codeOf(error);
        if (!('caught' in step) || !step.caught) throw error;
      }
    }
  };
  const whole = async (): Promise<void> => {
    await before?.();
    await all(body, '');
  };
  const ended = await database.transaction(whole, { ...transaction, signal: controller.signal }).then(
    () => 'committed',
    (error: unknown) => codeOf(error),
  );
  return { results, hooks, ended };
}

/** What an error is, through the wrappers of libraries. */
function codeOf(error: unknown): unknown {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 5; depth += 1) {
    if ('code' in at && at.code !== undefined) return at.code;
    at = 'cause' in at ? at.cause : undefined;
  }
  return error instanceof Error ? `${error.name}: ${error.message.slice(0, 80)}` : error;
}

/** A program, what it came to, and what it has left in the database. */
export interface Mode<Name extends string> {
  readonly database: Database<'default'>;
  readonly runners: Runners<Name>;
}

/** Runs so many programs with statements sent one by one, and sent together, and compares what is seen of both. */
export async function compareModes<Name extends string, Program, Seen>(
  open: (pipelining: boolean) => Promise<Mode<Name>>,
  programs: { readonly runs: number; readonly arbitrary: fc.Arbitrary<Program> },
  outcome: (mode: Mode<Name>, program: Program) => Promise<Seen>,
  seen: (given: Seen) => unknown = (given) => given,
): Promise<void> {
  const { expect } = await import('vitest');
  const on = await open(true);
  const off = await open(false);
  try {
    await fc.assert(
      fc.asyncProperty(programs.arbitrary, async (program) => {
        const expected = await outcome(off, program);
        const given = await outcome(on, program);
        expect(seen(given)).toEqual(seen(expected));
        expect(on.database.stats().clients.default).toMatchObject({ used: 0, waiting: 0 });
      }),
      { numRuns: programs.runs },
    );
  } finally {
    await Promise.all([on.runners.close(), off.runners.close()]);
  }
}
