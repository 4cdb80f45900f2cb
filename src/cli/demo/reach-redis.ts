import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { type BackgroundErrorEvent, channelNames, SluiceError } from '../../index.ts';
import { type JobsSettings, openJobs } from './jobs-shop.ts';

/** How long Redis may take to answer, in milliseconds. */
const patience = 3_000;

/** Why the Redis of REDIS_URL cannot be used, and what to do; nothing where it answers. */
export async function unreachableRedis(
  settings: JobsSettings & { readonly redisUrl: string },
): Promise<string | undefined> {
  let reason: unknown;
  const note = (event: unknown): void => void (reason ??= (event as BackgroundErrorEvent).error);
  subscribe(channelNames.backgroundError, note);
  try {
    await touch(settings);
    return undefined;
  } catch (error) {
    if (!(error instanceof SluiceError)) throw error;
    return `The Redis of REDIS_URL${hostOf(settings.redisUrl)} cannot be used: ${messageOf(reason ?? error.cause ?? error)}. Start it, set another REDIS_URL, or unset it.`;
  } finally {
    unsubscribe(channelNames.backgroundError, note);
  }
}

/** Deletes what is under a prefix that nothing uses, which needs a server that answers and accepts this user. */
async function touch(settings: JobsSettings): Promise<void> {
  const { database, jobs } = openJobs(settings, { enqueueTimeout: patience });
  try {
    await jobs.obliterate();
  } finally {
    await jobs.close({ timeout: 100 });
    await database.close({ timeout: 100 });
  }
}

/** Without what may be secret in it. */
function hostOf(url: string): string {
  return URL.canParse(url) ? ` (${new URL(url).host})` : '';
}

function messageOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
}
