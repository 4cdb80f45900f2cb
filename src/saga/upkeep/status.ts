/** How a saga stands: on its way, waiting for a time or a signal, being undone, ended, or stuck until it is resumed by hand. */
export type SagaStatus = 'running' | 'waiting' | 'compensating' | 'completed' | 'failed' | 'cancelled' | 'stuck';

/** What the statuses are in the table. `ended_at` is asked for those that have not ended, since they are in an index by themselves. */
export const conditions: Readonly<Record<SagaStatus, string>> = {
  running: "ended_at is null and status = 'running' and stuck is null and (waits_for is null or lease_until > 0)",
  waiting: "ended_at is null and status = 'running' and stuck is null and waits_for is not null and lease_until = 0",
  compensating: "ended_at is null and status = 'compensating' and stuck is null",
  completed: "status = 'completed'",
  failed: "status = 'failed'",
  cancelled: "status = 'cancelled'",
  stuck: 'ended_at is null and stuck is not null',
};
