import type { Exchange, Failure, QueryResult, Reach, Step } from '../../../driver/index.ts';
import { beginTexts, controlText } from '../sql/control.ts';
import { isMark } from '../sql/commit-mark.ts';
import { isCall, mayBeFollowed } from '../sql/inspect.ts';
import { settingsIn } from '../sql/settings.ts';
import { endTexts, type Session, withoutValues } from './session.ts';
import { describeFailure, describeLoss } from './failure.ts';
import type { Flight, Landing } from './flight.ts';
import { type FailedStep, meaningOf, reachOf, settleFlight } from './flight-end.ts';
import { type PlannedFlight, planFlights } from './flight-plan.ts';
import { resultOf, type SentStatement, toSend } from './statement.ts';

const setsTransaction = /^\s*set\s+transaction\b/i;

/** A savepoint around what could end the transaction: it is gone then. */
const guard = 'sluice_guard';

/** One exchange: its steps, in as few flights as they allow, up to the first that fails. */
export class ExchangeRun {
  readonly #session: Session;
  readonly #steps: readonly Step[];
  readonly #sent: ReadonlyMap<Step, SentStatement>;
  readonly #results: QueryResult[] = [];
  #completed = 0;
  /** A flight before this one was sent. */
  #hasSent = false;
  #failure: Failure | undefined;
  #ended: Exchange['ended'];

  /** @throws InvalidOptionError for values that cannot be sent; nothing is sent then */
  constructor(session: Session, steps: readonly Step[]) {
    this.#session = session;
    this.#steps = steps;
    this.#sent = new Map(
      steps.flatMap((step) => (step.type === 'statement' ? [[step, toSend(step.statement)] as const] : [])),
    );
  }

  async run(): Promise<Exchange> {
    const flights = planFlights(this.#steps, this.#session);
    for (const flight of flights) {
      await this.#fly(flight, flight === flights.at(-1));
      if (this.#failure !== undefined) break;
    }
    return { completed: this.#completed, results: this.#results, failure: this.#failure, ended: this.#ended };
  }

  /** It is sent before this returns, unless something has to be prepared. */
  async #fly(planned: PlannedFlight, isLast: boolean): Promise<void> {
    const { steps, kind } = planned;
    const session = this.#session;
    const [first] = steps;
    if (session.failure !== undefined && first?.type !== 'rollback') {
      this.#failure = session.failure;
      return;
    }
    const texts = this.#textsToPrepare(steps);
    if (texts.size > 0 && !(await this.#prepareAhead(texts))) return;
    const flight = session.flight();
    const counts = steps.map((step) => this.#add(flight, step));
    if (kind === 'alone') flight.text('COMMIT');
    const landing = await session.send(flight, isLast && kind === 'part' && areFollowable(steps));
    this.#read(steps, counts, landing);
    if (landing.lost === undefined) await this.#settle(planned, landing);
    else this.#failure = describeLoss(landing.lost, this.#reached(planned, landing));
    this.#hasSent = true;
  }

  async #settle({ steps, kind }: PlannedFlight, { answers }: Landing): Promise<void> {
    const refused = kind === 'alone' ? answers.at(-1)?.error : undefined;
    if (refused !== undefined && this.#failure === undefined) {
      this.#failure = describeFailure(refused);
      this.#completed -= 1;
      this.#results.pop();
    }
    const failedAt = this.#failure === undefined ? 'nothing' : kindOf(this.#steps[this.#completed]);
    // The statement behind it was carried out, so that nothing of the transaction can be kept.
    if (failedAt === 'rider' && this.#failure !== undefined)
      this.#failure = { ...this.#failure, endsTransaction: true };
    const meaning = meaningOf(kind, refused === undefined ? failedAt : 'commit');
    const sets = steps.some((step) => step.type === 'statement' && setsTransaction.test(step.statement.text));
    await settleFlight(this.#session, meaning, this.#failure, sets);
  }

  /** How far the exchange has come, of which a flight was lost. */
  #reached({ steps, kind }: PlannedFlight, landing: Landing): Reach {
    return reachOf(kind, landing, {
      hasSent: this.#hasSent,
      carriesCommit: steps.some(({ type }) => type === 'commit'),
      hasFailed: this.#failure !== undefined,
    });
  }

  /** What a server cannot prepare and run in one trip is prepared in one of its own, once per connection. */
  #textsToPrepare(steps: readonly Step[]): ReadonlySet<string> {
    const sent = steps.flatMap((step) => this.#sent.get(step) ?? []);
    return new Set(sent.filter((each) => !this.#session.runsAtOnce(each)).map(({ text }) => text));
  }

  async #prepareAhead(texts: ReadonlySet<string>): Promise<boolean> {
    const flight = this.#session.flight();
    for (const text of texts) flight.prepare(text);
    const { answers, lost, isSent } = await this.#session.send(flight);
    const error = lost ?? answers.find((answer) => answer.error !== undefined)?.error;
    if (error === undefined) return true;
    const reached = this.#hasSent ? 'uncommitted' : isSent ? 'unanswered' : 'unsent';
    this.#failure = lost === undefined ? describeFailure(error) : { kind: 'connectionLost', error, reached };
    return false;
  }

  /** Returns how many commands the step takes. */
  #add(flight: Flight, step: Step): number {
    const session = this.#session;
    const texts = this.#textsOf(step);
    for (const text of texts) flight.text(text);
    if (step.type === 'begin') session.begun(step.characteristics.isolation === 'SNAPSHOT');
    const sent = this.#sent.get(step);
    if (sent === undefined) return texts.length;
    const settings = settingsIn(step);
    if (settings !== undefined) session.noteSet(settings);
    const isGuarded = this.#isGuarded(step);
    if (isGuarded) flight.text(`SAVEPOINT ${guard}`);
    flight.statement(sent);
    if (isGuarded) flight.text(`RELEASE SAVEPOINT ${guard}`);
    return isGuarded ? 3 : 1;
  }

  /** What may end the transaction and begin another one, which the server's flag does not show. */
  #isGuarded(step: Step): boolean {
    return step.type === 'statement' && this.#session.isOpen && isCall(step.statement.text);
  }

  #textsOf(step: Step): readonly string[] {
    switch (step.type) {
      case 'statement':
        return [];
      case 'begin':
        return beginTexts(step.characteristics);
      case 'commit':
      case 'rollback':
        return endTexts(step.type, this.#session);
      case 'savepoint':
      case 'release':
      case 'rollbackTo':
        return [controlText(step)];
    }
  }

  #read(steps: readonly Step[], counts: readonly number[], { answers }: Landing): void {
    let at = 0;
    for (const [index, step] of steps.entries()) {
      const count = counts[index] ?? 0;
      const own = answers.slice(at, at + count);
      at += count;
      const isGuarded = this.#isGuarded(step);
      const isEnd = step.type === 'commit' || step.type === 'rollback';
      const told = isGuarded ? own.slice(1, 2) : isEnd ? own.slice(0, 1) : own;
      const error = told.find((answer) => answer.error !== undefined)?.error;
      if (isGuarded && own.at(-1)?.error !== undefined) this.#session.endedByProcedure();
      if (error !== undefined)
        this.#failure = describeFailure(step.type === 'statement' ? withoutValues(error, step.statement) : error);
      if (error !== undefined || (isEnd ? own.length === 0 : own.length < count)) return;
      const [answer] = told;
      if (step.type === 'statement') this.#results.push(resultOf(step.statement, answer?.rows, answer?.fields));
      if (isEnd) {
        this.#ended = step.type === 'commit' ? 'committed' : 'rolledBack';
        this.#session.ended();
        // It has ended; what it had set for its time may still be set.
        if (own.length < count || own.some(({ error: later }) => later !== undefined)) this.#session.spoil();
      }
      this.#completed += 1;
    }
  }
}

/** Whether the transaction is open behind these steps, however its last one ends, or nothing of it is kept. */
function areFollowable(steps: readonly Step[]): boolean {
  const last = steps.at(-1);
  return (
    last?.type === 'statement' &&
    mayBeFollowed(last.statement.text) &&
    steps.every(({ type }) => type !== 'commit' && type !== 'rollback' && type !== 'rollbackTo')
  );
}

function kindOf(step: Step | undefined): FailedStep {
  return isMark(step) || settingsIn(step) !== undefined ? 'rider' : (step?.type ?? 'nothing');
}
