import { newStamp } from '../index.ts';
import { runScript, type Send } from './client.ts';
import { leaseScript, releaseLeaseScript } from './scripts.ts';

/**
 * Takes the right to load for `ttl` milliseconds.
 * @param guard puts a command under its time limit
 * @param name the key in Redis
 * @returns what gives it back; nothing while another one has it
 */
export async function takeLease(
  send: Send,
  guard: (work: () => Promise<unknown>) => Promise<unknown>,
  name: string,
  ttl: number,
): Promise<(() => Promise<void>) | undefined> {
  const owner = newStamp();
  // Not awaited, so it is sent after the commands before it, and also while Redis is left alone.
  const giveBack = async (): Promise<void> => {
    await runScript(send, releaseLeaseScript, [name], [owner]);
  };
  let isSent = false;
  const take = (): Promise<unknown> => {
    isSent = true;
    return runScript(send, leaseScript, [name], [owner, ttl]);
  };
  try {
    return (await guard(take)) === 1 ? giveBack : undefined;
  } catch (error) {
    // It may have been taken, and all others would wait for one that does not know of it.
    if (isSent) giveBack().catch(() => {});
    throw error;
  }
}
