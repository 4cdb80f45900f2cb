import type { ConnectionOptions } from 'mysql2';

/** The settings for a connection that is opened now. */
export type CurrentSettings = () => Promise<ConnectionOptions>;

/** @param password of the user, or what gives the present one */
export function currentSettings(
  config: ConnectionOptions,
  password: string | (() => string | Promise<string>) | undefined,
): CurrentSettings {
  if (typeof password === 'function') return async () => ({ ...config, password: await password() });
  const settings = Promise.resolve(password === undefined ? config : { ...config, password });
  return () => settings;
}

/** Resolves as `work` does, or rejects with the signal's reason: mysql2 never answers the requests of a destroyed connection. */
export function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.finally(() => signal.removeEventListener('abort', onAbort)).then(resolve, reject);
  });
}
