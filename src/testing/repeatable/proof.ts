import type { TransactionalClient } from '../../connection/index.ts';
import { type End, type Outcome, type Tables, untilTimesDiffer } from '../interleave/judge/index.ts';
import { inTime } from '../in-time.ts';
import { shortPlace } from '../short-place.ts';
import { callsOutOf, copyOf } from './attempts/index.ts';
import { NothingRepeatedError, notRepeatable, RepeatableSetupError } from './errors.ts';
import type { RepeatFinding } from './finding.ts';
import { History } from './history.ts';
import type { ProveRepeatableOptions } from './options.ts';
import { PlainOutcomes } from './outcomes.ts';
import { type Holds, holdsBeyond, isShorter, notHeld, type Took } from './pace.ts';
import { untilSecondsDiffer } from './pauses.ts';
import { type Rehearsal, Run } from './rehearsal.ts';

/** What was proved of a body. */
export interface RepeatableProof {
  /** The transactions that were repeated, by their names, in their order. */
  readonly repeated: readonly string[];
  /** How many statements a run with second attempts sent. */
  readonly statements: number;
  /** Tables that differ from run to run also without a failure, so that their rows were not compared. */
  readonly notCompared: readonly string[];
}

const nothing = (): undefined => undefined;
const seeCause = { what: '', remedy: 'See the cause' };

interface Ran {
  readonly run: Run;
  /** How its body has ended. */
  readonly end: End['type'];
  readonly outcome: Outcome;
}

/** How the body is run. */
interface How {
  readonly fails: boolean;
  /** Whether sequences and transactions of the server go on with other numbers. */
  readonly advances?: boolean;
  /** Without it a run is held up by chance, once something is suspected. */
  readonly holds?: Holds;
}

/** How often the last runs are done again, where the one with a second attempt took longer than the other all the same. */
const mostAgain = 2;

/** Runs a body with second attempts and without, and compares. */
export class Proof<Given> {
  readonly #rehearsal: Rehearsal;
  readonly #options: ProveRepeatableOptions<Given>;
  readonly #clients: readonly TransactionalClient[];
  readonly #tables: Tables;
  readonly #plain = new PlainOutcomes();
  readonly #history = new History();
  readonly #took: Took[] = [];
  #firstEnd: End['type'] | undefined;
  #runs = 0;

  constructor(
    rehearsal: Rehearsal,
    options: ProveRepeatableOptions<Given>,
    { clients, tables }: { readonly clients: readonly TransactionalClient[]; readonly tables: Tables },
  ) {
    this.#rehearsal = rehearsal;
    this.#options = options;
    this.#clients = clients;
    this.#tables = tables;
  }

  /** @throws NotRepeatableError; NothingRepeatedError; RepeatableSetupError */
  async run(): Promise<RepeatableProof> {
    // First of all, before anything is kept outside: an attempt finds then what the one before it has left.
    const first = await this.#go({ fails: true });
    refuseUnrepeated(first);
    this.#refuse(callsOut(first));
    const suspected = this.#sentOtherwise();
    try {
      return await this.#compare(first);
    } catch (error) {
      // What an attempt has left may keep the next run from its end.
      throw error instanceof NothingRepeatedError && suspected.length > 0 ? notRepeatable(suspected, error) : error;
    }
  }

  async #compare(first: Ran): Promise<RepeatableProof> {
    const plain = this.#plain;
    plain.addRepeated(first.outcome);
    plain.add((await this.#go({ fails: false })).outcome);
    await untilTimesDiffer([first.outcome], performance.now());
    plain.add((await this.#go({ fails: false, advances: true })).outcome);
    let last = await this.#go({ fails: true });
    this.#refuse(callsOut(last));
    plain.addRepeated(last.outcome);
    let findings = plain.findingsOf(last.outcome, placeIn(last));
    if (findings.length > 0 || this.#sentOtherwise().length > 0) {
      // Once more, so that what happens to differ is known.
      plain.add((await this.#go({ fails: false, holds: notHeld })).outcome);
      await untilSecondsDiffer();
      last = await this.#again();
      const problems = new Set(findings.map(({ problem }) => problem));
      findings = plain.findingsOf(last.outcome, placeIn(last)).filter(({ problem }) => problems.has(problem));
    }
    this.#refuse([...this.#sentOtherwise(), ...findings]);
    const { repeated, texts } = last.run;
    return {
      repeated: repeated.flatMap(({ name, failed }) => (failed === undefined ? [] : [name])),
      statements: [...texts.values()].flat().length,
      notCompared: plain.notCompared(last.outcome),
    };
  }

  /** A run without a second attempt that takes longer than those with one, and one with it. */
  async #again(): Promise<Ran> {
    for (let left = mostAgain; ; left -= 1) {
      const holds = holdsBeyond(this.#took, this.#timeout);
      const isEnough = this.#took.every((took) => isShorter(took, holds));
      let plain = await this.#go({ fails: false, advances: true, holds });
      // Held up, it may have come too late for a time limit of its own.
      if (plain.end !== this.#firstEnd) plain = await this.#go({ fails: false, advances: true });
      this.#plain.add(plain.outcome);
      const last = await this.#go({ fails: true });
      this.#plain.addRepeated(last.outcome);
      if (left === 0 || !isEnough || isShorter(last.run.took, holds)) return last;
    }
  }

  /** What the attempts so far have sent otherwise. */
  #sentOtherwise(): readonly RepeatFinding[] {
    const [client] = this.#clients;
    return this.#history.findings((text) => client?.show(text) ?? '');
  }

  #refuse(findings: readonly RepeatFinding[]): void {
    if (findings.length > 0) throw notRepeatable(findings);
  }

  /** One run of the body, from setup to the rows. */
  async #go({ fails, advances = false, holds }: How): Promise<Ran> {
    const given = await this.#setUp();
    this.#plain.addSetup(await this.#tables.rows());
    if (advances) await this.#tables.advance();
    // The first runs are those of the program as it is.
    const run = new Run(fails, holds ?? (this.#sentOtherwise().length > 0 ? 'chance' : undefined));
    const { body, watch = nothing } = this.#options;
    const end = await this.#bounded(run, () => body(given));
    if (fails) this.#took.push(run.took);
    this.#tables.add(run.texts);
    this.#firstEnd ??= end.type;
    if (end.type === this.#firstEnd) this.#history.add(run);
    else this.#history.skip(run);
    const ends: Outcome['ends'] = {
      result: end.type === 'returned' ? { type: 'returned', value: copyOf(end.value) } : end,
      given: { type: 'returned', value: copyOf(given) },
      watched: { type: 'returned', value: copyOf(await this.#asked('watch', watch, seeCause)) },
    };
    return { run, end: end.type, outcome: { state: await this.#tables.rows(), ends } };
  }

  async #setUp(): Promise<Given> {
    this.#runs += 1;
    const isFirst = this.#runs === 1;
    return await this.#asked('setup', this.#options.setup, {
      what: isFirst ? '' : ` before run ${this.#runs}, after it had gone well`,
      remedy: isFirst
        ? 'See the cause'
        : 'Let it begin anew each time: empty the tables that it and the body write, and then insert',
    });
  }

  /** What a function of the options gives. @throws RepeatableSetupError where it fails, or does not end */
  async #asked<Result>(
    name: 'setup' | 'watch',
    work: () => Result | PromiseLike<Result>,
    { what, remedy }: { readonly what: string; readonly remedy: string },
  ): Promise<Result> {
    const hung = new RepeatableSetupError({
      what: `The function "${name}" of proveRepeatable has not ended within ${this.#timeout} ms${what}`,
      remedy:
        'Let it await nothing that only comes from outside, nor a lock that is held. For a slow one raise "timeout"',
    });
    try {
      return await inTime(work, { milliseconds: this.#timeout, clients: this.#clients, late: () => hung });
    } catch (cause) {
      if (cause === hung) throw hung;
      throw new RepeatableSetupError({
        what: `The function "${name}" of proveRepeatable failed${what}`,
        remedy,
        cause,
      });
    }
  }

  get #timeout(): number {
    return this.#options.timeout ?? 10_000;
  }

  /** How the body ends. @throws NothingRepeatedError where it does not */
  async #bounded(run: Run, body: () => unknown): Promise<End> {
    const ending = (): Promise<End> =>
      this.#rehearsal.as(run, body).then(
        (value): End => ({ type: 'returned', value }),
        (error: unknown): End => ({ type: 'threw', error }),
      );
    const late = (): Error => {
      const at = run.lastPlace === undefined ? '' : `. Its last statement was sent at ${shortPlace(run.lastPlace)}`;
      return new NothingRepeatedError({
        what: `The body of proveRepeatable has not ended within ${this.#timeout} ms${at}`,
        remedy:
          'Let it await nothing that only comes from outside: give it stubs for what it calls. For a slow one raise "timeout"',
      });
    };
    return await inTime(ending, { milliseconds: this.#timeout, clients: this.#clients, late });
  }
}

function callsOut({ run }: Ran): readonly RepeatFinding[] {
  return run.repeated.flatMap(callsOutOf);
}

function placeIn({ run }: Ran): string | undefined {
  return run.repeated.find(({ failed }) => failed !== undefined)?.openedAt;
}

/** @throws NothingRepeatedError */
function refuseUnrepeated({ run, outcome }: Ran): void {
  if (run.repeated.some(({ isRepeated }) => isRepeated)) return;
  const { result } = outcome.ends;
  const cause = result?.type === 'threw' ? result.error : undefined;
  const [known] = run.repeated;
  const details = whyNot(run);
  const at = known?.openedAt === undefined ? '' : ` (begun at ${shortPlace(known.openedAt)})`;
  throw new NothingRepeatedError({ ...details, what: `${details.what}${at}`, cause });
}

function whyNot(run: Run): { readonly what: string; readonly remedy: string } {
  const known = run.repeated.find(({ attempts }) => attempts.some(({ sent }) => sent.length > 0));
  const failed = run.repeated.find((each) => each.failed !== undefined);
  if (failed !== undefined)
    return {
      what: `The transaction "${failed.name}" was failed at its COMMIT, and was not repeated`,
      remedy: 'Give it time for a second attempt: raise its "timeout"',
    };
  if (known !== undefined)
    return {
      what: `The transaction "${known.name}" has "retry", and came to no COMMIT in the body of proveRepeatable, so that nothing was repeated`,
      remedy: 'Let setup make the rows with which the body goes well, see the cause',
    };
  const [called] = run.called;
  if (called !== undefined)
    return {
      what: `The transaction "${called}" has "retry", and sent no statement on this database, so that nothing was repeated`,
      remedy:
        'Let setup make the rows with which the body sends something, and bind the library that it uses to the database (see the page of the library)',
    };
  return run.begun > 0
    ? {
        what: 'No transaction in the body of proveRepeatable has "retry", so that nothing was repeated',
        remedy: 'Give its outermost transaction retry: { attempts: 3 }',
      }
    : {
        what: 'The body of proveRepeatable has begun no transaction on this database, so that nothing was repeated',
        remedy: 'Let it call transaction() of this database, and bind its library to it (see the page of the library)',
      };
}
