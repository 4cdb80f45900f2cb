import type { Anomaly, AnomalyKind, TriedRemedy } from './anomaly.ts';
import { AnomalyFoundError, NothingInterleavedError } from './errors.ts';
import { areAll, areVain, type Findings, ordersInWords } from './findings.ts';
import { htmlOf } from './html.ts';
import { formatTimeline, switchesInWords } from './timeline.ts';

/** What came of all orders that `interleave` tried. */
export class InterleaveReport {
  /** The names of the actors. */
  readonly actors: readonly string[];
  /** How many orders were tried. */
  readonly orders: number;
  /** Whether these are all that there are, or stand for all: none is left, and nothing in `notes` kept one from being tried. */
  readonly isComplete: boolean;
  /** Whether orders were left out that differ from one that was tried in the order of statements alone that have nothing to do with each other. */
  readonly isReduced: boolean;
  /** In how many orders an actor came between the statements of another one; in the others they ran one after the other. */
  readonly interleaved: number;
  /** How many beginnings of orders are known that were not tried. */
  readonly untried: number;
  /** In how many orders the server ended a deadlock. */
  readonly deadlocks: number;
  /** In how many orders the server refused a statement or a COMMIT because of what another actor did. */
  readonly serializationFailures: number;
  /** In how many orders a statement waited for a lock of another actor. */
  readonly waits: number;
  /** What went wrong: the shortest order of each way. */
  readonly anomalies: readonly Anomaly[];
  /** In how many orders something went wrong. */
  readonly anomalous: number;
  /** What to know of how it was tried. */
  readonly notes: readonly string[];
  /**
   * Columns as `table.column`, and tables, that are not compared: what differs between two runs of one serial order says nothing
   * about orders. Empty where all orders were right without a look at that, and with an `invariant`.
   */
  readonly notCompared: readonly string[];
  /** What was tried against the anomalies: empty where there are none. */
  readonly remedies: readonly TriedRemedy[];
  readonly #isVain: boolean;

  constructor(findings: Findings & { readonly remedies: readonly TriedRemedy[] }) {
    this.actors = findings.actors;
    this.orders = findings.orders;
    this.interleaved = findings.interleaved;
    this.untried = findings.untried;
    this.#isVain = areVain(findings);
    this.isReduced = findings.isReduced;
    this.isComplete = areAll(findings);
    this.deadlocks = findings.deadlocks;
    this.serializationFailures = findings.serializationFailures;
    this.waits = findings.waits;
    this.anomalies = findings.anomalies;
    this.anomalous = findings.anomalous;
    this.notes = findings.notes;
    this.notCompared = findings.notCompared;
    this.remedies = findings.remedies;
  }

  /**
   * Passes if all orders that were tried went well.
   * @throws AnomalyFoundError with the report, if something went wrong in one of them; NothingInterleavedError, if the actors ran one
   * after the other in all of them, though there are other orders
   */
  assertSerializable(): void {
    const [first] = this.anomalies;
    if (first === undefined && this.#isVain) throw nothingInterleaved(this.toString());
    if (first === undefined) return;
    if (first.explanation !== undefined)
      throw new AnomalyFoundError({
        what: `${this.toString()}\n\nThe actors went wrong one after the other`,
        remedy:
          'Bring back in "setup" all that actors and invariant look at, in memory too, or mend what is wrong by itself',
        cause: first.error,
      });
    throw new AnomalyFoundError({
      what: `${this.toString()}\n\n${first.kind === 'other' ? 'What this comes from is not seen in the statements' : `This looks like ${first.kind === 'oversell' ? 'an' : 'a'} ${first.kind}`}`,
      remedy: this.#working() ?? remedies[first.kind],
      cause: first.error,
    });
  }

  /** The report as text: what was tried, and a timeline for each anomaly. */
  toString(): string {
    return [...this.#summary(), ...this.anomalies.map((each) => this.#inWords(each)), ...this.#tried()].join('\n');
  }

  /**
   * The report as a page of HTML, with the timelines side by side; it needs no other file. Like the text it has no values but those that an invariant names.
   *
   * ```ts
   * const report = await interleave(database, {
   *   setup: () => database.query('update product set stock = 1'),
   *   actors: { alice: () => checkout(1), bob: () => checkout(1) },
   * });
   * process.stdout.write(report.toHtml());
   * ```
   */
  toHtml(): string {
    return htmlOf(this, this.#summary());
  }

  #summary(): readonly string[] {
    const tried = ordersInWords(this);
    const head =
      this.anomalies.length === 0
        ? `No anomaly in ${tried} of ${this.actors.join(', ')}`
        : `An anomaly in ${this.anomalous} of ${tried} of ${this.actors.join(', ')}`;
    const counts = `Orders with a wait for a lock: ${this.waits}, with a deadlock: ${this.deadlocks}, with a serialization failure: ${this.serializationFailures}`;
    const left = this.notCompared.join(', ');
    const compared =
      left === ''
        ? []
        : [
            `Not compared, since it differs between two runs of one serial order (columns still for NULL, and keys for the rows that they lead to): ${left}`,
          ];
    return [head, counts, ...(this.#isVain ? [vain] : []), ...this.notes, ...compared];
  }

  #tried(): readonly string[] {
    return this.remedies.length === 0 ? [] : ['', ...this.remedies.map(({ inWords }) => inWords)];
  }

  /** What ends the anomalies, of what was tried. */
  #working(): string | undefined {
    const working = this.remedies.filter(({ works }) => works === true).map(({ remedy }) => remedy);
    return working.length === 0 ? undefined : `What ends it, as was tried: ${working.join(', or ')}`;
  }

  #inWords({ kind, found, pair, switches, steps, ends, explanation }: Anomaly): string {
    return [
      `\n${kind}, with ${switchesInWords(switches)}: ${found}`,
      ...(pair === undefined ? [] : [pair.inWords]),
      ...(explanation === undefined ? [] : [explanation]),
      formatTimeline(this.actors, steps, ends),
    ].join('\n');
  }
}

const vain = 'In no order that was tried did one actor come between the statements of another: this says nothing';

function nothingInterleaved(report: string): NothingInterleavedError {
  return new NothingInterleavedError({
    what: `${report}\n\nNothing was tried that could go wrong`,
    remedy:
      'Give it more time ("maxRuntime", and the timeout of the test) and more orders ("maxSchedules"), and let actors not sleep: give them stubs for what is slow',
  });
}

const remedies: Readonly<Record<AnomalyKind, string>> = {
  'lost update':
    'Lock the row where it is read (FOR UPDATE), write with a condition on what was read, or let the transactions run SERIALIZABLE with retry',
  oversell:
    'Lock the row where it is read (FOR UPDATE), or write with a condition on what must be left (where stock >= 1) and look at the count of rows',
  'write skew': 'Lock what the decision depends on (FOR UPDATE), or let the transactions run SERIALIZABLE with retry',
  phantom: 'Add a unique constraint, lock one row for all of them, or let the transactions run SERIALIZABLE with retry',
  'dirty read': 'Read at READ COMMITTED or higher',
  'non-repeatable read': 'Let the transaction run at REPEATABLE READ or higher, or read once',
  'stale read': 'Lock the row where it is read (FOR UPDATE), or let the transactions run SERIALIZABLE with retry',
  other: 'Look at the timeline: let one transaction hold all that belongs together, or run SERIALIZABLE with retry',
};
