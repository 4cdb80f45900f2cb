import type { Database } from '../../database/index.ts';
import type { TriedRemedy } from './anomaly.ts';
import type { InterleaveOptions } from './options.ts';
import type { Rewrite, Stage } from './orders/index.ts';
import { areAll, areVain, type Findings, ordersInWords } from './findings.ts';
import { shortPlace } from '../short-place.ts';
import { type Judged, Trial } from './trial.ts';

/** What remedies are tried on. */
export interface RemedyStage {
  readonly database: Database;
  readonly options: InterleaveOptions;
  readonly judged: Judged;
  readonly open: (bodies: Stage['bodies'], rewrite?: Rewrite) => Stage;
}

interface Remedy {
  /** What it is: after it was tried, with all places that it has come to. */
  readonly remedy: () => string;
  readonly open: () => Stage;
}

const retry = { attempts: 10, delay: 1 };

/** Tries what may end the anomalies that a trial has found, in the time that the options give. */
export async function tryRemedies(
  trial: Trial,
  { anomalies }: Findings,
  stage: RemedyStage,
): Promise<readonly TriedRemedy[]> {
  const { options, judged } = stage;
  const { maxRemedyRuntime = 2_000 } = options;
  if (maxRemedyRuntime === 0) return [];
  const end = performance.now() + maxRemedyRuntime;
  // What goes wrong one after the other is ended by no lock.
  const isOfOrder = anomalies.some(({ explanation }) => explanation === undefined);
  const remedies = !isOfOrder ? [] : [...lockedReads(trial, stage), ...serializable(stage)];
  const tried: TriedRemedy[] = [];
  for (const [at, { remedy, open }] of remedies.entries()) {
    const maxRuntime = Math.max(0, Math.floor((end - performance.now()) / (remedies.length - at)));
    if (maxRuntime < 1) {
      tried.push(untried(remedy()));
      continue;
    }
    const again = new Trial(open(), { ...options, maxAnomalies: 1, maxRuntime }, judged);
    try {
      const findings = await again.run();
      // One with which an actor always fails is none.
      const isOfUse = [...trial.returned].every((actor) => again.returned.has(actor));
      if (findings.anomalous === 0 && areVain(findings)) tried.push(untried(remedy()));
      else if (isOfUse) tried.push(triedRemedy(remedy(), findings));
    } catch {
      // With it the actors cannot be put in an order: what was found stays the result.
    }
  }
  return tried;
}

function lockedReads({ reads }: Trial, { options, open }: RemedyStage): readonly Remedy[] {
  if (reads.size === 0) return [];
  // The same text may come from several places, also from some that the order that went wrong has not come to.
  const places = new Set([...reads.values()].flatMap((each) => [...each]));
  const rewrite: Rewrite = (statement, place) => {
    if (!reads.has(statement.text)) return statement;
    places.add(place);
    return { ...statement, text: `${statement.text.replace(/[\s;]+$/, '')} for update` };
  };
  return [
    {
      remedy: () => `FOR UPDATE on the read${placesInWords(places)}`,
      open: () => open(options.actors, rewrite),
    },
  ];
}

function serializable({ database, options, judged, open }: RemedyStage): readonly Remedy[] {
  if (judged.clients.length > 1) return [];
  const bodies = Object.entries(options.actors).map(([name, body]) => [
    name,
    () => database.transaction(body, { isolationLevel: 'SERIALIZABLE', retry }),
  ]);
  return [
    {
      remedy: () => 'each actor in one transaction, SERIALIZABLE with retry',
      open: () => open(Object.fromEntries(bodies) as Stage['bodies']),
    },
  ];
}

function placesInWords(places: ReadonlySet<string | undefined>): string {
  const known = [...new Set([...places].flatMap((place) => (place === undefined ? [] : [shortPlace(place)])))];
  if (known.length === 0) return '';
  return ` at ${[...known.toSorted(), ...(places.has(undefined) ? ['a place that is not known'] : [])].join(' and ')}`;
}

function untried(remedy: string): TriedRemedy {
  const inWords = `With ${remedy}: not tried, no time left ("maxRemedyRuntime")`;
  return { remedy, works: undefined, orders: 0, isComplete: false, inWords };
}

function triedRemedy(remedy: string, findings: Findings): TriedRemedy {
  const { orders, anomalous } = findings;
  const isComplete = areAll(findings);
  const works = anomalous === 0;
  const ofOrders = ordersInWords(findings);
  const result = works ? `no anomaly in ${ofOrders}` : `does not end it, an anomaly in ${ofOrders}`;
  return { remedy, works, orders, isComplete, inWords: `With ${remedy}: ${result}` };
}
