/** The name of a database, or of jobs, that was given none. */
export const defaultName = 'default';

/** What decorators have asked for by name, in all of the process: a name that an application lacks gets an error of its own. */
const asked: Readonly<Record<PartKind, Set<string>>> = { database: new Set(), queue: new Set() };

/** A part of an application that is found by name. */
export type PartKind = 'database' | 'queue';

/** Notes that a decorator wants a part. */
export function noteAsked(kind: PartKind, name: string): void {
  asked[kind].add(name);
}

/** The names that decorators want, without those that are there. */
export function askedBeside(kind: PartKind, known: readonly string[]): string[] {
  return [...asked[kind]].filter((name) => !known.includes(name));
}

/**
 * The token under which a database is found: for `inject` of a factory, `app.get()` and `overrideProvider()`.
 *
 * ```ts
 * const { transaction } = app.get(getDatabaseToken('reports'));
 * ```
 * @param name as in `SluiceModule.forRoot({ name })`; default: the one without a name
 */
export function getDatabaseToken(name: string = defaultName): string {
  return name === defaultName ? 'SluiceDatabase' : `SluiceDatabase(${name})`;
}

/**
 * The token under which the jobs of a `JobsModule` are found.
 *
 * ```ts
 * const { queues } = app.get(getJobsToken());
 * ```
 * @param name as in `JobsModule.forRoot({ name })`; default: the one without a name
 */
export function getJobsToken(name: string = defaultName): string {
  return name === defaultName ? 'SluiceJobs' : `SluiceJobs(${name})`;
}

/**
 * The token under which the sagas of a `SagasModule` are found.
 *
 * ```ts
 * const sagas: SagasControl = app.get(getSagasToken());
 * ```
 * @param name as in `SagasModule.forRoot({ name })`; default: the one without a name
 */
export function getSagasToken(name: string = defaultName): string {
  return name === defaultName ? 'SluiceSagas' : `SluiceSagas(${name})`;
}

/**
 * The token under which a queue is found.
 *
 * ```ts
 * const queue = app.get(getQueueToken(invoice));
 * ```
 * @param queue its definition, or its name
 */
export function getQueueToken(queue: string | { readonly name: string }): string {
  return `SluiceQueue(${typeof queue === 'string' ? queue : queue.name})`;
}

/**
 * The token under which the events of an `EventsModule` are found.
 *
 * ```ts
 * const { publications } = await app.get<Events>(getEventsToken()).incomplete();
 * ```
 * @param name as in `EventsModule.forRoot({ name })`; default: those without a name
 */
export function getEventsToken(name: string = defaultName): string {
  return name === defaultName ? 'SluiceEvents' : `SluiceEvents(${name})`;
}
