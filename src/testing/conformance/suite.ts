import { AssertionError } from 'node:assert';
import { checkEnd } from './expect.ts';
import { type Check, describeThrown, text, milliseconds } from '../../core/index.ts';

/** A behaviour that a port requires. */
export interface ConformanceCheck {
  /** The behaviour, as a sentence. */
  readonly name: string;
  /**
   * Runs the check on an implementation of its own.
   * @throws AssertionError (node:assert) that says what was expected, what was found, and where the rule is explained
   */
  readonly run: () => Promise<void>;
}

/** A check that was not made, and the option of the suite that it needs. */
export interface LeftOutCheck {
  /** The behaviour, as a sentence. */
  readonly name: string;
  /** The option of the suite. */
  readonly needs: string;
}

/** The checks of a port for one implementation. */
export interface ConformanceSuite {
  /** For the title of the tests. */
  readonly name: string;
  /** In an order that begins with the simplest. */
  readonly checks: readonly ConformanceCheck[];
  /** What was not made, because the suite was not given what it needs. */
  readonly leftOut: readonly LeftOutCheck[];
}

/** `describe` and `it` of vitest, Jest, Mocha or node:test. */
export interface TestRunner {
  /** Groups tests. */
  readonly describe: (name: string, body: () => void) => unknown;
  /** Makes a test; `skip` makes one that is not run. */
  readonly it: ((name: string, body: () => Promise<void>) => unknown) & {
    readonly skip?: (name: string, body: () => Promise<void>) => unknown;
  };
}

/**
 * Makes a test of each check. What was left out is a skipped test, if the runner has such.
 *
 * ```ts
 * import { describe, it } from 'node:test';
 * register(suite, { describe, it });
 * ```
 */
export function register(suite: ConformanceSuite, { describe, it }: TestRunner): void {
  void describe(suite.name, () => {
    for (const check of suite.checks) void it(check.name, () => check.run());
    for (const { name, needs } of suite.leftOut) void it.skip?.(`${name} (needs ${needs})`, () => Promise.resolve());
  });
}

/** What every suite is given. */
export interface SuiteOptions {
  /** Names the implementation in the tests. */
  readonly name: string;
  /** How long a check may take, in milliseconds. Default 4,000, which is less than test runners wait. */
  readonly timeout?: number | undefined;
}

export const suiteChecks: Readonly<Record<keyof SuiteOptions, Check>> = {
  name: text(200),
  timeout: milliseconds(1),
};

/** A check before it has an implementation. */
export interface CheckOf<Bench> {
  readonly name: string;
  /** The option without which it cannot be made. */
  readonly needs?: string | undefined;
  readonly run: (bench: Bench) => Promise<void>;
}

export interface Workshop<Bench> extends SuiteOptions {
  /** What is checked: `driver`. */
  readonly port: string;
  /** Where its rules are explained. */
  readonly page: string;
  readonly checks: readonly CheckOf<Bench>[];
  readonly has: (option: string) => boolean;
  /** Makes an implementation for one check. */
  readonly open: () => Promise<Bench>;
  /** Ends what was opened; also after a check that failed. */
  readonly close: (bench: Bench) => Promise<void>;
}

/** Joins checks and an implementation. */
export function suiteOf<Bench>(workshop: Workshop<Bench>): ConformanceSuite {
  const { name, port, checks, has } = workshop;
  const isLeftOut = ({ needs }: CheckOf<Bench>): boolean => needs !== undefined && !has(needs);
  return {
    name: `${name} as a ${port}`,
    checks: checks
      .filter((check) => !isLeftOut(check))
      .map((check) => ({ name: check.name, run: () => runCheck(workshop, check) })),
    leftOut: checks.filter(isLeftOut).map((check) => ({ name: check.name, needs: check.needs ?? '' })),
  };
}

/** How long an implementation may take to close after a check that failed, in milliseconds. */
const closePatience = 1_000;

async function runCheck<Bench>(workshop: Workshop<Bench>, check: CheckOf<Bench>): Promise<void> {
  const { timeout = 4_000, open, close } = workshop;
  const end = new AbortController();
  try {
    const bench = await within(timeout, open());
    try {
      await within(
        timeout,
        checkEnd.run(end.signal, () => check.run(bench)),
      );
    } catch (error) {
      end.abort(error);
      // The check's own failure says more than what an implementation does when it is closed in the middle.
      await within(closePatience, close(bench)).catch(() => {});
      throw error;
    }
    await within(timeout, close(bench));
  } catch (error) {
    throw explained(workshop, check, error);
  }
}

function explained<Bench>({ port, page }: Workshop<Bench>, { name }: CheckOf<Bench>, error: unknown): AssertionError {
  const isOurs = error instanceof AssertionError;
  const found = isOurs ? error.message : `It threw ${describeThrown(error).name}: ${describeThrown(error).message}`;
  const wrapped = new AssertionError({
    message: `A ${port} ${name}.\n${found}\nThe rule: ${page}`,
    ...(isOurs ? { actual: error.actual, expected: error.expected } : {}),
  });
  return Object.assign(wrapped, { cause: error });
}

async function within<Result>(milliseconds: number, work: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new AssertionError({ message: `It did not end within ${milliseconds} ms` })),
      milliseconds,
    );
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
