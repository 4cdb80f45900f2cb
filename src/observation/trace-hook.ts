import { HookTrace, hookTrace } from '../channels/index.ts';
import type { TransactionRecord } from '../context/index.ts';

/** Runs a hook of a transaction as an event. */
export function traceHook<Result>(
  record: TransactionRecord,
  hook: HookTrace['hook'],
  run: () => Promise<Result>,
): Promise<Result> {
  const { id: parentId, chainId, client, level, name, attempt } = record;
  const event = new HookTrace({ parentId, chainId, clientName: client.name, level, name, attempt, hook });
  return hookTrace.run(event, run);
}
