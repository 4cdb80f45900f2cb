import type { Database } from '../../database/index.ts';
import type { Statement } from '../../driver/index.ts';
import type { TriedRemedy } from './anomaly.ts';
import type { InterleaveOptions } from './options.ts';
import type { Stage } from './orders/index.ts';
import { areAll, type Findings, ordersInWords } from './findings.ts';
import { shortPlace } from '../short-place.ts';
import { type Judged, Trial } from './trial.ts';

/** What remedies are tried on. */
export interface RemedyStage {
  readonly database: Database;
  readonly options: InterleaveOptions;
  readonly judged: Judged;
  readonly open: (bodies: Stage['bodies'], rewrite?: (statement: Statement) => Statement) => Stage;
}

interface Remedy {
  readonly remedy: string;
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
  const end = performance.now() + (options.maxRemedyRuntime ?? 2_000);
  // What goes wrong one after the other is ended by no lock.
  const isOfOrder = anomalies.some(({ explanation }) => explanation === undefined);
  const remedies = !isOfOrder ? [] : [...lockedReads(trial, stage), ...serializable(stage)];
  const tried: TriedRemedy[] = [];
  for (const [at, { remedy, open }] of remedies.entries()) {
    const maxRuntime = Math.floor((end - performance.now()) / (remedies.length - at));
    if (maxRuntime < 1) break;
    const again = new Trial(open(), { ...options, maxAnomalies: 1, maxRuntime }, judged);
    try {
      const findings = await again.run();
      // One with which an actor always fails is none.
      const isOfUse = [...trial.returned].every((actor) => again.returned.has(actor));
      if (findings.orders > 0 && isOfUse) tried.push(triedRemedy(remedy, findings));
    } catch {
      // With it the actors cannot be put in an order: what was found stays the result.
    }
  }
  return tried;
}

function lockedReads({ reads }: Trial, { options, open }: RemedyStage): readonly Remedy[] {
  if (reads.size === 0) return [];
  const places = new Set([...reads.values()].flatMap((place) => (place === undefined ? [] : [shortPlace(place)])));
  const rewrite = (statement: Statement): Statement =>
    reads.has(statement.text)
      ? { ...statement, text: `${statement.text.replace(/[\s;]+$/, '')} for update` }
      : statement;
  return [
    {
      remedy: `FOR UPDATE on the read${places.size === 0 ? '' : ` at ${[...places].join(' and ')}`}`,
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
      remedy: 'each actor in one transaction, SERIALIZABLE with retry',
      open: () => open(Object.fromEntries(bodies) as Stage['bodies']),
    },
  ];
}

function triedRemedy(remedy: string, findings: Findings): TriedRemedy {
  const { orders, anomalous } = findings;
  const isComplete = areAll(findings);
  const works = anomalous === 0;
  const ofOrders = ordersInWords(findings);
  const result = works ? `no anomaly in ${ofOrders}` : `does not end it, an anomaly in ${ofOrders}`;
  return { remedy, works, orders, isComplete, inWords: `With ${remedy}: ${result}` };
}
