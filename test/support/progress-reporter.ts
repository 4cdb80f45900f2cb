import { constants } from 'node:os';
import { DefaultReporter, type TestModule, type TestRunEndReason, type TestSpecification } from 'vitest/node';

const interval = 10_000;
/** How many of the files that took the longest are named, and from how many seconds on. */
const [slowest, slow] = [12, 10];

/** What nobody awaited, with what Vitest adds: the file that ran, and its test. */
interface UnhandledError {
  readonly message?: string;
  readonly stack?: string;
  readonly VITEST_TEST_PATH?: string;
  readonly VITEST_TEST_NAME?: string;
}

/** Says how far the tests are every ten seconds, each failure as it comes, and one summary. What passes is silent, but for a file alone. */
export class ProgressReporter extends DefaultReporter {
  #files = 0;
  #ended = 0;
  readonly #failed: string[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor() {
    super({ summary: false });
  }

  override onTestRunStart(specifications: readonly TestSpecification[]): void {
    super.onTestRunStart(specifications);
    this.#files = specifications.length;
    // Before anyone can know that the tests run.
    // Not once: a terminal and npm both send it, and the second would end the process in the middle of what the first has said.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => this.#interrupted(signal));
    this.log(`${this.#files} test ${this.#files === 1 ? 'file' : 'files'}`);
    this.#timer = setInterval(() => this.#tell(), interval);
    this.#timer.unref();
  }

  override onTestModuleEnd(testModule: TestModule): void {
    this.#ended += 1;
    if (testModule.state() === 'failed') this.#failed.push(testModule.relativeModuleId);
    super.onTestModuleEnd(testModule);
  }

  override onTestRunEnd(
    testModules: readonly TestModule[],
    unhandledErrors: Parameters<DefaultReporter['onTestRunEnd']>[1],
    reason: TestRunEndReason,
  ): void {
    clearInterval(this.#timer);
    super.onTestRunEnd(testModules, unhandledErrors, reason);
    this.#tellSlowest(testModules);
    this.#tellSkipped(testModules);
    this.#tellFailed(testModules, unhandledErrors);
  }

  /** Where the time of a long run goes. */
  #tellSlowest(testModules: readonly TestModule[]): void {
    if (this.#files === 1) return;
    const files = testModules.map((testModule) => {
      const { duration, collectDuration, setupDuration } = testModule.diagnostic();
      const seconds = Math.round((duration + collectDuration + setupDuration) / 1_000);
      return { seconds, name: `${testModule.project.name}: ${testModule.relativeModuleId}` };
    });
    const longest = files.filter(({ seconds }) => seconds >= slow).sort((a, b) => b.seconds - a.seconds);
    for (const { seconds, name } of longest.slice(0, slowest)) this.log(`${seconds} s in ${name}`);
  }

  /** Why tests did not run: those that want a server which is away are told of by themselves, behind this. */
  #tellSkipped(testModules: readonly TestModule[]): void {
    const skipped = testModules.map((each) => [...each.children.allTests('skipped')].length);
    const count = skipped.reduce((sum, each) => sum + each, 0);
    if (count === 0 || this.#files === 1) return;
    this.log(
      `${count} tests are skipped: each needs what its engine lacks (levels, sessions, several writers), or a server that is named below.`,
    );
  }

  /** A line for each at the very end: what is told of them above is long. */
  #tellFailed(testModules: readonly TestModule[], unhandledErrors: readonly UnhandledError[]): void {
    if (this.#files === 1) return;
    for (const error of unhandledErrors) this.error(outsideOfTests(error));
    for (const testModule of testModules) {
      if (testModule.state() !== 'failed') continue;
      const name = `${testModule.project.name}: ${testModule.relativeModuleId}`;
      for (const { message } of testModule.errors()) this.error(`FAILED ${name}: ${firstLine(message)}`);
      for (const test of testModule.children.allTests('failed')) {
        this.error(`FAILED ${name} > ${test.fullName}: ${firstLine(test.result().errors?.[0]?.message ?? '')}`);
      }
    }
  }

  protected override printTestModule(testModule: TestModule): void {
    if (testModule.state() === 'failed' || this.#files === 1) super.printTestModule(testModule);
  }

  #tell(): void {
    const seconds = Math.round((performance.now() - this.start) / 1_000);
    this.log(`${seconds} s: ${this.#ended} of ${this.#files} test files, ${this.#failed.length} failed`);
  }

  /** The summary of what has run so far: that of Vitest would wait for the tests that are under way. */
  #interrupted(signal: 'SIGINT' | 'SIGTERM'): void {
    const failed = this.#failed.map((path) => `\n  ${path}`).join('');
    this.error(
      `\nInterrupted by ${signal} after ${this.#ended} of ${this.#files} test files, ${this.#failed.length} failed${failed}`,
    );
    process.exit(128 + constants.signals[signal]);
  }
}

/** With its stack, since what nobody awaited may come from anywhere. */
function outsideOfTests({
  message = '',
  stack = '',
  VITEST_TEST_PATH: path,
  VITEST_TEST_NAME: test,
}: UnhandledError): string {
  const place = [path, test].filter((part) => part !== undefined).join(' > ');
  return `FAILED outside of tests${place === '' ? '' : `, while ${place} ran`}: ${firstLine(message)}\n${stack}`;
}

function firstLine(message: string): string {
  return (message.split('\n', 1)[0] ?? '').slice(0, 300);
}
