import type pg from 'pg';
import { endClient } from '../wire/cancel-and-close.ts';
import { describeConnectFailure } from './connect-failure.ts';
import { guardReads } from '../wire/guarded-reads.ts';
import type { PostgresOptions } from './options.ts';
import { identify, type SessionFacts } from './identify.ts';
import { internalsOf } from '../wire/pg-types.ts';
import { newClient, type Servers } from './servers.ts';
import { fits, noneFits, roundsOf } from './target-session.ts';

/** A client that is connected, and what its session is. */
export interface ConnectedClient {
  readonly client: pg.Client;
  readonly facts: SessionFacts;
}

/**
 * Connects to the first of the servers that is what is wanted.
 * @param patience how long the servers may take together, in milliseconds; each gets its part
 * @throws the signal's reason; what a server said; TargetSessionError
 */
export async function connectToFirst(
  { configs, wanted, target, maxResultBytes }: Servers & Pick<PostgresOptions, 'maxResultBytes'>,
  patience: number,
  signal: AbortSignal,
): Promise<ConnectedClient> {
  let failure: { readonly error: unknown } | undefined;
  let met = false;
  for (const round of roundsOf(wanted)) {
    for (const config of configs) {
      const limit =
        configs.length === 1 ? signal : AbortSignal.any([signal, AbortSignal.timeout(patience / configs.length)]);
      try {
        const connected = await connectTo(config, limit, maxResultBytes);
        if (fits(round, connected.facts)) return connected;
        met = true;
        await endClient(connected.client);
      } catch (error) {
        signal.throwIfAborted();
        failure = moreTelling(failure, error);
      }
    }
  }
  throw met ? noneFits(target, wanted, failure?.error) : failure?.error;
}

/** @throws the signal's reason; what the server said */
async function connectTo(
  config: pg.ClientConfig,
  signal: AbortSignal,
  maxResultBytes: number | undefined,
): Promise<ConnectedClient> {
  signal.throwIfAborted();
  const client = newClient(config);
  guardReads(client, maxResultBytes);
  // Until the connection listens itself; pg emits errors after connect() has rejected, too.
  client.on('error', () => {});
  const onAbort = (): void => void internalsOf(client).connection.stream.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await client.connect();
    return { client, facts: await identify(client) };
  } catch (error) {
    onAbort();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Of what several servers said, what may soon be otherwise, or else the last. */
function moreTelling(before: { readonly error: unknown } | undefined, error: unknown): { readonly error: unknown } {
  return before !== undefined && describeConnectFailure(before.error).transient ? before : { error };
}
