/** A server of databases of a test's own, which it may crash and start again. */
export interface OwnServer {
  /** Of a superuser. */
  readonly url: string;
  /** Ends it as a crash does: what was not committed is gone. */
  crash(): Promise<void>;
  /** Starts it again, and resolves when it lets somebody in. */
  start(): Promise<void>;
  /** From now on COMMITs of changes wait on the server. @returns lets them go on */
  holdCommits(): Promise<() => Promise<void>>;
  /** Ends it, and removes its data. */
  stop(): Promise<void>;
}
