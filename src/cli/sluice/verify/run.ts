import { type Address, secretsOf, withoutSecrets } from '../servers/address.ts';
import { clientDefinition } from '../servers/client-definition.ts';
import { reasonOf, within } from '../servers/failure.ts';
import type { Bench, Topic } from './bench/bench.ts';
import { type OpenBench, openBench } from './bench/open-bench.ts';
import { dropStatement } from './bench/schema.ts';
import type { Result } from './report.ts';
import type { Row, Section } from './row.ts';
import { topics } from './topics/index.ts';

export interface VerifyOptions {
  readonly address: Address;
  /** The schema that is created and dropped. */
  readonly schema: string;
  /** Of the whole run, in milliseconds. */
  readonly timeout: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
  readonly tell: (what: string) => void;
}

/** Of the time that a run has, how much one topic may take. */
const share = 0.5;

/** Looks into a server. What the server does or does not is in the result. @throws UsageError for a URL that cannot be used */
export async function verify({ address, schema, timeout, signal, tell }: VerifyOptions): Promise<Result> {
  const began = performance.now();
  const secrets = secretsOf(address);
  const ending = AbortSignal.any([signal, AbortSignal.timeout(timeout)]);
  const finish = (result: Omit<Result, 'milliseconds'>): Result => ({
    ...result,
    milliseconds: performance.now() - began,
  });
  const { driver } = await clientDefinition(address, {});
  const { target } = driver;
  tell(`${target}: connecting`);
  let opened: OpenBench;
  try {
    opened = await openBench({ address, schema, timeout, signal: ending });
  } catch (error) {
    const reason = withoutSecrets(reasonOf(error), secrets);
    const rows = [notChecked('the server', reason)];
    return finish({ target, facts: [], sections: [{ topic: 'Connection', rows }], remarks: [] });
  }
  const { bench, leftovers } = opened;
  const sections: Section[] = [];
  for (const [index, topic] of topics.entries()) {
    tell(`${target}: ${topic.name.toLowerCase()} (${index + 1} of ${topics.length})`);
    sections.push({ topic: topic.name, rows: await rowsOf(topic, bench, { limit: timeout * share, ending, secrets }) });
  }
  tell(`${target}: cleaning up`);
  const isClean = await opened.close();
  const kind = bench.kind;
  const remarks = [
    ...(isClean ? [] : [`The schema is still there. Drop it with: ${dropStatement(kind, schema)}`]),
    ...leftovers.map(
      (name) => `Another run, which may be going on or was killed, has left a schema: ${dropStatement(kind, name)}`,
    ),
  ];
  return finish({ target, facts: factsOf(bench), sections, remarks });
}

async function rowsOf(
  topic: Topic,
  bench: Bench,
  {
    limit,
    ending,
    secrets,
  }: { readonly limit: number; readonly ending: AbortSignal; readonly secrets: readonly string[] },
): Promise<readonly Row[]> {
  if (ending.aborted) return [notChecked(topic.name.toLowerCase(), reasonToEnd(ending))];
  try {
    return await within(limit, topic.run(bench), ending);
  } catch (error) {
    const reason = ending.aborted ? reasonToEnd(ending) : withoutSecrets(reasonOf(error), secrets);
    return [notChecked(topic.name.toLowerCase(), reason)];
  }
}

function reasonToEnd({ reason }: AbortSignal): string {
  return reason instanceof Error ? 'The time was up (--timeout)' : 'The run was ended';
}

function notChecked(name: string, meaning: string): Row {
  return { name, verdict: 'notChecked', required: false, meaning };
}

function factsOf({ product, pooler, isReadOnly, hasSessions, roundTrip }: Bench): readonly string[] {
  const name = pooler?.console === undefined ? 'a pooler' : `PgBouncer ${pooler.console.version}`;
  const mode = pooler?.mode === 'unknown' ? '' : ` in ${pooler?.mode} mode`;
  return [
    product,
    ...(pooler === undefined ? [] : [`behind ${name}${mode}`]),
    ...(isReadOnly ? ['read-only'] : []),
    ...(hasSessions ? [] : ['one session at a time']),
    `${roundTrip.toFixed(1)} ms a round trip`,
  ];
}
