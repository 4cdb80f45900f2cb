import {
  aBoolean,
  type Check,
  checkBody,
  checkedArgument,
  aFunction,
  integer,
  isInstance,
  label,
  milliseconds,
  readOptions,
  systemClock,
  text,
  anything,
} from '../core/index.ts';
import { reportBackgroundError } from '../channels/index.ts';
import { inContextOf } from '../tables/index.ts';
import type { Db } from '../database/index.ts';
import { readTransactionOptions } from '../transaction/index.ts';
import { aDefinition, type SagaBody } from './definition.ts';
import { Draws } from './body/draws.ts';
import { SagaConflictError, SagaStepError } from './errors.ts';
import type { SagaDefinition } from './saga.ts';
import { aDuration } from './body/duration.ts';
import { describeFailure, isPassing, noSignal, recordedFailure, restoreFailure, stepFailed } from './failure.ts';
import {
  FencedOff,
  type GivenSignal,
  type LoadedRecords,
  type RecordKind,
  SagaRecords,
  type SagaRecord,
} from './records.ts';
import { type Played, Replay } from './replay.ts';
import type { Compensation, Duration, Saga, StepInfo, StepOptions, WaitForOptions } from './saga.ts';
import { isInStep, type StepClient, stepKey, Steps } from './steps.ts';
import { type ClaimedSaga, fromJson, type ParentStep } from './store.ts';

/** A saga that is a step of another one. */
export interface NewChild {
  readonly definition: SagaDefinition<never>;
  readonly id: string;
  readonly input: unknown;
  readonly parent: ParentStep;
}

/** What a run of a saga needs of those who drive it. */
export interface RunSurroundings {
  /** The client that sagas live on. */
  readonly home: string;
  /** The largest JSON of a result, in bytes. */
  readonly maxPayload: number;
  /** A handle on a client. @throws for a name that there is not */
  readonly getDb: (clientName: string) => Db;
  /** @throws InvalidOptionError for a definition that no process with these sagas could run */
  readonly assertKnown: (definition: SagaDefinition<never>) => void;
  /** How long a body may do what is no step before that is reported, in milliseconds. */
  readonly patience: number;
  /**
   * Starts another saga for a step of this one, in the transaction that is open here.
   * @throws SagaConflictError where there is another saga with its id
   */
  readonly startChild: (child: NewChild) => Promise<void>;
}

/** A step that may be undone. */
export interface Undo {
  readonly name: string;
  readonly place: number;
  readonly client: StepClient;
  readonly compensate: () => unknown;
  readonly isDone: boolean;
}

const aName = label(200);
const compensationChecks: Record<keyof Compensation<unknown>, Check> = { compensate: aFunction };
const stepChecks: Record<keyof StepOptions, Check> = {
  clientName: text(200),
  transactional: aBoolean,
  isolationLevel: anything,
  timeout: milliseconds(1),
  retry: anything,
  attempts: integer(1, 1_000),
  retryDelay: milliseconds(1),
};
const waitChecks: Record<keyof WaitForOptions, Check> = { timeout: aDuration };

/** A run of a saga from its beginning, against what is recorded of it. */
export class SagaRun {
  readonly replay: Replay;
  /** The steps that may be undone, those that ended last first. */
  get undos(): readonly Undo[] {
    return this.#undos.toSorted((one, other) => other.place - one.place);
  }
  /** The steps in which other sagas run. */
  readonly children: Map<string, { readonly definition: SagaDefinition<never>; readonly id: string }> = new Map();
  readonly #undos: Undo[] = [];
  readonly #claim: ClaimedSaga;
  readonly #surroundings: RunSurroundings;
  readonly #steps: Steps;
  readonly #clients = new Map<string, Promise<StepClient>>();
  #signals: ReadonlyMap<string, GivenSignal> = new Map();
  /** Milliseconds to be added to the monotonic time of this process, which is never set, for the time of the server. */
  #skew = 0;
  #time: number;

  constructor(claim: ClaimedSaga, surroundings: RunSurroundings) {
    this.#claim = claim;
    this.#surroundings = surroundings;
    this.#time = claim.createdAt;
    this.replay = new Replay(claim, surroundings.patience, () => reportIdle(claim, surroundings.patience));
    this.#steps = new Steps(claim, this.replay, () => this.now(), surroundings.maxPayload);
  }

  /**
   * Runs the body.
   * @param loaded what is known of the saga's own client already
   */
  async play(body: SagaBody, loaded?: LoadedRecords): Promise<Played> {
    const saga = this.#saga();
    const context = JSON.parse(this.#claim.context) as object;
    const input = fromJson(this.#claim.input);
    return await this.replay.play(async () => {
      await this.#openKnown(loaded).catch((error: unknown) => this.replay.leave(error));
      this.replay.opened();
      return await inContextOf({ context }, () => body(saga, input));
    });
  }

  /** Reads what is recorded already. */
  async #openKnown(loaded: LoadedRecords | undefined): Promise<void> {
    const { records } = await this.#open(this.#surroundings.home, loaded);
    const { clients } = this.replay;
    await Promise.all([...clients].map((name) => this.#open(name)));
    if (clients.size > 0) await records.assertOwn();
  }

  /** The client of a step, after its records were read. */
  #open(name: string, loaded?: LoadedRecords): Promise<StepClient> {
    const known = this.#clients.get(name);
    if (known !== undefined) return known;
    const opened = this.#load(name, loaded).catch((error: unknown) => {
      if (isInstance(error, FencedOff) || isPassing(error)) return this.replay.leave(error);
      throw error;
    });
    this.#clients.set(name, opened);
    return opened;
  }

  async #load(name: string, known?: LoadedRecords): Promise<StepClient> {
    const db = this.#surroundings.getDb(name);
    const client = { db, records: new SagaRecords(db, this.#claim) };
    const { home } = this.#surroundings;
    const loaded = known ?? (await client.records.load(name === home));
    this.replay.add(loaded, name);
    if (name === home) {
      this.#signals = loaded.signals;
      this.#skew = loaded.now - systemClock.now();
    } else if (!this.replay.isCompensating && !this.replay.clients.has(name)) {
      // Another process that goes on has to know where there are records.
      const place = this.replay.nextPlace();
      const record = { step: name, kind: 'client', place, result: name, failure: null } as const;
      await this.#steps.note(await this.#open(home), record);
    }
    return client;
  }

  /** The time of the server, in milliseconds since 1970. */
  now(): number {
    return Math.round(systemClock.now() + this.#skew);
  }

  #saga(): Saga {
    const { saga, id, seed } = this.#claim;
    const draws = new Draws(seed);
    const step = async (name: string, ...given: readonly unknown[]): Promise<unknown> => {
      const [options, body, undo] = typeof given[1] === 'function' ? given : [{}, ...given];
      return await this.#ask(name, ['step'], () =>
        this.#step(name, options as StepOptions, body, undo as object | undefined),
      );
    };
    return Object.freeze({
      id,
      name: saga,
      step,
      waitFor: (async (name: string, options: WaitForOptions = {}) =>
        await this.#ask(name, ['timer', 'signal'], () => this.#waitFor(name, options))) as Saga['waitFor'],
      sleep: async (name: string, duration: Duration) =>
        await this.#ask(name, ['timer'], () => this.#sleep(name, duration)),
      child: (async (name: string, definition: SagaDefinition<never>, input: unknown, undo?: object) =>
        await this.#ask(name, ['timer', 'signal'], () => this.#child(name, definition, input, undo))) as Saga['child'],
      stepKey: (name: string) => stepKey(this.#claim, checkedName(name)),
      now: () => new Date(this.#time),
      random: () => draws.random(),
      uuid: () => draws.uuid(),
    });
  }

  async #ask<Result>(name: string, kinds: readonly RecordKind[], answer: () => Promise<Result>): Promise<Result> {
    return await this.replay.ask(checkedName(name), isInStep(), kinds, answer);
  }

  async #step(name: string, given: StepOptions, body: unknown, undo: Compensation<unknown> = {}): Promise<unknown> {
    const owner = `The step "${name}"`;
    checkBody(owner, body);
    const options = readStepOptions(owner, given);
    const { compensate } = readOptions(owner, undo, compensationChecks);
    const clientName = options.clientName ?? this.#surroundings.home;
    this.#assertClient(name, clientName);
    const client = await this.#open(clientName);
    let record: SagaRecord | undefined = this.replay.recorded(name).step;
    if (record !== undefined && this.replay.recorded(name).step?.clientName !== clientName) {
      return await this.replay.mismatch(name);
    }
    if (record === undefined) {
      await this.replay.begin(name);
      const place = this.replay.nextPlace();
      record = await this.#steps.run({ name, place, options, body: body as (step: StepInfo) => unknown }, client);
    }
    this.#time = Math.max(this.#time, record.at);
    if (record.failure !== null) {
      throw stepFailed(this.#claim, name, recordedFailure(restoreFailure(record.failure, this.#claim)), undefined);
    }
    return this.#done(record, client, compensate);
  }

  /** @throws SagaStepFailedError, which names the clients that there are */
  #assertClient(step: string, clientName: string): void {
    try {
      this.#surroundings.getDb(clientName);
    } catch (error) {
      throw stepFailed(this.#claim, step, recordedFailure(error), error);
    }
  }

  /** What a body gets of a step that has succeeded, which may be undone from now on. */
  #done(record: SagaRecord, client: StepClient, compensate: ((result: never) => unknown) | undefined): unknown {
    const { step: name, place } = record;
    if (compensate !== undefined) {
      const isDone = this.replay.recorded(name).undo !== undefined;
      const undo = compensate as (result: unknown) => unknown;
      this.#undos.push({ name, place, client, isDone, compensate: () => undo(fromJson(record.result)) });
    }
    return fromJson(record.result);
  }

  async #sleep(name: string, duration: Duration): Promise<void> {
    const expected = aDuration(duration);
    if (expected !== undefined) checkedArgument('sleep', 'duration', duration, aDuration);
    const until = await this.#timer(name, aDuration.read?.(duration) as number);
    if (until > this.now()) await this.replay.wait(name, until);
    this.#time = Math.max(this.#time, until);
  }

  /** When a time is over that began when it was first asked for. */
  async #timer(name: string, duration: number): Promise<number> {
    let record: SagaRecord | undefined = this.replay.recorded(name).timer;
    if (record === undefined) {
      const home = await this.#open(this.#surroundings.home);
      await this.replay.begin(name);
      const until = JSON.stringify(this.now() + duration);
      const place = this.replay.nextPlace();
      record = await this.#steps.note(home, { step: name, kind: 'timer', place, result: until, failure: null });
    }
    return Number(record.result);
  }

  async #waitFor(name: string, given: WaitForOptions): Promise<unknown> {
    const { timeout } = readOptions(`waitFor("${name}")`, given, waitChecks);
    const record = this.replay.recorded(name).signal ?? (await this.#receive(name, name));
    if (record !== undefined) return this.#received(record);
    const until = timeout === undefined ? undefined : await this.#timer(name, Number(timeout));
    if (until === undefined || until > this.now()) return await this.replay.wait(name, until);
    const failure = describeFailure(noSignal(this.#claim, name));
    return this.#received(await this.#note(name, { data: null, failure }));
  }

  /** Records a signal that is there. */
  async #receive(name: string, signal: string): Promise<SagaRecord | undefined> {
    const given = this.#signals.get(signal);
    return given === undefined ? undefined : await this.#note(name, given);
  }

  async #note(name: string, { data, failure }: GivenSignal): Promise<SagaRecord> {
    const home = await this.#open(this.#surroundings.home);
    await this.replay.begin(name);
    const place = this.replay.nextPlace();
    return await this.#steps.note(home, { step: name, kind: 'signal', place, result: data, failure });
  }

  #received(record: SagaRecord): unknown {
    this.#time = Math.max(this.#time, record.at);
    if (record.failure !== null) throw restoreFailure(record.failure, this.#claim);
    return fromJson(record.result);
  }

  async #child(
    name: string,
    definition: SagaDefinition<never>,
    input: unknown,
    undo: Compensation<unknown> = {},
  ): Promise<unknown> {
    checkedArgument('child', 'definition', definition, aDefinition);
    const { compensate } = readOptions(`The step "${name}"`, undo, compensationChecks);
    const home = await this.#open(this.#surroundings.home);
    this.#surroundings.assertKnown(definition);
    const ended = this.#signals.get(`child:${name}`);
    if (this.replay.isCompensating && this.replay.recorded(name).signal === undefined && ended !== undefined) {
      return await this.#endedMeanwhile(name, ended, home, compensate);
    }
    let record = this.replay.recorded(name).signal ?? (await this.#receive(name, `child:${name}`));
    if (record === undefined) {
      const id = `${this.#claim.id}/${name}`;
      this.children.set(name, { definition, id });
      const conflict = await this.#begun(name, { definition, id, input }, home);
      if (conflict === undefined) return await this.replay.wait(name, undefined);
      this.children.delete(name);
      record = await this.#note(name, { data: null, failure: describeFailure(conflict) });
    }
    this.#time = Math.max(this.#time, record.at);
    if (record.failure !== null) {
      throw stepFailed(this.#claim, name, recordedFailure(restoreFailure(record.failure, this.#claim)), undefined);
    }
    return this.#done(record, home, compensate);
  }

  /** A child that ended when this saga was being undone already: it is not gone on with, and undone where it has succeeded. */
  async #endedMeanwhile(
    name: string,
    { data, failure }: GivenSignal,
    home: StepClient,
    undo: ((result: never) => unknown) | undefined,
  ): Promise<never> {
    const place = this.replay.nextPlace();
    if (failure === null) this.#done({ step: name, kind: 'signal', place, result: data, failure, at: 0 }, home, undo);
    return await this.replay.wait(name, undefined);
  }

  /**
   * Starts a child once, in the transaction of the record that says so: a driver that was superseded starts none.
   * @returns why there can be none
   */
  async #begun(
    name: string,
    child: Omit<NewChild, 'parent'>,
    { db, records }: StepClient,
  ): Promise<SagaConflictError | undefined> {
    if (this.replay.recorded(name).timer !== undefined) return undefined;
    await this.replay.begin(name);
    const { saga, id } = this.#claim;
    const at = this.now();
    const record = {
      step: name,
      kind: 'timer',
      place: this.replay.nextPlace(),
      result: `${at}`,
      failure: null,
      at,
    } as const;
    try {
      await db.transaction.begin(async () => {
        await this.#surroundings.startChild({ ...child, parent: { saga, id, step: name } });
        await records.write(record);
      });
      return undefined;
    } catch (error) {
      return isInstance(error, SagaConflictError) ? error : await this.replay.leave(error);
    }
  }
}

/** What hangs there would otherwise look like a saga that runs. */
function reportIdle({ saga, id }: ClaimedSaga, patience: number): void {
  const error = new SagaStepError({
    what: `The body of the saga "${saga}" has done nothing but what is no step for ${patience} ms`,
    remedy: 'Do in steps what takes long, with a timeout; cancel() undoes the steps that are recorded',
    saga,
    id,
  });
  reportBackgroundError({ source: `saga ${saga}`, error });
}

/** @throws InvalidOptionError */
function readStepOptions(owner: string, given: StepOptions): StepOptions {
  const read = readOptions(owner, given, stepChecks);
  const { isolationLevel, retry } = readTransactionOptions({ isolationLevel: read.isolationLevel, retry: read.retry });
  return { ...read, isolationLevel, retry };
}

/** @throws InvalidOptionError */
function checkedName(name: string): string {
  checkedArgument('A saga', 'name', name, aName);
  return name;
}
